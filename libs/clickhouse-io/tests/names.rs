//! Names for whoever types, on the real engine: from the raw rows and from what is kept they are those of a plain evaluation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{self, DayOfNetwork, NameDifference};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::traffic::{self, Named, Searched, Source as AnswerSource};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::connection_event::{ConnectionEvent, EventType, User};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;

/// 2026-10-31T00:00:00Z.
const BEGIN_MS: u64 = 1_793_404_800_000;
const DAY_MS: u64 = 86_400_000;
const DAYS: u64 = 6;
const ALL: [Searched; 4] = [Searched::RemoteNetworks, Searched::Users, Searched::Resources, Searched::Addresses];
const TEXTS: [&str; 4] = ["", "PERSON-2", "ü", "'; --"];

fn day(number: u64) -> Moment {
    Moment::from_millis(i64::try_from(BEGIN_MS + number * DAY_MS).unwrap())
}

/// Few ids whose names change all the time, often several within a second.
fn events(random: &mut StdRng, tenant: &Tenant) -> Vec<ConnectionEvent> {
    let kinds = [EventType::ClosedConnection, EventType::FailedToConnect, EventType::DeniedAccess];
    let event = |number: u64| {
        let end_ms = BEGIN_MS + random.random_range(0..DAYS * 86_400 / 10) * 10_000;
        let mut event = connection(kinds[random.random_range(0..3)], &format!("{number:x}-1"), end_ms);
        let (network, user) = (random.random_range(1..4_u64), random.random_range(1..9_u64));
        event.tenant = tenant.clone();
        event.remote_network_id = network.to_string().parse().unwrap();
        event.remote_network_name = format!("Büro {network} {}", random.random_range(0..3));
        event.resource_id = random.random_range(1..7_u64).to_string().parse().unwrap();
        event.resource_address = ["", "wiki.corp.example", "WIKI.lab.example", "10.0.0.1", "münchen.example"]
            [random.random_range(0..5)]
        .to_owned();
        event.applied_rule = ["", "*.corp.example", "10.0.0.0/8"][random.random_range(0..3)].to_owned();
        let email = format!("person-{user}.{}@acme.example", random.random_range(0..4));
        event.user = (user < 8).then(|| User { id: user.to_string().parse().unwrap(), email });
        let millis = u64::try_from(event.end_time.as_millis()).unwrap();
        event.event_id = EventId::of_fact(tenant, event.connector_id, &event.connection_id, event.event_type, millis);
        event
    };
    (0..400).map(event).collect()
}

/// Of each id the name of its newest connection.
fn plain(events: &[ConnectionEvent], searched: Searched, text: &str) -> Vec<Named> {
    let mut newest = BTreeMap::new();
    for event in events {
        let (id, name) = match searched {
            Searched::RemoteNetworks => (Some(event.remote_network_id.to_string()), event.remote_network_name.clone()),
            Searched::Users => {
                let user = event.user.as_ref();
                (user.map(|it| it.id.to_string()), user.map(|it| it.email.clone()).unwrap_or_default())
            }
            Searched::Resources if event.applied_rule.is_empty() => {
                (Some(event.resource_id.to_string()), event.resource_address.clone())
            }
            Searched::Resources => (Some(event.resource_id.to_string()), event.applied_rule.clone()),
            Searched::Addresses => {
                let address = &event.resource_address;
                ((!address.is_empty()).then(|| address.clone()), address.clone())
            }
        };
        let Some(id) = id else { continue };
        let this = (event.end_time, event.event_id, name);
        let known = newest.entry(id).or_insert_with(|| this.clone());
        *known = known.clone().max(this);
    }
    let mut names: Vec<Named> = newest.into_iter().map(|(id, (_, _, name))| Named { id, name }).collect();
    names.retain(|it| it.name.to_lowercase().contains(&text.to_lowercase()));
    names.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    names
}

