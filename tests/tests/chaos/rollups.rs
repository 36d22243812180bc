//! The roll-ups, held against the raw rows.

use std::time::{Duration, Instant};

use clickhouse_io::rollup::{self, Unit};
use schemas::ids::Tenant;
use schemas::times::Moment;

use crate::stage::Stage;
use crate::traffic::has_copies;

/// Within so long hours and days of late events are right: whoever counts them looks every five seconds, over a network on which one request
/// of thirty goes wrong, some of them for twenty seconds.
const RIGHT_MAX: Duration = Duration::from_secs(180);
/// Late events are from before it, and no others.
const LATE_DAYS: i64 = 39;
/// More than are ever looked at.
const DIFFERENCES_MAX: u32 = 1_000_000;

/// Minutes of Remote Networks that count fewer connections than there are facts, or more than there are rows.
const BEYOND: &str = "SELECT moment, network, sum(counted) AS all_counted, sum(facts) AS all_facts, sum(stored) AS all_stored
    FROM (
        SELECT minute AS moment, remote_network_id AS network, sum(succeeded + failed_dns + failed_other + denied) AS counted,
            0 AS facts, 0 AS stored
        FROM connections_by_minute GROUP BY moment, network
        UNION ALL
        SELECT toStartOfMinute(end_time) AS moment, remote_network_id AS network, 0, uniqExact(event_id), count()
        FROM connections GROUP BY moment, network)
    GROUP BY moment, network HAVING all_counted < all_facts OR all_counted > all_stored";

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

/// Groups by minute that are not what the raw rows say. A copy counts again where who counts has not seen the fact itself, as after a restart: of
/// Remote Networks with copies only the bounds are known.
pub(crate) async fn wrong_minutes(stage: &Stage) -> usize {
    let range = (Moment::FIRST, Moment::END);
    let found = rollup::verify(stage.clickhouse(), &acme(), Unit::Minute, range, DIFFERENCES_MAX).await.unwrap();
    let wrong = found.iter().filter(|group| !has_copies(group.remote_network_id)).map(|group| format!("{group:?}"));
    let beyond = stage.sql(BEYOND).await;
    shown(&wrong.chain(beyond.lines().map(str::to_owned)).collect::<Vec<_>>())
}

/// Late connections, each once.
pub(crate) async fn late(stage: &Stage) -> usize {
    let sql =
        format!("SELECT uniqExact(event_id) FROM connections WHERE end_time < now() - toIntervalDay({LATE_DAYS})");
    stage.sql(&sql).await.trim().parse().unwrap()
}

/// What hours, days, days of Remote Networks and names have of late events otherwise than the raw rows; waits until that is nothing, and no longer
/// than it may take.
pub(crate) async fn wait_late(stage: &mut Stage) -> usize {
    let begin = Instant::now();
    loop {
        let wrong = wrong_of_late(stage).await;
        if wrong.is_empty() || begin.elapsed() > RIGHT_MAX {
            return shown(&wrong);
        }
        stage.restart_ended();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn wrong_of_late(stage: &Stage) -> Vec<String> {
    let until = Moment::from_micros(Moment::now().as_micros() - LATE_DAYS * 86_400_000_000);
    let (clickhouse, tenant, range) = (stage.clickhouse(), acme(), (Moment::FIRST, until));
    let mut wrong = Vec::new();
    for unit in [Unit::Hour, Unit::Day, Unit::NetworkDay] {
        let found = rollup::verify(clickhouse, &tenant, unit, range, DIFFERENCES_MAX).await.unwrap();
        wrong.extend(found.iter().map(|group| format!("{unit:?}: {group:?}")));
    }
    let names = rollup::verify_names(clickhouse, &tenant, range, DIFFERENCES_MAX).await.unwrap();
    wrong.extend(names.iter().map(|name| format!("{name:?}")));
    wrong
}

/// The first of them are printed; gives how many they are.
fn shown(wrong: &[String]) -> usize {
    for one in wrong.iter().take(10) {
        println!("roll-ups: {one}");
    }
    wrong.len()
}
