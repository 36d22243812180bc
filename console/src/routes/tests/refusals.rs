//! What cannot be taken is refused with the field's name, in one form.

use axum::body::{Body, Bytes};
use axum::http::Method;
use serde_json::{Value, json};

use super::fixture::{Console, request};
use crate::routes::BODY_MAX;

fn right() -> Value {
    json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "Europe/Berlin" })
}

#[tokio::test]
async fn value_that_is_out_of_range_is_refused_with_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("from", json!("yesterday")),
        ("from", json!("")),
        ("from", json!("1969-12-31T00:00")),
        ("to", json!("2026-10-01T00:00")),
        ("to", json!("2026-11-01T00:00")),
        ("to", json!("2300-01-01T00:00")),
        ("zone", json!("Mars/Base")),
        ("zone", json!("../../etc/passwd")),
        ("remote_networks", json!(["1 OR 1=1"])),
        ("remote_networks", json!(["1", ""])),
        ("remote_networks", json!(["-1"])),
        ("remote_networks", json!(["9223372036854775808"])),
        ("remote_networks", json!(vec!["1"; 1001])),
        ("users", json!(["jane"])),
        ("protocols", json!(["sctp"])),
        ("statuses", json!(["OK"])),
        ("addresses", json!(["10.0.0.0/33"])),
        ("columns", json!(["user", "nobody"])),
        ("columns", json!(["user", "user"])),
        ("columns", json!(vec!["user"; 1000])),
    ] {
        let mut wrong = right();
        wrong[field] = value.clone();
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_field"), "{field} {value}");
        assert_eq!(answer.json()["error"]["field"], json!(field), "{value}");
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    for (field, value, format) in [
        ("compression", json!("gzip"), "parquet"),
        ("byte_order_mark", json!(true), "parquet"),
        ("formula_guard", json!(true), "ndjson"),
    ] {
        let mut wrong = right();
        (wrong[field], wrong["format"]) = (value, json!(format));
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_field"), "{field}");
        assert_eq!(answer.json()["error"]["field"], json!(field), "{format}");
    }
    for (wrong, field) in [
        (json!({ "range": "tomorrow", "zone": "UTC" }), "range"),
        (json!({ "range": "since last run", "zone": "UTC" }), "range"),
        (json!({ "range": "last month", "zone": "Mars/Base" }), "zone"),
        (json!({ "range": "last month", "zone": "UTC", "from": "2026-11-01T00:00" }), "range"),
    ] {
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{wrong}");
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    for (split, format, field) in [
        (json!({}), "csv", "split"),
        (json!({ "rows": 999 }), "csv", "split.rows"),
        (json!({ "rows": -1 }), "parquet", "split.rows"),
        (json!({ "bytes": 999_999 }), "ndjson", "split.bytes"),
        (json!({ "rows": 5_000, "bytes": 5_000 }), "parquet", "split.bytes"),
        (json!({ "rows": 5_000, "preset": "spreadsheet" }), "csv", "split.preset"),
    ] {
        let mut wrong = right();
        (wrong["split"], wrong["format"]) = (split.clone(), json!(format));
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_field"), "{split}");
        assert_eq!(answer.json()["error"]["field"], json!(field), "{split}");
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    for path in ["users/none", "users/-1", "users/%FF", "resources/none", "resources/9223372036854775808"] {
        let answer = console.get(&format!("/api/v1/{path}/connections"), &cookie).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!("id")), "{path}");
    }
    for (question, field) in [
        ("users/7/connections?users=8", "users"),
        ("users/7/connections?service_accounts=9", "service_accounts"),
        ("resources/7/connections?resources=8", "resources"),
        ("reports?limit=0", "limit"),
        ("reports?limit=501", "limit"),
        ("audit?limit=0", "limit"),
        ("audit?limit=501", "limit"),
        ("users/7/connections?limit=501", "limit"),
        ("resources/7/connections?limit=0", "limit"),
        ("users?limit=0", "limit"),
        ("users?limit=5000", "limit"),
        ("resources?limit=1001", "limit"),
        ("addresses?limit=0", "limit"),
    ] {
        let answer = console.get(&format!("/api/v1/{question}"), &cookie).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{question}");
    }
    for (question, field) in [
        ("connections?users=none", "users"),
        ("connections?limit=many", "limit"),
        ("connections?limit=4294967296", "limit"),
        ("connections?limit=0", "limit"),
        ("connections?limit=501", "limit"),
        ("open?limit=0", "limit"),
        ("open?limit=10001", "limit"),
        ("series?from=2026-11-01T00:00&to=2026-11-02T00:00&limit=101", "limit"),
        ("connections?before=yesterday", "before"),
        ("connections?order=oldest", "order"),
        ("connections?domain=a&domain=b", "domain"),
        ("series?from=2026-11-02T00:00&to=2026-11-01T00:00", "to"),
        ("open?statuses=NORMAL", "statuses"),
        ("open?before=x", "before"),
        ("series?bucket=minute", "bucket"),
        ("series?bucket=week", "bucket"),
        ("series?bucket=day&bucket=hour", "bucket"),
        ("series?from=2026-11-01T00:00&to=2026-11-02T00:00&split=user&split=user", "split"),
        ("top", "by"),
        ("top?by=tenant", "by"),
        ("top?by=user&measures=money", "measures"),
        ("top?by=user&limit=101", "limit"),
        ("facets", "of"),
        ("facets?of=user&limit=0", "limit"),
        ("insights/error_rate?statuses=NORMAL", "statuses"),
        ("insights/error_rate?limit=1001", "limit"),
        ("insights/error_rate?from=2999-01-01T00:00", "from"),
        ("insights/error_rate?by=user", "by"),
    ] {
        let answer = console.get(&format!("/api/v1/traffic/{question}"), &cookie).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_field"), "{question}");
        assert_eq!(answer.json()["error"]["field"], json!(field), "{question}");
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    for (question, field) in [
        ("action=chain_begun", "action"),
        ("action=SIGNED_IN", "action"),
        ("before=yesterday", "before"),
        ("limit=many", "limit"),
        ("account=a&account=b", "account"),
        ("from=2026-11-02T00:00&to=2026-11-01T00:00", "to"),
        ("zone=Mars/Base", "zone"),
        ("users=7", "users"),
        ("sequence=1", "sequence"),
    ] {
        let answer = console.get(&format!("/api/v1/audit?{question}"), &cookie).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{question}");
    }
    assert!(!console.world.was_touched(), "nothing is written or read for a request that is refused");
}

#[tokio::test]
async fn most_that_a_question_gives_is_taken() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (path, most) in [
        ("traffic/connections", 500),
        ("users/7/connections", 500),
        ("traffic/open", 10_000),
        ("traffic/insights/error_rate", 1_000),
        ("users", 1_000),
        ("addresses", 1_000),
    ] {
        for limit in [1, most] {
            let answer = console.get(&format!("/api/v1/{path}?limit={limit}"), &cookie).await;
            assert_eq!(answer.status, 200, "{path} {limit}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn value_of_the_wrong_kind_is_refused_with_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("from", json!(1_793_500_000)),
        ("remote_networks", json!("1")),
        ("remote_networks", json!([64894])),
        ("denied", json!("yes")),
        ("compression", json!("rar")),
        ("zone", Value::Null),
    ] {
        let mut wrong = right();
        wrong[field] = value.clone();
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "unreadable"), "{field} {value}");
        assert!(answer.message().contains(field), "{}", answer.message());
    }
    for (field, code) in [("from", "bad_field"), ("to", "bad_field"), ("zone", "unreadable")] {
        let mut wrong = right();
        wrong.as_object_mut().unwrap().remove(field);
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{field}");
        assert!(answer.message().contains(field), "{}", answer.message());
    }
    for path in ["reports?limit=many", "users?limit=-1", "resources?limit=1e3", "addresses?limit=4294967296"] {
        let answer = console.get(&format!("/api/v1/{path}"), &cookie).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "unreadable"), "{path}");
        assert!(answer.message().contains("limit"), "{}", answer.message());
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn body_that_is_no_json_is_refused() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for path in ["/api/v1/reports", "/api/v1/session"] {
        for body in ["", "{", "[]", "null", "from=2026-11-01"] {
            let answer = console.send(request(Method::POST, path, &cookie, Body::from(body))).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "unreadable"), "{path} {body}");
        }
        // What a form of another site could send.
        let mut form = request(Method::POST, path, &cookie, Body::from(right().to_string()));
        form.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        assert_eq!(console.send(form).await.code(), "unreadable", "{path}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn body_is_read_up_to_its_limit() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let sized = |size: usize| format!("{}{}", right(), " ".repeat(size - right().to_string().len()));
    for path in ["/api/v1/reports", "/api/v1/session"] {
        let answer = console.send(request(Method::POST, path, &cookie, Body::from(sized(BODY_MAX + 1)))).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"), "{path}");
        // A stream does not tell its length beforehand.
        let pieces = (0..=BODY_MAX / 1024).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024])));
        let streamed = Body::from_stream(futures_util::stream::iter(pieces));
        let answer = console.send(request(Method::POST, path, &cookie, streamed)).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"), "{path}");
    }
    assert!(!console.world.was_touched());
    let answer = console.send(request(Method::POST, "/api/v1/reports", &cookie, Body::from(sized(BODY_MAX)))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn what_is_not_made_of_a_kind_is_refused_with_the_name_of_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, kind, format, columns) in [
        ("format", "summary", "ndjson", json!([])),
        ("format", "users", "ndjson", json!([])),
        ("columns", "summary", "csv", json!(["user"])),
        ("columns", "events", "ndjson", json!(["user"])),
    ] {
        let mut wrong = right();
        (wrong["kind"], wrong["format"], wrong["columns"]) = (json!(kind), json!(format), columns);
        let answer = console.post("/api/v1/reports", &cookie, &wrong).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{answer:?}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn most_remote_networks_that_one_report_may_name_are_taken() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let mut new = right();
    new["remote_networks"] = json!(vec!["1"; 1000]);
    assert_eq!(console.post("/api/v1/reports", &cookie, &new).await.status, 201);
}

