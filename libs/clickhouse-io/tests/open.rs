//! Open connections on the real engine: what opens, ends and is remembered, one by one and in made-up sequences against a plain evaluation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;
mod open_of_test;

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::traffic;
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, migrate, open};
use engine_of_test::engine;
use open_of_test::plain::{Clock, Key, Plain};
use open_of_test::{event, wait, write};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::ids::Tenant;
use schemas::migrations;
use schemas::times::Moment;
use traffic_query::{FilterForm, TrafficFilter};

use EventType::{ClosedConnection, DeniedAccess, EstablishedConnection, FailedToConnect};

/// 2026-10-31T23:00:02Z.
const LONG_AGO: Moment = Moment::from_millis(1_793_487_602_000);
const HOUR: Duration = Duration::from_secs(3600);
const HOUR_SECONDS: i64 = 3600;
/// Rows by minute are.
/// Sequences of steps; `FLOWLEDGER_OPEN_SEQUENCES` for more, from `FLOWLEDGER_OPEN_FIRST_SEQUENCE` on.
const SEQUENCES: u64 = 3;
/// Steps of each.
const STEPS: usize = 60;

#[tokio::test]
async fn end_of_a_connection_wins_in_whatever_order() {
    let engine = engine().await;
    let clickhouse = engine.database("open").await;
    let closed = |id: &str| event(ClosedConnection, id, LONG_AGO);
    let opened = |id: &str| event(EstablishedConnection, id, LONG_AGO);
    // The end of `a` comes before a late copy of its opening; `b` stays open; `c` is opened and ended.
    for changes in [
        vec![(closed("a"), 5)],
        vec![(opened("b"), 10), (opened("a"), 9)],
        vec![(opened("c"), 11)],
        vec![(closed("c"), 12)],
    ] {
        write(&clickhouse, changes.iter().map(|(event, offset)| (event, *offset))).await;
    }
    let shown = "SELECT connection_id FROM open_connections FINAL WHERE is_open ORDER BY connection_id";
    assert_eq!(clickhouse.text(shown).await.unwrap(), "b\n");
    let tenants: [Tenant; 2] = ["acme".parse().unwrap(), "globex".parse().unwrap()];
    let asked = async |tenant: &Tenant, pairs: &[(&str, &str)]| {
        let mut form = FilterForm::default();
        pairs.iter().for_each(|(name, value)| form.add(name, *value).unwrap());
        traffic::open(&clickhouse, tenant, &form.build().unwrap(), 10).await.unwrap()
    };
    for pairs in
        [&[][..], &[("users", "0"), ("client_addresses", "192.0.2.0/24"), ("protocols", "icmp"), ("domain", "WIKI")]]
    {
        let open = asked(&tenants[0], pairs).await;
        assert_eq!((open.total, open.connections.len()), (1, 1));
        let (found, expected) = (&open.connections[0], opened("b"));
        assert_eq!((found.connection_id.as_str(), found.opened_at), ("b", expected.start_time));
        assert_eq!(found.client_ip, expected.client_ip);
        assert_eq!(asked(&tenants[1], pairs).await.total, 0, "another tenant");
    }
    for pair in [("users", "1"), ("remote_networks", "1"), ("to", "2020-01-01T00:00:00Z"), ("domain", "10.")] {
        assert_eq!(asked(&tenants[0], &[pair]).await.total, 0, "{pair:?}");
    }
    // Long ago: what ended is forgotten with its opening, and what is open is silent.
    clickhouse
        .execute("INSERT INTO open_connections SELECT * REPLACE ('2020-01-01 00:00:00' AS opened_at, version + 1 AS version) FROM open_connections FINAL WHERE is_open")
        .await
        .unwrap();
    let month = 31 * 24 * HOUR;
    // Its Connector has reported just now: what was counted tells it, whatever the event's time is, and no raw row is needed.
    let counted = async |replaced: &str| {
        let columns = "tenant, connector_id, written_at, minute, remote_network_id, resource_id, protocol, tunnel_path, _kafka_source, _kafka_partition, _kafka_offsets";
        let sql = format!(
            "INSERT INTO connections_by_minute ({columns})
             SELECT * REPLACE ({replaced}) FROM (
                 SELECT tenant, connector_id, now64(3) AS written, toDateTime('2020-01-01 00:00:00', 'UTC') AS begin,
                     1 AS network, 2 AS resource, 'tcp' AS transport, 'direct' AS path, 'main' AS source, 3 AS partition, [5] AS offsets
                 FROM open_connections FINAL WHERE is_open)"
        );
        clickhouse.execute(&sql).await.unwrap();
    };
    counted("toString(tenant) AS tenant").await;
    open::end_silent(&clickhouse, HOUR).await.unwrap();
    assert_eq!(clickhouse.text(shown).await.unwrap(), "b\n");
    // Minutes are not kept for so long: a raw row tells it.
    clickhouse.execute("TRUNCATE TABLE connections_by_minute SYNC").await.unwrap();
    let reported = ConnectionEvent { end_time: Moment::now(), ..closed("reported") };
    let row = ConnectionRow::from_event(reported, Source { name: "main", partition: 3, offset: 0 });
    insert(&clickhouse, EventTable::Connections, vec![row], "reported").await.unwrap();
    open::end_silent(&clickhouse, month).await.unwrap();
    assert_eq!(clickhouse.text(shown).await.unwrap(), "b\n");
    // Others have reported, and this one too long ago.
    for others in ["'globex' AS tenant", "connector_id + 1 AS connector_id", "written - toIntervalHour(2) AS written"] {
        counted(others).await;
    }
    open::end_silent(&clickhouse, HOUR).await.unwrap();
    assert_eq!(clickhouse.text(shown).await.unwrap(), "");
    let silent = "SELECT connection_id FROM open_connections FINAL WHERE end_reason = 'silent'";
    assert_eq!(clickhouse.text(silent).await.unwrap(), "b\n");
    wait(&clickhouse, 2 * HOUR_SECONDS).await;
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    assert_eq!(clickhouse.text("SELECT count() FROM open_connections").await.unwrap(), "0\n");
    engine.drop(&clickhouse).await;
}

