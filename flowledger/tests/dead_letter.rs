//! `flowledger dead-letter` on a real broker: what it prints, what it changes, and what it refuses to do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Stdio};

use dead_letter::{Letter, put};
use kafka_io::{KafkaConfig, Producer, admin};
use local_parts::{Kafka, Silent};
use schemas::topics::{self, CONNECTION_EVENTS};

struct Stand {
    kafka: Kafka,
    _folder: tempfile::TempDir,
}

/// A broker with four letters, one of them written twice.
async fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..KafkaConfig::default() };
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    let letter = |partition, offset, key: &'static [u8], reason| Letter {
        reason,
        source_name: "main",
        topic: CONNECTION_EVENTS.name,
        partition,
        offset,
        timestamp_ms: 1_793_487_602_000 + offset,
        key: Some(key),
        payload: b"\0\0\0\0\x01 no event",
        headers: &[("trace", b"7")],
    };
    let letters = [
        letter(3, 118, b"64894", "the end lies before the start"),
        letter(3, 118, b"64894", "the end lies before the start"),
        letter(3, 119, b"64894", "event_type: a symbol that is not known"),
        letter(11, 7, b"70019", "the end lies before the start"),
        letter(12, 1, b"\x1b[31mred", "two\nlines"),
    ];
    put(&producer, &letters).await.unwrap();
    Stand { kafka, _folder: folder }
}

impl Stand {
    /// Standard output, standard error and whether it went well.
    fn run(&self, arguments: &[&str]) -> (String, String, bool) {
        let output = Command::new(env!("CARGO_BIN_EXE_flowledger"))
            .arg("dead-letter")
            .args(arguments)
            .env_clear()
            .env("USER", "ann")
            .env("FLOWLEDGER__KAFKA__BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
            // Nobody is there: letters are shown undecoded.
            .env("FLOWLEDGER__REGISTRY__URL", "http://127.0.0.1:1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.success())
    }

    fn gives(&self, arguments: &[&str]) -> String {
        let (said, error, went_well) = self.run(arguments);
        assert!(went_well, "{arguments:?}: {error}");
        said
    }

    /// Letters in a state, by name.
    fn in_state(&self, state: &str) -> Vec<String> {
        let listed = self.gives(&["list", "--json", "--state", state]);
        let name = |line: &str| {
            let letter: serde_json::Value = serde_json::from_str(line).unwrap();
            letter["letter"].as_str().unwrap().to_owned()
        };
        listed.lines().map(name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_shown_replayed_and_discarded() {
    let stand = stand().await;
    insta::assert_snapshot!("dead-letter-list", stand.gives(&["list"]));
    insta::assert_snapshot!(
        "dead-letter-list-json",
        stand.gives(&["list", "--json", "--partition", "3", "--limit", "1"])
    );
    insta::assert_snapshot!("dead-letter-show", stand.gives(&["show", "3-118", "main/12-1"]));

    // A dry run changes nothing.
    let dry = stand.gives(&["replay", "--reason", "END LIES", "--dry-run"]);
    assert_eq!(dry.lines().count(), 2, "{dry}");
    assert!(dry.starts_with("main/11-7\twould replay\t"), "{dry}");
    assert_eq!(stand.in_state("open").len(), 4);

    let replayed = stand.gives(&["replay", "--reason", "END LIES", "--network", "64894", "--why", "mended"]);
    assert!(replayed.starts_with("main/3-118\treplayed to "), "{replayed}");
    assert_eq!(replayed.lines().count(), 1);
    assert_eq!(stand.in_state("replayed"), ["main/3-118"]);
    // Done once, it is done: the same again finds nothing to do.
    assert_eq!(stand.gives(&["replay", "--reason", "END LIES", "--network", "64894"]), "");

    assert_eq!(stand.gives(&["discard", "12-1", "--why", "a test"]), "main/12-1\tdiscarded\n");
    assert_eq!(stand.in_state("discarded"), ["main/12-1"]);
    let shown = stand.gives(&["show", "12-1"]);
    assert!(shown.contains("by ann: a test"), "{shown}");
    assert_eq!(stand.in_state("open"), ["main/11-7", "main/3-119"]);

    // The rest at once, and no more than was said.
    assert_eq!(stand.gives(&["replay", "--all", "--limit", "1"]).lines().count(), 1);
    assert_eq!(stand.gives(&["replay", "--all"]).lines().count(), 1);
    assert!(stand.in_state("open").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_is_not_done() {
    let stand = stand().await;
    for (arguments, said) in [
        (&["replay"][..], "--all"),
        (&["discard", "--all"], "--why"),
        (&["discard", "3-118"], "--why"),
        (&["show", "3-999"], "no letter 3-999"),
        (&["replay", "3-118", "--reason", "not this"], "leave it out"),
        (&["show", "three"], "3-118"),
        (&["list", "--offsets", "9-7"], "offset"),
        (&["list", "--read-max", "2"], "more than 2 records"),
        (&["list", "--tenant", "A B"], "tenant"),
    ] {
        let (_, error, went_well) = stand.run(arguments);
        assert!(!went_well && error.contains(said), "{arguments:?}: {error}");
    }
    // Of no tenant, because nothing can be decoded.
    assert_eq!(stand.gives(&["list", "--json", "--tenant", "acme"]), "");
    assert_eq!(stand.in_state("open").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn letter_of_a_record_that_was_too_large_is_shown_and_not_replayed() {
    let stand = stand().await;
    let config = KafkaConfig { bootstrap_servers: stand.kafka.bootstrap_servers(), ..KafkaConfig::default() };
    let producer = Producer::new(&config, "test").unwrap();
    // More than the client takes at all.
    let value = vec![1; 65_000_000];
    let large = Letter {
        reason: "not in Confluent wire format",
        source_name: "main",
        topic: CONNECTION_EVENTS.name,
        partition: 3,
        offset: 500,
        timestamp_ms: 1_793_487_602_500,
        key: Some(b"64894"),
        payload: &value,
        headers: &[],
    };
    put(&producer, &[large]).await.unwrap();
    let listed: serde_json::Value =
        serde_json::from_str(&stand.gives(&["list", "--json", "--offsets", "500"])).unwrap();
    assert_eq!(listed["bytes"], 65_000_000);
    assert_eq!(listed["cut"]["sha256"].as_str().unwrap().len(), 64);
    assert!(stand.gives(&["show", "3-500"]).contains("too large for the topic; all 65000000 bytes"));

    let (_, error, went_well) = stand.run(&["replay", "3-500"]);
    assert!(!went_well && error.contains("partition 3, offset 500 of connection-events"), "{error}");
    // Others go on beside it, and it stays open.
    assert_eq!(stand.gives(&["replay", "--all"]).lines().count(), 4);
    assert_eq!(stand.in_state("open"), ["main/3-500"]);
    assert_eq!(stand.gives(&["discard", "3-500", "--why", "no event"]), "main/3-500\tdiscarded\n");
}