async fn assert_found(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    events: &[ConnectionEvent],
    now: Moment,
    source: AnswerSource,
) {
    for searched in ALL {
        for text in TEXTS {
            let expected = plain(events, searched, text);
            let found = traffic::search(clickhouse, tenant, searched, text, 1_000, now).await.unwrap();
            assert_eq!(found.names, expected, "{searched:?} {text:?}, now {now:?}");
            assert_eq!(found.source, source);
        }
        let first = traffic::search(clickhouse, tenant, searched, "", 1, now).await.unwrap();
        assert_eq!(first.names.len(), events.len().min(1));
    }
}

async fn count(clickhouse: &ClickHouse, tenant: &Tenant, events: &[ConnectionEvent], from: Moment, to: Moment) {
    let within = events.iter().filter(|it| (from..to).contains(&it.end_time));
    let days: BTreeSet<_> =
        within.map(|it| DayOfNetwork::of(tenant.clone(), it.end_time, it.remote_network_id)).collect();
    rollup::count_days(clickhouse, rollup::DEFINITION, &days).await.unwrap();
}

#[tokio::test]
async fn names_are_those_of_the_newest_connections_wherever_they_come_from() {
    let engine = engine().await;
    for seed in 0..2 {
        let clickhouse = engine.database(&format!("names_{seed}")).await;
        let tenant: Tenant = format!("tenant-{seed}").parse().unwrap();
        let mut random = StdRng::seed_from_u64(400 + seed);
        let events = events(&mut random, &tenant);
        // Another tenant has Remote Networks of the same ids, and Users of its own.
        let other: Tenant = "globex".parse().unwrap();
        let mut others = self::events(&mut StdRng::seed_from_u64(500 + seed), &other);
        for user in others.iter_mut().filter_map(|it| it.user.as_mut()) {
            user.id = format!("10{}", user.id).parse().unwrap();
        }
        for (partition, events) in [(0, &events), (1, &others)] {
            let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition, offset });
            let rows = events.iter().cloned().zip(0..).map(row).collect();
            insert(&clickhouse, EventTable::Connections, rows, &format!("names {partition}")).await.unwrap();
        }
        // Days 2 and 3 are counted, day 4 goes on, or ended an hour ago; then days 0 and 1 are counted too.
        let now = Moment::from_micros(day(4).as_micros() + random.random_range(7_200..90_000) * 1_000_000);
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Raw).await;
        count(&clickhouse, &tenant, &events, day(2), day(4)).await;
        count(&clickhouse, &other, &others, day(2), day(4)).await;
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Raw).await;
        rollup::names_kept_from(&clickhouse, Moment::from_micros(day(1).as_micros() + 1)).await.unwrap();
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Rollup).await;
        // Once it is known it stays.
        rollup::names_kept_from(&clickhouse, day(5)).await.unwrap();
        count(&clickhouse, &tenant, &events, day(3), day(4)).await;
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Rollup).await;
        // A rebuild that leaves a day out between says nothing of what is before.
        rollup::rebuild(&clickhouse, rollup::DEFINITION, &tenant, (day(0), day(1)), |_, _| {}).await.unwrap();
        assert_eq!(since(&clickhouse).await, "\t2026-11-02 00:00:00\n");
        rollup::rebuild(&clickhouse, rollup::DEFINITION, &tenant, (day(0), day(2)), |_, _| {}).await.unwrap();
        assert_eq!(since(&clickhouse).await, format!("\t2026-11-02 00:00:00\n{tenant}\t2026-10-31 00:00:00\n"));
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Rollup).await;
        assert_kept(&clickhouse, &tenant, &events).await;
        assert_found(&clickhouse, &other, &others, now, AnswerSource::Rollup).await;
        assert_eq!(rollup::verify_names(&clickhouse, &other, (day(2), day(4)), 10).await.unwrap(), []);
        assert_found(&clickhouse, &"initech".parse().unwrap(), &[], now, AnswerSource::Rollup).await;
        // Nothing of days that are over comes from raw rows, and parts that are merged say the same.
        clickhouse.execute("OPTIMIZE TABLE names FINAL").await.unwrap();
        clickhouse.execute("DELETE FROM connections WHERE end_time < '2026-11-04 00:00:00'").await.unwrap();
        assert_found(&clickhouse, &tenant, &events, now, AnswerSource::Rollup).await;
        engine.drop(&clickhouse).await;
    }
}

