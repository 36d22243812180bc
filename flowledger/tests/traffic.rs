//! `flowledger traffic` on the real engine: what it prints and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use local_parts::{ClickHouseProcess, Silent};
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{ConnectionEvent, EventType, Location};
use schemas::examples::connection;
use schemas::migrations;

struct Stand {
    engine: ClickHouseProcess,
    folder: tempfile::TempDir,
    asn_database: Option<PathBuf>,
}

/// An engine with an opened and closed connection, a failure and a denied attempt of `acme`.
async fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_flowledger").as_ref();
    let engine = ClickHouseProcess::start(binary, folder.path(), None, &Silent).await.unwrap();
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
    migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
    let begin = 1_793_487_602_000;
    let opened = connection(EventType::EstablishedConnection, "7f-1", begin);
    let closed = connection(EventType::ClosedConnection, "7f-1", begin + 61_250);
    let (city, country) = (Some("Berlin".to_owned()), Some("DE".to_owned()));
    let location = Some(Location { city, country, ..Location::default() });
    let closed = ConnectionEvent { start_time: opened.end_time, bytes_received: 9_000_000_000, location, ..closed };
    let failed = connection(EventType::FailedToConnect, "7f-2", begin + 86_400_000);
    let failed = ConnectionEvent {
        remote_network_name: "two\nlines".to_owned(),
        client_ip: parse_bare_address("192.0.2.4"),
        ..failed
    };
    let denied = connection(EventType::DeniedAccess, "7f-3", begin + 86_400_500);
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset });
    let ended = [closed, failed, denied].into_iter().zip(1..).map(row).collect();
    insert(&clickhouse, EventTable::ConnectionOpenings, vec![row((opened, 0))], "openings").await.unwrap();
    insert(&clickhouse, EventTable::Connections, ended, "ended").await.unwrap();
    Stand { engine, folder, asn_database: None }
}

