//! Made-up traffic: Connectors of two tenants that write log lines as real ones do.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use schemas::times::Moment;
use serde_json::{Value, json};
use service_kit::CancellationToken;

/// One Connector that plays.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    /// Tenant of the Connector.
    pub(crate) tenant: &'static str,
    id: u64,
    name: &'static str,
    network: (u64, &'static str),
}

/// The Connectors of the demo: two tenants, two Remote Networks each.
pub(crate) const PLAYERS: [Player; 4] = [
    Player { tenant: "acme", id: 150_001, name: "quiet-heron", network: (64_894, "aws-us-east-1") },
    Player { tenant: "acme", id: 150_002, name: "brave-otter", network: (64_895, "🏠 Office") },
    Player { tenant: "globex", id: 160_001, name: "calm-lynx", network: (70_001, "dc, frankfurt") },
    Player { tenant: "globex", id: 160_002, name: "eager-raven", network: (70_002, "münchen") },
];

const RESOURCES: [(u64, &str, &str, u16); 6] = [
    (2_326_772, "git.corp.example", "*.corp.example", 22),
    (2_326_773, "wiki.corp.example", "*.corp.example", 443),
    (2_326_774, "10.20.0.7", "10.20.0.0/16", 3389),
    (2_326_775, "fd00:10::7", "fd00:10::/32", 443),
    (2_326_776, "db.internal", "db.internal", 5432),
    (2_326_777, "gone.corp.example", "*.corp.example", 443),
];
const RELAYS: [(&str, &str, u16); 3] =
    [("relay-ams", "198.51.100.7", 30_501), ("relay-iad", "203.0.113.9", 30_010), ("relay-fra", "2001:db8::9", 30_018)];
const CITIES: [(&str, &str, f64, f64); 3] =
    [("Omaha", "US", 41.25, -96.0), ("Köln", "DE", 50.93, 6.95), ("Wellington", "NZ", -41.28, 174.77)];

impl Player {
    /// The file that this Connector's log goes to, below `folder`.
    #[must_use]
    pub(crate) fn log_file(&self, folder: &Path) -> PathBuf {
        folder.join(self.tenant).join(format!("{}.log", self.name))
    }
}

/// A connection that is open.
struct Open {
    since: Moment,
    lasts: Duration,
    facts: Value,
}

/// One Connector's log, line by line.
pub(crate) struct Script {
    player: Player,
    pick: StdRng,
    open: Vec<Open>,
}

impl Script {
    /// The log of a Connector that has no connection yet. Same seed and times, same lines.
    #[must_use]
    pub(crate) fn new(player: Player, pick: StdRng) -> Self {
        Self { player, pick, open: Vec::new() }
    }

    /// The lines of one moment, in order; may be none.
    pub(crate) fn lines_at(&mut self, now: Moment) -> Vec<String> {
        let mut lines = self.closed(now);
        match self.pick.random_range(0..100) {
            0..60 => lines.push(self.opened(now)),
            60..66 => lines.push(self.failed(now)),
            66..69 => lines.push(self.denied(now)),
            69..72 => lines.push(format!("{} INFO connector: keepalive ok", now.as_millis())),
            72 => lines.push("ANALYTICS {\"event_type\":\"closed_connection\",\"timest".to_owned()),
            _ => {}
        }
        lines
    }

    fn closed(&mut self, now: Moment) -> Vec<String> {
        let is_over = |open: &Open| now.as_millis() - open.since.as_millis() >= millis(open.lasts);
        let (ended, still_open) = self.open.drain(..).partition::<Vec<_>, _>(is_over);
        self.open = still_open;
        ended
            .into_iter()
            .map(|Open { since, mut facts, .. }| {
                facts["event_type"] = json!("closed_connection");
                facts["timestamp"] = json!(now.as_millis());
                facts["connection"]["duration"] = json!(now.as_millis() - since.as_millis());
                let magnitude = self.pick.random_range(8..32);
                facts["connection"]["rx"] = json!(self.pick.random_range(0..1_u64 << magnitude));
                facts["connection"]["tx"] = json!(self.pick.random_range(0..1_u64 << (magnitude / 2 + 4)));
                line(&facts)
            })
            .collect()
    }

