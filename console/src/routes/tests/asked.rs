//! What becomes of a body that asks for a report, or keeps one.

use schemas::report_request::{ReportKind, ReportSplit, ReportTable};
use schemas::times::Moment;
use serde_json::json;

use super::fixture::Console;

#[tokio::test]
async fn range_by_its_name_is_seen_from_now_in_the_zone() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let new = json!({ "range": "last hour", "zone": "Asia/Kathmandu" });
    let before = Moment::now();
    let answer = console.post("/api/v1/reports", &cookie, &new).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let request = console.world.requests.lock().unwrap().pop().unwrap();
    assert!((before..=Moment::now()).contains(&request.range_to));
    assert_eq!(request.range_to.as_micros() - request.range_from.as_micros(), 3_600_000_000);
    assert_eq!((request.zone.as_str(), &answer.json()["zone"]), ("Asia/Kathmandu", &json!("Asia/Kathmandu")));
    let new = json!({ "range": "last-month", "zone": "Asia/Kathmandu" });
    assert_eq!(console.post("/api/v1/reports", &cookie, &new).await.status, 201);
    let request = console.world.requests.lock().unwrap().pop().unwrap();
    // Midnight is 18:15 in UTC there.
    for moment in [request.range_from, request.range_to] {
        assert_eq!(moment.as_micros().rem_euclid(86_400_000_000), (18 * 60 + 15) * 60_000_000);
    }
}

#[tokio::test]
async fn split_is_in_the_request_and_shown() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (split, rows, bytes) in [
        (json!({ "rows": 1_000 }), Some(1_000), None),
        (json!({ "bytes": 1_000_000 }), None, Some(1_000_000)),
        (json!({ "preset": "spreadsheet" }), Some(1_048_575), None),
        (json!({ "preset": "spreadsheet", "bytes": 20_000_000 }), Some(1_048_575), Some(20_000_000)),
    ] {
        let new = json!({ "range": "yesterday", "zone": "UTC", "split": split });
        let answer = console.post("/api/v1/reports", &cookie, &new).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let request = console.world.requests.lock().unwrap().pop().unwrap();
        assert_eq!(request.split, Some(ReportSplit { rows, bytes }));
        let shown = &answer.json()["split"];
        assert_eq!((shown["rows"].as_i64(), shown["bytes"].as_i64()), (rows, bytes));
    }
    let new = json!({ "range": "yesterday", "zone": "UTC", "split": null });
    assert!(console.post("/api/v1/reports", &cookie, &new).await.json()["split"].is_null());
    let kept = json!({ "name": "Sheets", "range": "last month", "zone": "UTC", "split": { "preset": "spreadsheet" } });
    let answer = console.post("/api/v1/report-schedules", &cookie, &kept).await;
    assert_eq!((answer.status, &answer.json()["split"]), (201, &json!({ "rows": 1_048_575 })), "{answer:?}");
}

#[tokio::test]
async fn table_of_traffic_is_in_the_request_and_shown_and_what_is_wrong_with_it_is_named() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let table = json!({ "bucket": "week", "by": ["user", "country"], "measures": ["bytes", "devices"] });
    let new = json!({ "range": "yesterday", "zone": "Europe/Berlin", "kind": "traffic", "table": table });
    let answer = console.post("/api/v1/reports", &cookie, &new).await;
    assert_eq!((answer.status, &answer.json()["table"]), (201, &table), "{answer:?}");
    let request = console.world.requests.lock().unwrap().pop().unwrap();
    let words = |words: [&str; 2]| words.map(str::to_owned).to_vec();
    let (by, measures) = (words(["user", "country"]), words(["bytes", "devices"]));
    assert_eq!(request.kind, ReportKind::Traffic);
    assert_eq!(request.table, Some(ReportTable { bucket: Some("week".to_owned()), by, measures }));
    let mut kept = new.clone();
    kept["name"] = json!("Every week");
    let answer = console.post("/api/v1/report-schedules", &cookie, &kept).await;
    assert_eq!((answer.status, &answer.json()["table"], &answer.json()["kind"]), (201, &table, &json!("traffic")));

    for (kind, table, field) in [
        ("traffic", json!(null), "table.by"),
        ("traffic", json!({ "bucket": "fortnight" }), "table.bucket"),
        ("traffic", json!({ "by": ["user", "user"] }), "table.by"),
        ("traffic", json!({ "by": ["user"], "measures": ["speed"] }), "table.measures"),
        ("summary", json!({ "by": ["user"] }), "table"),
    ] {
        let mut wrong = kept.clone();
        (wrong["kind"], wrong["table"]) = (json!(kind), table);
        let answer = console.post("/api/v1/report-schedules", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some(field)), "{answer:?}");
    }
    assert!(console.world.requests.lock().unwrap().is_empty());
}
