//! Files of reports.

use axum::body::Body;
use axum::http::Method;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::json;

use super::fixture::{Answer, Console, request};

const CONTENT: &str = "a,b\r\n1,2\r\n";

async fn asked_for(console: &Console, path: &str, cookie: &str, method: Method, range: &str) -> Answer {
    let mut request = request(method, path, cookie, Body::empty());
    request.headers_mut().insert("range", range.parse().unwrap());
    console.send(request).await
}

#[tokio::test]
async fn file_comes_whole_and_is_noted_with_who_got_it() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (name, content_type) in [
        ("acme.csv", "text/csv; charset=utf-8"),
        ("acme.csv.gz", "application/gzip"),
        ("acme.csv.zst", "application/zstd"),
        ("acme.parquet", "application/vnd.apache.parquet"),
    ] {
        let report = console.completed("acme", name, Some(CONTENT)).await;
        let answer = console.get(&format!("/api/v1/reports/{report}/download"), &cookie).await;
        assert_eq!((answer.status, answer.text()), (200, CONTENT));
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!((answer.header("content-length"), answer.header("accept-ranges")), ("10", "bytes"));
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
        let noted = console.world.events.lock().unwrap().pop().unwrap();
        assert_eq!((noted.report_id, noted.tenant.as_str()), (report, "acme"));
        assert_eq!(noted.event_type, ReportEventType::Downloaded);
        assert_eq!((noted.actor.as_deref(), noted.actor_address.as_deref()), (Some("admin"), Some("192.0.2.7")));
    }
    assert_eq!(console.count("downloads_total"), 4);
}

#[tokio::test]
async fn tenant_downloads_as_often_a_day_as_its_limit_says() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/download");
    let downloaded = ReportEvent::new(report, "acme".parse().unwrap(), ReportEventType::Downloaded, Moment::now());
    for _ in 1..10_000 {
        console.apply(downloaded.clone());
    }
    assert_eq!(asked_for(&console, &path, &cookie, Method::GET, "bytes=0-2").await.status, 206);
    console.apply(downloaded);
    let over = asked_for(&console, &path, &cookie, Method::GET, "bytes=3-4").await;
    assert_eq!((over.status, over.code().as_str()), (429, "over_limit"));
    assert_eq!(over.json()["error"]["field"], json!("limits.downloads_a_day"));
    assert!(over.message().ends_with("download it after midnight UTC, and whole"), "{}", over.message());
    assert_eq!(console.count("downloads_total"), 1);
}

#[tokio::test]
async fn part_of_a_file_is_what_was_asked_for() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/download");
    for (range, expected, told) in [
        ("bytes=0-2", "a,b", "bytes 0-2/10"),
        ("bytes=5-", "1,2\r\n", "bytes 5-9/10"),
        ("bytes=-2", "\r\n", "bytes 8-9/10"),
        ("bytes=5-99", "1,2\r\n", "bytes 5-9/10"),
    ] {
        let answer = asked_for(&console, &path, &cookie, Method::GET, range).await;
        assert_eq!((answer.status, answer.text(), answer.header("content-range")), (206, expected, told), "{range}");
        assert_eq!(answer.header("content-length"), expected.len().to_string(), "{range}");
    }
    assert_eq!(console.world.events.lock().unwrap().len(), 4);
    let outside = asked_for(&console, &path, &cookie, Method::GET, "bytes=10-").await;
    assert_eq!((outside.status, outside.code().as_str()), (416, "outside_of_file"));
    assert_eq!(console.world.events.lock().unwrap().len(), 4, "nothing was given out");
    let whole = asked_for(&console, &path, &cookie, Method::GET, "lines=1-2").await;
    assert_eq!((whole.status, whole.text(), whole.header("content-range")), (200, CONTENT, ""));
}

#[tokio::test]
async fn download_that_was_broken_off_goes_on_only_with_the_same_file() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/download");
    let begun = console.get(&path, &cookie).await;
    let (tag, written) = (begun.header("etag").to_owned(), begun.header("last-modified").to_owned());
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong one: {tag}");
    assert!(written.ends_with(" GMT"), "{written}");
    let going_on = async |if_range: &str| {
        let mut request = request(Method::GET, &path, &cookie, Body::empty());
        request.headers_mut().insert("range", "bytes=5-".parse().unwrap());
        request.headers_mut().insert("if-range", if_range.parse().unwrap());
        console.send(request).await
    };
    for same in [&tag, &written] {
        let answer = going_on(same).await;
        assert_eq!((answer.status, answer.text(), answer.header("etag")), (206, "1,2\r\n", tag.as_str()), "{same}");
    }
    assert_eq!(going_on("\"another\"").await.status, 200);

    // Another one of the same size lies there now.
    console.store.delete("acme/acme.csv").await.unwrap();
    console.store.put("acme/acme.csv", "a,b\r\n3,4\r\n".into()).await.unwrap();
    let anew = going_on(&tag).await;
    assert_eq!((anew.status, anew.text(), anew.header("content-range")), (200, "a,b\r\n3,4\r\n", ""));
    assert_ne!(anew.header("etag"), tag);
}

