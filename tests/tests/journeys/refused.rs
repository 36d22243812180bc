//! What is refused: what only an operator can mend ends a service at its start, with words that say what; requests on the topic that cannot be read, or are
//! not allowed, are letters, and those that can be read have failed reports too.

use std::time::{Duration, Instant};

use kafka_io::{Delivered, OutRecord, Producer, admin};
use reqwest::Method;
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::REPORT_REQUEST;
use schemas::examples::report_request;
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportFilter, ReportRequest};
use schemas::times::Moment;
use schemas::topics::{AUDIT_EVENTS, REPORT_REQUESTS, REPORT_REQUESTS_DEAD_LETTER, Topic, headers};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::parts::{Choice, Parts};
use crate::publishing::{records, wait_topic_read};
use crate::slices::SOON_GIVEN_UP;
use crate::stack::{Session, Stack, WAIT_MAX, everything, tenant, unique};

/// Far longer than a start takes.
const START_MAX: Duration = Duration::from_secs(60);

#[tokio::test]
async fn console_does_not_wait_for_a_log_that_it_cannot_follow() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::start(folder.path(), &unique(), Choice::Own).await;
    // As somebody's own tool made it; what is there is left as it is by `flowledger migrate`.
    let made = Topic { partitions: 2, ..AUDIT_EVENTS };
    admin::ensure_topics(&parts.kafka_config(), &[made], 1).await.unwrap();
    let config = folder.path().join("flowledger.toml");
    let text =
        format!("[telemetry]\nlisten = \"127.0.0.1:0\"\n{}[console]\nlisten = \"127.0.0.1:0\"\n", parts.sections());
    std::fs::write(&config, text).unwrap();
    let run = async |command: &str| {
        let mut run = Command::new(local_parts::flowledger_binary().unwrap());
        run.arg(command).arg("--config").arg(&config).kill_on_drop(true);
        let output = tokio::time::timeout(START_MAX, run.output()).await.expect("it ends by itself").unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (went_well, said) = run("migrate").await;
    assert!(went_well, "{said}");
    let (went_well, said) = run("console").await;
    assert!(!went_well, "{said}");
    assert!(said.lines().last().unwrap().contains("audit-events has 2 partitions, and an audit log has one"), "{said}");
    parts.clean().await;
}

/// A request that a stranger has put on the topic.
struct Put {
    key: String,
    value: Vec<u8>,
    delivered: Delivered,
    /// What its letter says begins so.
    reason: &'static str,
}