/// How long ago a connection ended says nothing of when copies of its opening come.
#[tokio::test]
async fn end_that_comes_a_day_late_is_remembered_from_when_it_came() {
    let engine = engine().await;
    let clickhouse = engine.database("open_late").await;
    let ago = |hours: i64| Moment::from_micros(Moment::now().as_micros() - hours * HOUR_SECONDS * 1_000_000);
    let (opening, end) = (event(EstablishedConnection, "a", ago(26)), event(ClosedConnection, "a", ago(25)));
    let open = async || {
        let tenant: Tenant = "acme".parse().unwrap();
        traffic::open(&clickhouse, &tenant, &TrafficFilter::default(), 10).await.unwrap().total
    };
    write(&clickhouse, [(&opening, 1)]).await;
    assert_eq!(open().await, 1);
    write(&clickhouse, [(&end, 2)]).await;
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    write(&clickhouse, [(&opening, 3)]).await;
    assert_eq!(open().await, 0);
    // So is an end by silence, of a connection that was opened long ago.
    write(&clickhouse, [(&event(EstablishedConnection, "b", ago(26)), 4)]).await;
    open::end_silent(&clickhouse, HOUR).await.unwrap();
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    write(&clickhouse, [(&event(EstablishedConnection, "b", ago(26)), 5)]).await;
    assert_eq!(open().await, 0);
    wait(&clickhouse, 2 * HOUR_SECONDS).await;
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    assert_eq!(clickhouse.text("SELECT count() FROM open_connections").await.unwrap(), "0\n");
    engine.drop(&clickhouse).await;
}