#[tokio::test]
async fn question_for_the_head_is_no_download() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/download");
    let head = console.send(request(Method::HEAD, &path, &cookie, Body::empty())).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
    assert_eq!(head.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(console.count("downloads_total"), 0);
    assert!(!console.world.was_touched());
    let stranger = console.send(request(Method::HEAD, &path, "", Body::empty())).await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn manifest_is_noted_and_is_no_download() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/manifest");
    console.world.acts.lock().unwrap().clear();
    // Of a report that was completed before there were any.
    assert_eq!(console.get(&path, &cookie).await.status, 404);
    console.store.put("acme/acme.csv.manifest.json", "{\"rows\":1}\n".into()).await.unwrap();
    let answer = console.get(&path, &cookie).await;
    assert_eq!((answer.status, answer.text()), (200, "{\"rows\":1}\n"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"acme.csv.manifest.json\"");
    let act = console.world.acts.lock().unwrap().pop().unwrap();
    assert_eq!((act.action, act.subject), (AuditAction::ReportDownloaded, Some(report.to_string())));
    assert_eq!((act.address.as_deref(), act.details["file"].as_str()), (Some("192.0.2.7"), "acme.csv.manifest.json"));
    let head = console.send(request(Method::HEAD, &path, &cookie, Body::empty())).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "11", 0));
    let running = console.report_of("acme");
    let answer = console.get(&format!("/api/v1/reports/{running}/manifest"), &cookie).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "not_completed"));
    assert!(console.world.acts.lock().unwrap().is_empty(), "nothing more was given out");
    assert!(!console.world.was_touched());
    assert_eq!(console.count("downloads_total"), 0);
}

#[tokio::test]
async fn of_several_files_one_is_given_out_by_its_number() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (number, content) in ["first", "second"].into_iter().enumerate() {
        let key = format!("acme/x/part-0000{number}.parquet");
        console.store.put(&key, content.into()).await.unwrap();
    }
    let report = console.apply(ReportEvent {
        object_key: Some("acme/x.parquet".to_owned()),
        file_name: Some("x.parquet".to_owned()),
        files: Some(2),
        ..ReportEvent::new(ReportId::generate(), "acme".parse().unwrap(), ReportEventType::Completed, Moment::FIRST)
    });
    let path = format!("/api/v1/reports/{report}/download");
    for (number, content) in ["first", "second"].into_iter().enumerate() {
        let answer = console.get(&format!("{path}?file={number}"), &cookie).await;
        assert_eq!((answer.status, answer.text()), (200, content));
        assert_eq!(answer.header("content-type"), "application/vnd.apache.parquet");
        let saved = format!("attachment; filename=\"x-part-0000{number}.parquet\"");
        assert_eq!(answer.header("content-disposition"), saved);
    }
    let noted = console.world.events.lock().unwrap().len();
    assert_eq!(noted, 2);
    for (question, status, code) in [
        ("", 400, "bad_field"),
        ("?file=2", 404, "not_found"),
        ("?file=-1", 404, "not_found"),
        ("?file=one", 400, "unreadable"),
    ] {
        let answer = console.get(&format!("{path}{question}"), &cookie).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{question}");
    }
    // One file may be asked for by its number too.
    let one = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    for (question, status) in [("?file=0", 200), ("?file=1", 404)] {
        assert_eq!(console.get(&format!("/api/v1/reports/{one}/download{question}"), &cookie).await.status, status);
    }
    assert_eq!(console.count("downloads_total"), 3);
}

#[tokio::test]
async fn report_without_a_file_is_told_apart_by_why() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let expired = console.completed("acme", "old.csv", None).await;
    console.apply(ReportEvent::new(expired, "acme".parse().unwrap(), ReportEventType::Expired, Moment::FIRST));
    let lost = console.completed("acme", "lost.csv", None).await;
    for (report, status, code) in
        [(console.report_of("acme"), 409, "not_completed"), (expired, 409, "not_completed"), (lost, 404, "not_found")]
    {
        let answer = console.get(&format!("/api/v1/reports/{report}/download"), &cookie).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{report}");
    }
    assert!(!console.world.was_touched());
    assert_eq!(console.count("downloads_total"), 0);
}