/// All lie in one partition: as long as the first one waits, no offset moves.
async fn put(producer: &Producer, key: String, value: Vec<u8>, reason: &'static str) -> Put {
    let record = OutRecord { topic: REPORT_REQUESTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
    let delivered = producer.enqueue_to(0, record).await.unwrap().await.unwrap();
    Put { key, value, delivered, reason }
}

/// Waits until a report has failed; gives its reason.
async fn wait_failed(session: &Session<'_>, id: &str) -> String {
    let begin = Instant::now();
    loop {
        let answer = session.request(Method::GET, &format!("/reports/{id}")).send().await.unwrap();
        let shown: Value = answer.json().await.unwrap();
        if shown["state"] == "failed" {
            return shown["reason"].as_str().unwrap().to_owned();
        }
        assert!(shown["state"] != "completed" && begin.elapsed() < WAIT_MAX, "{shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Each has one letter: the record as it was, why, and where it lay.
async fn assert_one_letter_each(stack: &Stack, all: &[Put]) {
    let begin = Instant::now();
    let lying = loop {
        let lying = records(stack, REPORT_REQUESTS_DEAD_LETTER.name).await;
        let is_there = |put: &Put| lying.iter().any(|letter| letter.key.as_deref() == Some(put.key.as_bytes()));
        if all.iter().all(is_there) {
            break lying;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{} letters", lying.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    for Put { key, value, delivered, reason } in all {
        let own: Vec<_> = lying.iter().filter(|letter| letter.key.as_deref() == Some(key.as_bytes())).collect();
        assert_eq!(own.len(), 1, "{reason}: {own:?}");
        let header = |name| String::from_utf8(own[0].header(name).unwrap().to_vec()).unwrap();
        assert!(header(headers::REASON).starts_with(reason), "{reason}: {}", header(headers::REASON));
        assert_eq!(own[0].payload.as_deref(), Some(&value[..]), "{reason}");
        assert_eq!(header(headers::SOURCE_TOPIC), REPORT_REQUESTS.name);
        assert_eq!(
            (header(headers::SOURCE_PARTITION), header(headers::SOURCE_OFFSET)),
            (delivered.partition.to_string(), delivered.offset.to_string())
        );
    }
}

#[tokio::test]
async fn request_that_is_not_allowed_is_refused_by_the_api_and_on_the_topic_it_fails_and_is_a_letter() {
    let acme = &tenant("acme");
    let section = format!("[limits]\nreports_a_day = 3\n{SOON_GIVEN_UP}");
    let mut stack = Stack::start_with_section(&[(acme, None)], &section).await;
    let mut wrong = everything();
    wrong["ports"] = json!(["https"]);
    let session = stack.sign_in(acme).await;
    let refused = session.request(Method::POST, "/reports").json(&wrong).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["field"], "ports");

    let (producer, registry) = stack.parts.journal_parts();
    let encoder = Encoder::new(registry.ensure(&REPORT_REQUEST).await.unwrap(), &REPORT_REQUEST).unwrap();
    let asked = || ReportRequest {
        report_id: ReportId::generate(),
        tenant: acme.parse().unwrap(),
        requested_at: Moment::now(),
        ..report_request()
    };
    let ask = async |request: ReportRequest, reason| {
        put(&producer, request.report_id.to_string(), encoder.encode(&request).unwrap(), reason).await
    };
    // It is looked for a minute whether that comes.
    let barrier = vec![BarrierOffset { partition: 0, offset: 1 << 40 }];
    let waiting = ask(ReportRequest { barrier, ..asked() }, "barrier is at offset 1099511627776 of partition 0 ").await;
    let mut all = Vec::new();
    // No registry can have given out this id.
    let unreadable = [&SchemaId::new(u32::MAX).prefix()[..], b"body"].concat();
    all.push(put(&producer, unique(), unreadable, "schema registry knows no schema 4294967295").await);
    let filter = ReportFilter { ports: vec!["https".to_owned()], ..ReportFilter::default() };
    let of_range = ReportRequest { range_to: Moment::FIRST, ..asked() };
    // The last one could be made, and is the fourth of three a day.
    for (request, reason) in [
        (ReportRequest { filter, ..asked() }, "ports "),
        (of_range, "the range is empty or outside of 1970 to 2100"),
        (asked(), "limits.reports_a_day: reports were asked for 3 times today, of 3 a day"),
    ] {
        // Of its own time: what was asked for later does not count.
        let request = ReportRequest { report_id: ReportId::generate(), ..request };
        let asked = ask(request, reason).await;
        let said = wait_failed(&session, &asked.key).await;
        assert!(said.starts_with(reason.trim_start_matches("limits.reports_a_day: ")), "{reason}: {said}");
        all.push(asked);
    }
    assert_one_letter_each(&stack, &all).await;

    // No offset has moved: the next exporter reads all of them again.
    stack.exporter.kill_and_restart();
    wait_failed(&stack.sign_in(acme).await, &waiting.key).await;
    all.push(waiting);
    wait_topic_read(&stack, exporter::GROUP, REPORT_REQUESTS.name).await;
    // What cannot be read leaves no trace but its letter, so it has a second one.
    all.remove(0);
    assert_one_letter_each(&stack, &all).await;
    stack.exporter.assert_running();
    assert_eq!(stack.exporter.starts, 2);
    stack.end().await;
}