/// An entry's versions lie in several parts of the table, its end in the first of them: none is left that would stand for it.
#[tokio::test]
async fn all_versions_of_an_entry_are_forgotten_wherever_they_lie() {
    let engine = engine().await;
    let clickhouse = engine.database("open_parts").await;
    clickhouse.execute("SYSTEM STOP MERGES open_connections").await.unwrap();
    let of_all = |kind: EventType| -> Vec<ConnectionEvent> {
        (0..20).map(|number| event(kind, &format!("connection {number}"), LONG_AGO)).collect()
    };
    write(&clickhouse, of_all(ClosedConnection).iter().zip(1_000..)).await;
    clickhouse.execute("SYSTEM START MERGES open_connections").await.unwrap();
    wait(&clickhouse, 2 * HOUR_SECONDS).await;
    clickhouse.execute("SYSTEM STOP MERGES open_connections").await.unwrap();
    // Openings that come late, and after a restart an end from before that end.
    for first in [0, 2_000, 3_000] {
        write(&clickhouse, of_all(EstablishedConnection).iter().zip(first..)).await;
    }
    write(&clickhouse, of_all(FailedToConnect).iter().zip(500..)).await;
    clickhouse.execute("SYSTEM START MERGES open_connections").await.unwrap();
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    assert_eq!(clickhouse.text("SELECT count() FROM open_connections").await.unwrap(), "0\n");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn entries_of_before_the_upgrade_are_forgotten_by_the_time_of_their_end() {
    let engine = engine().await;
    let clickhouse = engine.database("open_before").await;
    engine.drop(&clickhouse).await;
    let before = migrations::ALL.iter().position(|it| it.number == 17).unwrap();
    migrate::migrate(&clickhouse, &migrations::ALL[..before]).await.unwrap();
    let now = Moment::now();
    let old = [
        (event(EstablishedConnection, "open", LONG_AGO), 1),
        (event(ClosedConnection, "long ago", LONG_AGO), 2),
        (event(ClosedConnection, "just now", now), 3),
    ];
    write(&clickhouse, old.iter().map(|(event, offset)| (event, *offset))).await;
    migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
    write(&clickhouse, [(&event(ClosedConnection, "late", LONG_AGO), 4)]).await;
    // A merge computes nothing anew.
    clickhouse.execute("OPTIMIZE TABLE open_connections FINAL").await.unwrap();
    open::forget_ended(&clickhouse, HOUR).await.unwrap();
    let left =
        "SELECT connection_id, written_at = toDateTime64(coalesce(ended_at, opened_at), 3, 'UTC') FROM open_connections
        ORDER BY connection_id";
    assert_eq!(clickhouse.text(left).await.unwrap(), "just now\t1\nlate\t0\nopen\t1\n");
    engine.drop(&clickhouse).await;
}

/// Ranges of events in any order, ranges that are done again whole or in part, silence, and what is remembered, while the clock goes on.
struct Sequence {
    random: StdRng,
    began: Moment,
    now: Clock,
    /// What lies on the topic: events, when they were, by offset.
    topic: Vec<(ConnectionEvent, Clock)>,
    plain: Plain,
    /// What was done, for who reads a failure.
    done: Vec<String>,
}

/// No event and no step lies at the very end of one of these.
const SILENCE: Clock = 10 * HOUR_SECONDS + 1800;
const REMEMBERED: Clock = 24 * HOUR_SECONDS + 1800;

impl Sequence {
    /// The engine's time of a moment of the made-up clock, as it is now.
    fn moment(&self, time: Clock) -> Moment {
        Moment::from_micros(self.began.as_micros() + (time - self.now) * 1_000_000)
    }

    /// One of few connections, so that they meet; now, or some time ago.
    fn any_event(&mut self) -> (ConnectionEvent, Clock) {
        let random = &mut self.random;
        let kinds = [
            EstablishedConnection,
            EstablishedConnection,
            EstablishedConnection,
            ClosedConnection,
            FailedToConnect,
            DeniedAccess,
        ];
        let kind = *kinds.choose(random).unwrap();
        let time = self.now - HOUR_SECONDS * if random.random_bool(0.5) { 0 } else { random.random_range(1..60) };
        let made = event(kind, ["a", "b"].choose(random).unwrap(), self.began);
        let tenant = ["acme", "globex"].choose(random).unwrap().parse().unwrap();
        let connector_id = ["1", "2", "3", "4"].choose(random).unwrap().parse().unwrap();
        (ConnectionEvent { tenant, connector_id, ..made }, time)
    }

    /// Writes events of these offsets as one range.
    async fn write_range(&mut self, clickhouse: &ClickHouse, offsets: &[usize]) {
        let placed = |offset: usize| {
            let (event, time) = &self.topic[offset];
            let (at, offset) = (self.moment(*time), i64::try_from(offset).unwrap());
            (ConnectionEvent { start_time: at, end_time: at, ..event.clone() }, *time, offset)
        };
        let events: Vec<_> = offsets.iter().map(|offset| placed(*offset)).collect();
        write(clickhouse, events.iter().map(|(event, _, offset)| (event, *offset))).await;
        for (event, time, offset) in &events {
            let (tenant, connector, id) = (&event.tenant, event.connector_id, &event.connection_id);
            self.done
                .push(format!("{} {offset}: {tenant} {connector} {id} {:?} of {time}", self.now, event.event_type));
            self.plain.count(event, *time, *offset, self.now);
        }
    }

    async fn step(&mut self, clickhouse: &ClickHouse) {
        match self.random.random_range(0..10) {
            0..4 => {
                let first = self.topic.len();
                for _ in 0..self.random.random_range(1..8) {
                    // A copy of what lies there already, or something new.
                    let is_copy = self.random.random_bool(0.3);
                    let copied = self.topic.choose(&mut self.random).filter(|_| is_copy).cloned();
                    let next = copied.unwrap_or_else(|| self.any_event());
                    self.topic.push(next);
                }
                let offsets: Vec<usize> = (first..self.topic.len()).collect();
                self.write_range(clickhouse, &offsets).await;
            }
            4 => {
                // After a restart: what was written is written again, or what is missing of it, in whatever order.
                let first = self.random.random_range(0..=self.topic.len());
                let mut offsets: Vec<usize> = (first..self.topic.len().min(first + 8)).collect();
                offsets.shuffle(&mut self.random);
                offsets.truncate(self.random.random_range(0..=8));
                self.write_range(clickhouse, &offsets).await;
            }
            5 => {
                clickhouse.execute("TRUNCATE TABLE connections_by_minute SYNC").await.unwrap();
                for (tenant, connector, at) in self.plain.reported() {
                    let at = self.moment(at).as_micros();
                    let sql = format!(
                        "INSERT INTO connections_by_minute (tenant, connector_id, written_at, minute, remote_network_id, resource_id, protocol,
                             tunnel_path, _kafka_source, _kafka_partition, _kafka_offsets)
                         SELECT '{tenant}', {connector}, fromUnixTimestamp64Micro({at}, 'UTC'), now(), 1, 2, 'tcp', 'direct', 'main', 3, [5]"
                    );
                    clickhouse.execute(&sql).await.unwrap();
                }
                open::end_silent(clickhouse, Duration::from_secs(SILENCE.unsigned_abs())).await.unwrap();
                self.plain.end_silent(SILENCE, self.now);
                self.done.push(format!("{} silence", self.now));
            }
            6 => {
                open::forget_ended(clickhouse, Duration::from_secs(REMEMBERED.unsigned_abs())).await.unwrap();
                self.plain.forget(REMEMBERED, self.now);
                self.done.push(format!("{} forgotten", self.now));
            }
            7 => {
                clickhouse.execute("OPTIMIZE TABLE open_connections FINAL").await.unwrap();
                self.done.push(format!("{} merged", self.now));
            }
            _ => {
                let hours = self.random.random_range(1..20);
                wait(clickhouse, hours * HOUR_SECONDS).await;
                self.now += hours * HOUR_SECONDS;
            }
        }
    }

    /// What is open for those who ask, in the made-up clock.
    async fn open(&self, clickhouse: &ClickHouse) -> BTreeMap<Key, Clock> {
        let mut found = BTreeMap::new();
        for name in ["acme", "globex"] {
            let open = traffic::open(clickhouse, &name.parse().unwrap(), &TrafficFilter::default(), 100).await.unwrap();
            assert_eq!(open.total, open.connections.len() as u64);
            found.extend(open.connections.into_iter().map(|it| {
                let opened = (it.opened_at.as_micros() - self.began.as_micros()).div_euclid(1_000_000) + self.now;
                ((name.to_owned(), it.connector, it.connection_id), opened)
            }));
        }
        found
    }
}