/// Of the days that are counted no name is missing; of all days those are that were seen in the last ones only, or were another then; and
/// one that goes, or becomes older, is missed.
async fn assert_kept(clickhouse: &ClickHouse, tenant: &Tenant, events: &[ConnectionEvent]) {
    let verify = async |from, to| rollup::verify_names(clickhouse, tenant, (day(from), day(to)), 1_000).await.unwrap();
    assert_eq!(verify(0, 4).await, []);
    let counted: Vec<_> = events.iter().filter(|it| it.end_time < day(4)).cloned().collect();
    let names = |events: &[ConnectionEvent]| {
        ALL.map(|it| plain(events, it, "").into_iter().map(move |name| (format!("{it:?}"), name)).collect::<Vec<_>>())
            .concat()
    };
    let (kept, all) = (names(&counted), names(events));
    let changed = all.iter().filter(|it| !kept.contains(it)).count();
    assert!(changed > 0 && verify(0, DAYS).await.len() >= changed);
    let delete = |name: &str| format!("DELETE FROM names WHERE tenant = '{tenant}' AND {name}");
    clickhouse.execute(&delete("kind = 'user' AND id = '7'")).await.unwrap();
    let found = verify(0, 4).await;
    let is_raw = |it: &NameDifference| it.kept.is_empty() && it.raw.contains("person-7.");
    assert!(found.len() == 1 && is_raw(&found[0]), "{found:?}");
    rollup::rebuild(clickhouse, rollup::DEFINITION, tenant, (day(0), day(4)), |_, _| {}).await.unwrap();
    assert_eq!(verify(0, 4).await, []);
    clickhouse.execute(&delete("kind = 'resource' AND id = '3'")).await.unwrap();
    let older =
        "INSERT INTO names SELECT tenant, 'resource', '3', min((end_time, event_id_tail, 'older')) FROM connections
                 WHERE resource_id = 3 AND tenant = '{tenant}' GROUP BY tenant";
    clickhouse.execute(&older.replace("{tenant}", tenant.as_str())).await.unwrap();
    let found = verify(0, 4).await;
    assert!(found.len() == 1 && found[0].kept.contains("older"), "{found:?}");
    // What is kept and no row has, as it would be of another tenant's.
    let foreign = format!(
        "INSERT INTO names SELECT '{tenant}', 'user', '99', (toDateTime64('2026-11-02 07:00:00', 6, 'UTC'), 'x', 'foreign')"
    );
    clickhouse.execute(&foreign).await.unwrap();
    let found = verify(0, 4).await;
    let is_foreign = |it: &&NameDifference| it.raw.is_empty() && it.kept.ends_with(" foreign") && it.id == "99";
    assert_eq!((found.len(), found.iter().filter(is_foreign).count()), (2, 1), "{found:?}");
    assert_eq!(verify(0, 2).await.iter().filter(is_foreign).count(), 0);
    clickhouse.execute(&delete("kind = 'user' AND id = '99'")).await.unwrap();
    rollup::rebuild(clickhouse, rollup::DEFINITION, tenant, (day(0), day(4)), |_, _| {}).await.unwrap();
    assert_eq!(verify(0, 4).await, []);
}

async fn since(clickhouse: &ClickHouse) -> String {
    clickhouse.text("SELECT tenant, min(since) FROM names_since GROUP BY tenant ORDER BY tenant").await.unwrap()
}