#[tokio::test]
async fn path_or_method_that_means_nothing_is_refused_in_the_same_form() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for path in ["/api/v1/nothing", "/api/v1", "/api/v1/", "/api/v2/reports", "/api/", "/api/v1/reports/%FF"] {
        let answer = console.get(path, &cookie).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    for (method, path) in [
        (Method::PUT, "/api/v1/session"),
        (Method::DELETE, "/api/v1/reports"),
        (Method::POST, "/api/v1/users"),
        (Method::POST, "/"),
    ] {
        let answer = console.send(request(method.clone(), path, &cookie, Body::empty())).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "wrong_method"), "{method} {path}");
    }
}

#[tokio::test]
async fn list_is_as_long_as_was_asked_for() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let ids: Vec<_> = (0..501).map(|_| console.report_of("acme").to_string()).collect();
    for (query, expected) in [("", 50), ("?limit=1", 1), ("?limit=2", 2), ("?limit=500", 500)] {
        let list = console.get(&format!("/api/v1/reports{query}"), &cookie).await.json();
        let reports = list["reports"].as_array().unwrap();
        assert_eq!(reports.len(), expected, "{query}");
        let newest = ids.iter().rev().take(expected).map(|id| json!(id));
        assert!(reports.iter().map(|it| it["id"].clone()).eq(newest), "{query}: newest first");
    }
}