    fn opened(&mut self, now: Moment) -> String {
        let facts = self.facts("established_connection", now);
        let lasts = Duration::from_millis(2_u64.pow(self.pick.random_range(4..15)));
        let text = line(&facts);
        self.open.push(Open { since: now, lasts, facts });
        text
    }

    fn failed(&mut self, now: Moment) -> String {
        let mut facts = self.facts("failed_to_connect", now);
        let unresolved = self.pick.random_bool(0.5);
        if unresolved {
            facts["connection"]["resource_ip"] = json!("");
        }
        facts["connection"]["error_message"] = json!(if unresolved { "no such host" } else { "connection refused" });
        line(&facts)
    }

    fn denied(&mut self, now: Moment) -> String {
        let mut facts = self.facts("denied_access", now);
        facts["connection"]["error_message"] = json!("not allowed by policy");
        line(&facts)
    }

    fn facts(&mut self, event_type: &str, now: Moment) -> Value {
        let pick = &mut self.pick;
        let (resource, asked, rule, port) = RESOURCES[pick.random_range(0..RESOURCES.len())];
        let literal = asked.starts_with(['1', 'f']) && !asked.ends_with("example");
        let resource_ip = if literal {
            asked.to_owned()
        } else {
            format!("10.20.{}.{}", pick.random_range(0..4), pick.random_range(1..255))
        };
        let person = pick.random_range(0..24_u64);
        let relayed = pick.random_bool(0.4);
        let relays: Vec<Value> = RELAYS
            .choose_multiple(pick, usize::from(relayed))
            .map(|(name, ip, port)| json!({ "name": name, "ip": ip, "port": port }))
            .collect();
        let mut facts = json!({
            "event_type": event_type,
            "timestamp": now.as_millis(),
            "connection": {
                "id": format!("{:016x}-{}", pick.random::<u64>(), pick.random_range(1..9_999)),
                "protocol": "tcp",
                "client_ip": format!("192.0.2.{}:{}", 10 + person, pick.random_range(40_000..60_000)),
                "resource_ip": resource_ip,
                "resource_port": port,
                "tunnel_path": if relayed { "relay" } else { "direct" },
                "tunnel_proto": "quic/udp",
            },
            "connector": { "id": self.player.id.to_string(), "name": self.player.name },
            "remote_network": { "id": self.player.network.0.to_string(), "name": self.player.network.1 },
            "resource": { "id": resource.to_string(), "address": asked, "applied_rule": rule },
            "relays": relays,
        });
        if pick.random_bool(0.1) {
            facts["service_account"] = json!({ "id": "9001", "name": "ci, nightly", "key": "key-1", "key_id": "771" });
        } else {
            let (city, country, lat, lon) = CITIES[pick.random_range(0..CITIES.len())];
            facts["user"] = json!({ "id": (113_000 + person).to_string(), "email": format!("person{person}@{}.example", self.player.tenant) });
            facts["device"] = json!({ "id": (200_000 + person * 2).to_string() });
            let geoip = json!({ "geoip": { "city": city, "country": country, "lat": lat, "lon": lon } });
            facts["location"] = json!(geoip.to_string());
        }
        facts
    }
}

fn line(facts: &Value) -> String {
    format!("ANALYTICS {facts}")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Writes one Connector's log until told to stop. The file is made, with its folder, when it is not there.
///
/// # Errors
/// When the file cannot be written.
pub(crate) async fn play(player: Player, folder: PathBuf, stop: CancellationToken) -> std::io::Result<()> {
    let path = player.log_file(&folder);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    let mut script = Script::new(player, rand::SeedableRng::from_os_rng());
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        for line in script.lines_at(Moment::now()) {
            writeln!(file, "{line}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_connection_that_closed_was_open_before() {
        let mut script = Script::new(PLAYERS[0].clone(), StdRng::seed_from_u64(7));
        let lines: Vec<String> =
            (0..2_000).flat_map(|tick| script.lines_at(Moment::from_millis(1_790_000_000_000 + tick * 50))).collect();
        let ids = |event_type: &str| -> Vec<String> {
            lines
                .iter()
                .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("ANALYTICS ")?).ok())
                .filter(|event| event["event_type"] == event_type)
                .map(|event| event["connection"]["id"].to_string())
                .collect()
        };
        let (opened, closed) = (ids("established_connection"), ids("closed_connection"));
        assert!(closed.len() > 100);
        assert!(closed.iter().all(|id| opened.contains(id)));
    }
}
