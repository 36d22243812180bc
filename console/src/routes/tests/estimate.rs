//! How large a report would be: asked of the query layer, and nothing is written.

use clickhouse_io::traffic::{Count, Source};
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::{Value, json};
use traffic_query::time_range::{TimeNotes, in_utc};

use super::fixture::Console;
use crate::routes::reports::estimate::estimate_json;

const PATH: &str = "/api/v1/reports/estimate";

fn november() -> Value {
    json!({ "from": "2026-11-01T00:00", "to": "2026-12-01T00:00", "zone": "Europe/Berlin" })
}

#[tokio::test]
async fn it_is_the_range_and_the_filter_that_are_counted_and_nothing_is_written() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    console.world.acts.lock().unwrap().clear();
    *console.world.counted.lock().unwrap() = 1_234_000;
    let mut new = november();
    (new["users"], new["addresses"], new["denied"]) = (json!(["8", "7"]), json!(["10.0.0.0/8"]), json!(true));
    let answer = console.post(PATH, &cookie, &new).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expected = json!({
        "from": "2026-10-31T23:00:00Z",
        "to": "2026-11-30T23:00:00Z",
        "connections": 1_234_000,
        "rows": 1_234_000,
        "size_bytes": 1_234_000 * 248,
        "source": "rollup",
        "exact": true,
        "keep_days": 30,
        "over_limit": null,
    });
    assert_eq!(answer.json(), expected);
    let queries = std::mem::take(&mut *console.world.queries.lock().unwrap());
    let question =
        "count from=2026-10-31T23:00:00Z&to=2026-11-30T23:00:00Z&users=7&users=8&addresses=10.0.0.0/8 [\"events\"]";
    assert_eq!(queries, [("acme".to_owned(), question.to_owned())]);
    assert!(!console.world.was_touched() && console.world.acts.lock().unwrap().is_empty());
    assert_eq!(console.get("/api/v1/reports", &cookie).await.json(), json!({ "reports": [] }));
}

#[tokio::test]
async fn range_is_told_in_utc_and_what_was_made_of_a_time_that_does_not_occur_once() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let earlier = json!("occurs twice, as clocks go back; the earlier one is meant");
    let later = json!("occurs twice, as clocks go back; the later one is meant");
    let moved = json!("does not occur, as clocks go forward; 2026-03-29T03:30:00 is meant");
    for (from, to, utc, notes) in [
        ("2026-10-25T02:30", "2026-10-25T02:15", ("2026-10-25T00:30:00Z", "2026-10-25T01:15:00Z"), (&earlier, &later)),
        (
            "2026-03-29T02:30",
            "2026-03-29T04:00",
            ("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"),
            (&moved, &Value::Null),
        ),
    ] {
        let new = json!({ "from": from, "to": to, "zone": "Europe/Berlin" });
        let told = console.post(PATH, &cookie, &new).await.json();
        assert_eq!((&told["from"], &told["to"]), (&json!(utc.0), &json!(utc.1)), "{told}");
        assert_eq!((&told["from_note"], &told["to_note"]), notes, "{told}");
        // Who asks for it is told the same.
        let asked = console.post("/api/v1/reports", &cookie, &new).await;
        assert_eq!((asked.status, &asked.json()["from"], &asked.json()["to"]), (201, &json!(utc.0), &json!(utc.1)));
        assert_eq!((&asked.json()["from_note"], &asked.json()["to_note"]), notes, "{asked:?}");
    }
    let told = console.post(PATH, &cookie, &json!({ "range": "last hour", "zone": "Europe/Berlin" })).await.json();
    let range = in_utc(told["from"].as_str().unwrap(), told["to"].as_str().unwrap(), "UTC").unwrap();
    assert_eq!(range.to.as_micros() - range.from.as_micros(), 3_600_000_000, "{told}");
    assert!(told.get("from_note").is_none() && told.get("to_note").is_none(), "{told}");
    let asked = console.post("/api/v1/reports", &cookie, &november()).await.json();
    assert!(asked.get("from_note").is_none() && asked.get("to_note").is_none(), "{asked}");
}