async fn ended(clickhouse: &ClickHouse) -> BTreeMap<Key, String> {
    let sql = "SELECT tenant, connector_id, connection_id, end_reason FROM open_connections FINAL WHERE NOT is_open";
    let ended = clickhouse.text(sql).await.unwrap();
    let entry = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [tenant, connector, id, reason] => {
            ((tenant.to_owned(), connector.parse().unwrap(), id.to_owned()), reason.to_owned())
        }
        _ => panic!("four columns: {line}"),
    };
    ended.lines().map(entry).collect()
}

#[tokio::test]
async fn what_is_open_is_what_a_plain_evaluation_says_whatever_comes_in_whatever_order() {
    let engine = engine().await;
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let first = number("FLOWLEDGER_OPEN_FIRST_SEQUENCE").unwrap_or(0);
    let known = first..first + number("FLOWLEDGER_OPEN_SEQUENCES").unwrap_or(SEQUENCES);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut shown = 0;
    // The last is one that nobody has seen: a failure names it.
    for seed in known.chain([rand::random_range(1_000_000..1_000_000_000)]) {
        let clickhouse = engine.database(&format!("open_sequence_{seed}")).await;
        let (random, began) = (StdRng::seed_from_u64(seed), Moment::from_millis(Moment::now().as_millis()));
        let mut sequence =
            Sequence { random, began, now: 0, topic: Vec::new(), plain: Plain::default(), done: Vec::new() };
        for step in 0..STEPS {
            sequence.step(&clickhouse).await;
            let open = sequence.open(&clickhouse).await;
            assert_eq!(open, sequence.plain.open(), "sequence {seed}, step {step}: {:#?}", sequence.done);
            let ended = ended(&clickhouse).await;
            let expected: BTreeMap<Key, String> =
                sequence.plain.ended().into_iter().map(|(key, reason)| (key, reason.to_owned())).collect();
            assert_eq!(ended, expected, "sequence {seed}, step {step}: {:#?}", sequence.done);
            shown += open.len();
            ended.into_values().for_each(|reason| *reasons.entry(reason).or_default() += 1);
        }
        engine.drop(&clickhouse).await;
    }
    // A test of nothing would pass too.
    assert!(shown > STEPS && reasons.len() == 3, "{shown} {reasons:?}");
}
