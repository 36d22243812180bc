//! What becomes of a body that asks for a report, or keeps one.

use report_life::traffic_filter;
use schemas::report_request::{ReportKind, ReportSplit, ReportTable};
use schemas::times::Moment;
use serde_json::{Value, json};
use traffic_query::{Field, TrafficFilter};

use super::fixture::Console;

/// A right value of a field, and a wrong one; of texts only one that is empty is wrong. None of those of the range.
fn values(field: Field) -> Option<(&'static str, &'static str)> {
    Some(match field {
        Field::From | Field::To | Field::Zone => return None,
        Field::RemoteNetworks
        | Field::Users
        | Field::ServiceAccounts
        | Field::Resources
        | Field::Connectors
        | Field::Devices => ("9223372036854775807", "-1"),
        Field::AppliedRules => ("*.corp.example", ""),
        Field::Protocols => ("icmp", "sctp"),
        Field::Ports => ("8000-8999", "https"),
        Field::Statuses => ("DNS_ERROR", "FINE"),
        Field::TunnelPaths => ("relay", "relayed"),
        Field::Countries => ("Côte d’Ivoire", ""),
        Field::ClientAddresses => ("192.0.2.0/24", "192.0.2.0/33"),
        Field::ResourceAddresses => ("2001:db8::/32", "wiki.corp.example"),
        Field::Addresses => ("10.1.2.3", "10.1.2"),
        Field::Domain => ("corp", ""),
    })
}

fn in_json(field: Field, value: &str) -> Value {
    if field.is_list() { json!([value]) } else { json!(value) }
}

#[tokio::test]
async fn every_field_of_the_filter_is_in_the_request_and_shown_and_what_is_wrong_with_it_is_named() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let body = |field: Field, value: &str| {
        let mut body = json!({ "name": "Kept", "range": "yesterday", "zone": "UTC" });
        body[field.name()] = in_json(field, value);
        body
    };
    let report = |field, value| {
        let mut report = body(field, value);
        report.as_object_mut().unwrap().remove("name");
        report
    };
    for field in Field::ALL {
        let Some((right, wrong)) = values(field) else { continue };
        let answer = console.post("/api/v1/reports", &cookie, &report(field, right)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let request = console.world.requests.lock().unwrap().pop().unwrap();
        let filter = traffic_filter(&request.filter).unwrap();
        assert!(filter.narrows(field), "{field:?}");
        assert_eq!(filter.without(field), TrafficFilter::default(), "nothing but {field:?}");
        assert_eq!(answer.json()[field.name()], in_json(field, right));
        let kept = console.post("/api/v1/report-schedules", &cookie, &body(field, right)).await;
        assert_eq!((kept.status, &kept.json()[field.name()]), (201, &in_json(field, right)), "{kept:?}");
        for (path, wrong) in
            [("/api/v1/reports", report(field, wrong)), ("/api/v1/report-schedules", body(field, wrong))]
        {
            let answer = console.post(path, &cookie, &wrong).await;
            assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (400, Some(field.name())), "{wrong}");
        }
    }
    assert!(console.world.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn mails_go_to_those_who_are_named_or_to_who_is_signed_in() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (named, receivers) in [
        (json!([]), json!(["admin@acme.example"])),
        (json!(["jo@acme.example"]), json!(["jo@acme.example"])),
        (json!(["kim@elsewhere.example", "jo@acme.example"]), json!(["kim@elsewhere.example", "jo@acme.example"])),
    ] {
        let new = json!({ "range": "yesterday", "zone": "UTC", "receivers": named });
        let answer = console.post("/api/v1/reports", &cookie, &new).await;
        assert_eq!((answer.status, &answer.json()["receivers"]), (201, &receivers), "{answer:?}");
        let request = console.world.requests.lock().unwrap().pop().unwrap();
        assert_eq!((json!(request.receivers), request.requested_by.as_str()), (receivers, "admin"));
    }
    for wrong in [json!(["nobody"]), json!(["jo@acme.example", "a@b\r\nBcc: c@d"]), json!(vec!["jo@acme.example"; 21])]
    {
        for path in ["/api/v1/reports", "/api/v1/report-schedules"] {
            let mut new = json!({ "range": "yesterday", "zone": "UTC", "receivers": wrong });
            if path.ends_with("schedules") {
                new["name"] = json!("Kept");
            }
            let answer = console.post(path, &cookie, &new).await;
            assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!("receivers")), "{wrong}");
        }
    }
    assert!(console.world.requests.lock().unwrap().is_empty());
}

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

#[tokio::test]
async fn how_a_file_is_written_is_shown_of_a_report() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let file = json!({ "columns": ["user", "end_time"], "byte_order_mark": true, "formula_guard": true });
    let mut new = file.clone();
    (new["range"], new["zone"]) = (json!("yesterday"), json!("UTC"));
    let shown = console.post("/api/v1/reports", &cookie, &new).await.json();
    for (field, value) in file.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{shown}");
    }
}