impl Stand {
    /// Standard output, standard error and whether it went well.
    fn run(&self, command: &str, arguments: &[&str]) -> (String, String, bool) {
        let output = Command::new(env!("CARGO_BIN_EXE_flowledger"))
            .arg(command)
            .args(arguments)
            .env_clear()
            .env("FLOWLEDGER__CLICKHOUSE__URL", self.engine.url())
            .envs(self.asn_database.as_ref().map(|path| ("FLOWLEDGER__CONSOLE__ASN_DATABASE", path)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.success())
    }

    /// What is printed, after the question; what is said beside it, below.
    fn gives(&self, question: &str) -> String {
        let (said, beside, went_well) = self.run("traffic", &question.split(' ').collect::<Vec<_>>());
        assert!(went_well, "{question}: {beside}");
        format!("$ flowledger traffic {question}\n{said}{beside}\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_for_one_tenant() {
    let stand = stand().await;
    let hours = ["--tenant", "acme", "--from", "2026-10-31T00:00:00Z", "--to", "2026-11-03T00:00:00Z"];
    let aggregate = |verb: &str| stand.run("aggregate", &[&[verb], &hours[..]].concat());
    let before = aggregate("verify");
    assert!(!before.2 && before.1.contains("2 groups differ"), "{before:?}");
    insta::assert_snapshot!("aggregate-verify", before.0);
    let rebuilt = aggregate("rebuild");
    assert!(rebuilt.2 && rebuilt.1.ends_with("flowledger: 2 of 2 hours are counted\n"), "{rebuilt:?}");
    let after = aggregate("verify");
    assert!(after.2 && after.0.is_empty(), "{after:?}");
    let by = format!(" hours of Remote Networks are counted by definition {}\n", clickhouse_io::rollup::DEFINITION);
    assert!(after.1.contains(&by) && after.1.ends_with("flowledger: roll-up and raw rows are the same\n"), "{after:?}");

    // A copy that was published twice, one partition further.
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: stand.engine.url(), ..ClickHouseConfig::default() });
    let denied = connection(EventType::DeniedAccess, "7f-3", 1_793_487_602_000 + 86_400_500);
    let copy = ConnectionRow::from_event(denied, Source { name: "main", partition: 1, offset: 9 });
    insert(&clickhouse, EventTable::Connections, vec![copy], "copy").await.unwrap();
    let found = aggregate("verify");
    assert!(found.2 && found.1.contains("1 raw rows are copies"), "{found:?}");
    let dry = stand.run("aggregate", &[&["dedupe", "--dry-run"], &hours[..]].concat());
    assert!(dry.2, "{dry:?}");
    insta::assert_snapshot!("aggregate-dedupe", format!("{}{}", dry.0, dry.1));
    for said in ["flowledger: 1 copies are deleted\n", "flowledger: there are no copies\n"] {
        let done = stand.run("aggregate", &[&["dedupe", "--by", "jane"], &hours[..]].concat());
        assert_eq!(done, (String::new(), said.to_owned(), true));
    }

    let gone = ["--by", "minute", "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z", "--tenant", "acme"];
    let gone = stand.run("aggregate", &[&["verify"], &gone[..]].concat());
    assert!(!gone.2 && gone.1.contains("minutes are kept for 30 days"), "{gone:?}");

    let range = "--from 2026-11-01T00:00 --to 2026-11-03T00:00 --zone Europe/Berlin";
    let page = stand.run("traffic", &["recent", "--tenant", "acme", "--json", "--limit", "1"]).0;
    let newest: serde_json::Value = serde_json::from_str(&page).unwrap();
    let newest = newest["event_id"].as_str().unwrap();
    let answers = [
        "recent --tenant acme".to_owned(),
        "recent --tenant acme --limit 1".to_owned(),
        format!("recent --tenant acme --json --before {newest} --statuses NORMAL --statuses DNS_ERROR"),
        "recent --tenant globex".to_owned(),
        format!("series --tenant acme {range} --bucket day --split user --measure connections --measure bytes"),
        format!("series --tenant acme {range} --bucket day --measure denied --json"),
        "top --tenant acme --by status --by remote_network --measure events --measure users".to_owned(),
        "top --tenant acme --by status --measure events --limit 1 --json".to_owned(),
        "facets --tenant acme --of protocol --of status --statuses NORMAL".to_owned(),
        format!("insight --tenant acme unresolved_names {range}"),
        "insight --tenant acme inactive_users --from 2026-11-03T00:00 --to 2026-11-04T00:00 --json".to_owned(),
        "search --tenant acme users JANE".to_owned(),
        "search --tenant acme addresses --json".to_owned(),
    ];
    let printed: String = answers.iter().map(|question| stand.gives(question)).collect();
    insta::assert_snapshot!("traffic", printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_shown_with_their_networks_from_a_database_that_is_named() {
    let mut stand = stand().await;
    let database = stand.folder.path().join("networks.mmdb");
    std::fs::write(&database, address_lookup::examples::networks()).unwrap();
    stand.asn_database = Some(database.clone());
    let answers = [
        "top --tenant acme --by client_address --measure events",
        "top --tenant acme --by client_address --measure events --json",
        "top --tenant acme --by protocol --measure events",
        "recent --tenant acme --statuses DNS_ERROR --json",
        "insight --tenant acme new_client_addresses --from 2026-11-01T00:00 --to 2026-11-03T00:00",
    ];
    let printed: String = answers.into_iter().map(|question| stand.gives(question)).collect();
    insta::assert_snapshot!("traffic-networks", printed);

    std::fs::write(&database, address_lookup::examples::places()).unwrap();
    let (said, error, went_well) = stand.run("traffic", &["open", "--tenant", "acme"]);
    assert!(!went_well && said.is_empty());
    assert!(error.starts_with("flowledger: console.asn_database: ") && error.contains("has ASN or"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_is_shown_with_its_opening_and_to_nobody_else() {
    let stand = stand().await;
    let opened = connection(EventType::EstablishedConnection, "7f-1", 1_793_487_602_000).event_id.to_string();
    insta::assert_snapshot!("traffic-connection", stand.gives(&format!("connection --tenant acme {opened}")));
    let (said, error, went_well) = stand.run("traffic", &["connection", "--tenant", "globex", &opened]);
    assert!(!went_well && said.is_empty());
    assert_eq!(error, "flowledger: globex has no such event\n");
}

#[test]
fn what_is_wrong_is_named_before_anything_is_asked() {
    let refused = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowledger"));
        // Nobody listens there: an answer would be another one.
        command.arg("traffic").args(arguments).env_clear().env("FLOWLEDGER__CLICKHOUSE__URL", "http://127.0.0.1:1");
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, words) in [
        (&["recent"][..], "--tenant"),
        (&["recent", "--tenant", "acme", "--users", "jane"], "--users is not a decimal number"),
        (&["recent", "--tenant", "acme", "--client-addresses", "10.0.0.0/40"], "--client-addresses has more bits"),
        (&["top", "--tenant", "acme"], "--by"),
        (&["top", "--tenant", "acme", "--by", "money"], "is none of remote_network, user"),
        (&["series", "--tenant", "acme", "--bucket", "minute"], "bucket makes more than 2000 points"),
        (&["connection", "--tenant", "acme", "7f-1"], "a UUID of version 8"),
        (&["recent", "--tenant", "acme", "--limit", "501"], "limit is not from 1 to 500"),
        (&["open", "--tenant", "acme", "--limit", "10001"], "limit is not from 1 to 10000"),
        (&["search", "--tenant", "acme", "users", "--limit", "0"], "limit is not from 1 to 1000"),
        (&["facets", "--tenant", "acme", "--of", "user", "--limit", "101"], "limit is not from 1 to 100"),
        (&["insight", "--tenant", "acme", "error_rate", "--limit", "0"], "limit is not from 1 to 1000"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