#[tokio::test]
async fn as_others_show_it_it_has_its_notes_and_days_are_null_where_files_are_kept_for_good() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    assert_eq!(console.post("/api/v1/reports", &cookie, &november()).await.status, 201);
    let request = console.world.requests.lock().unwrap().pop().unwrap();
    let count = Count { values: vec![7], source: Source::Raw, is_settled: true };
    for (days, told) in [(0, json!(null)), (30, json!(30))] {
        let notes = TimeNotes { from: None, to: Some("occurs twice".to_owned()) };
        let estimate = estimate_json(&request, notes, &count, days, |_| Ok(()));
        assert_eq!((&estimate["keep_days"], &estimate["from"]), (&told, &json!("2026-10-31T23:00:00Z")), "{estimate}");
        assert_eq!((estimate.get("from_note"), &estimate["to_note"]), (None, &json!("occurs twice")), "{estimate}");
    }
}

#[tokio::test]
async fn what_is_not_known_of_a_kind_is_null() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    *console.world.counted.lock().unwrap() = 1_000;
    for (kind, format, compression, rows, size) in [
        ("events", "csv", "gzip", json!(1_000), json!(61_000)),
        ("events", "ndjson", "none", json!(1_000), json!(584_000)),
        ("events", "ndjson", "gzip", json!(1_000), json!(null)),
        ("events", "parquet", "none", json!(1_000), json!(36_000)),
        ("users", "csv", "none", json!(1_000), json!(null)),
        ("summary", "csv", "none", json!(null), json!(null)),
        ("traffic", "parquet", "none", json!(null), json!(null)),
    ] {
        let mut new = november();
        (new["kind"], new["format"], new["compression"]) = (json!(kind), json!(format), json!(compression));
        if kind == "traffic" {
            new["table"] = json!({ "bucket": "day" });
        }
        let estimate = console.post(PATH, &cookie, &new).await.json();
        let found = (&estimate["connections"], &estimate["rows"], &estimate["size_bytes"]);
        assert_eq!(found, (&json!(1_000), &rows, &size), "{kind} {format} {compression}: {estimate}");
    }
}

#[tokio::test]
async fn limit_that_would_refuse_it_is_said() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    *console.world.counted.lock().unwrap() = 10_000_000_001;
    let over = console.post(PATH, &cookie, &november()).await.json()["over_limit"].clone();
    assert_eq!((&over["limit"], &over["again_at"]), (&json!("limits.rows_a_day"), &json!(null)), "{over}");
    assert!(over["message"].as_str().unwrap().contains("choose a shorter range"), "{over}");

    *console.world.counted.lock().unwrap() = 2;
    let rows = Some(9_999_999_999);
    let today = ReportEvent {
        rows,
        ..ReportEvent::new(ReportId::generate(), "acme".parse().unwrap(), ReportEventType::Failed, Moment::now())
    };
    console.apply(today);
    let over = console.post(PATH, &cookie, &november()).await.json()["over_limit"].clone();
    assert_eq!(over["limit"], json!("limits.rows_a_day"), "{over}");
    assert!(over["again_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{over}");
    let globex = console.sign_in("globex").await;
    assert_eq!(console.post(PATH, &globex, &november()).await.json()["over_limit"], json!(null), "it is acme's");
}

#[tokio::test]
async fn what_no_report_can_be_asked_for_with_is_refused_in_the_same_words() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("zone", json!("Mars/Base")),
        ("to", json!("2026-10-01T00:00")),
        ("users", json!(["jane"])),
        ("addresses", json!(["10.0.0.0/33"])),
        ("columns", json!(["nobody"])),
        ("tenant", json!("globex")),
    ] {
        let mut wrong = november();
        wrong[field] = value;
        let (asked, estimated) =
            (console.post("/api/v1/reports", &cookie, &wrong).await, console.post(PATH, &cookie, &wrong).await);
        assert_eq!((estimated.status, estimated.json()), (400, asked.json()), "{field}");
    }
    assert!(!console.world.was_touched());
}
