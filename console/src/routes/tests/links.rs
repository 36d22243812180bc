//! Links to files of reports, where the store gives them out.

use axum::body::Body;
use axum::http::Method;
use report_store::StoreConfig;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;

use super::fixture::{Console, request};
use super::world::Fault;
use crate::config::{Config, Downloads};
use crate::error::Error;
use crate::links::Links;

const CONTENT: &str = "a,b\r\n1,2\r\n";

#[tokio::test]
async fn download_is_noted_and_then_sent_to_the_store() {
    let console = Console::with_links();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv.gz", Some(CONTENT)).await;
    console.world.acts.lock().unwrap().clear();
    let answer = console.get(&format!("/api/v1/reports/{report}/download"), &cookie).await;
    assert_eq!((answer.status, answer.text()), (307, ""));
    let link = answer.header("location");
    assert!(link.starts_with("https://files.example/reports/some/folder/acme/acme.csv.gz?"), "{link}");
    for part in [
        "response-content-disposition=attachment%3B%20filename%3D%22acme.csv.gz%22",
        "response-content-type=application%2Fgzip",
        "X-Amz-Expires=300",
        "X-Amz-Signature=",
    ] {
        assert!(link.contains(part), "{part}: {link}");
    }
    // Kept by no cache, told to nobody as where somebody came from, and in no log of headers.
    assert_eq!((answer.header("cache-control"), answer.header("referrer-policy")), ("no-store", "no-referrer"));
    assert!(!format!("{:?}", answer.headers).contains("X-Amz-Signature"), "{:?}", answer.headers);

    let act = console.world.acts.lock().unwrap().pop().unwrap();
    assert_eq!((act.action, act.subject), (AuditAction::ReportDownloaded, Some(report.to_string())));
    assert_eq!((act.address.as_deref(), act.details["file"].as_str()), (Some("192.0.2.7"), "acme.csv.gz"));
    assert_eq!(act.details["link_seconds"], "300");
    assert!(!format!("{:?}", act.details).contains("X-Amz"), "the log may be read by more than the file");
    let noted = console.world.events.lock().unwrap().pop().unwrap();
    assert_eq!((noted.report_id, noted.event_type), (report, ReportEventType::Downloaded));
    assert_eq!((noted.actor.as_deref(), noted.actor_address.as_deref()), (Some("admin"), Some("192.0.2.7")));
    assert_eq!(console.count("downloads_total"), 1);
}

#[tokio::test]
async fn link_to_one_of_several_files_has_its_own_name() {
    let console = Console::with_links();
    let cookie = console.sign_in("acme").await;
    console.store.put("acme/x/part-00001.parquet", "second".into()).await.unwrap();
    let report = console.apply(ReportEvent {
        object_key: Some("acme/x.parquet".to_owned()),
        file_name: Some("x.parquet".to_owned()),
        files: Some(2),
        ..ReportEvent::new(ReportId::generate(), "acme".parse().unwrap(), ReportEventType::Completed, Moment::FIRST)
    });
    let answer = console.get(&format!("/api/v1/reports/{report}/download?file=1"), &cookie).await;
    assert_eq!(answer.status, 307);
    let link = answer.header("location");
    assert!(link.contains("/acme/x/part-00001.parquet?"), "{link}");
    assert!(link.contains("filename%3D%22x-part-00001.parquet%22"), "{link}");
}

#[tokio::test]
async fn no_link_for_strangers_for_other_tenants_and_for_what_is_not_there() {
    let console = Console::with_links();
    let (cookie, other) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let lost = console.completed("acme", "lost.csv", None).await;
    let running = console.report_of("acme");
    for (report, cookie, status) in
        [(report, "", 401), (report, &*other, 404), (lost, &*cookie, 404), (running, &*cookie, 409)]
    {
        let answer = console.get(&format!("/api/v1/reports/{report}/download"), cookie).await;
        assert_eq!((answer.status, answer.header("location")), (status, ""), "{report}");
    }
    assert!(!console.world.was_touched());
    assert_eq!(console.count("downloads_total"), 0);
}

#[tokio::test]
async fn no_link_where_it_cannot_be_noted() {
    let console = Console::with_links();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    *console.world.kafka_fault.lock().unwrap() = Some(Fault::Fails);
    let answer = console.get(&format!("/api/v1/reports/{report}/download"), &cookie).await;
    assert_eq!((answer.status, answer.code().as_str(), answer.header("location")), (503, "away", ""));
    assert_eq!(console.count("downloads_total"), 0);
}

#[tokio::test]
async fn question_for_the_head_gets_no_link() {
    let console = Console::with_links();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    let path = format!("/api/v1/reports/{report}/download");
    let head = console.send(request(Method::HEAD, &path, &cookie, Body::empty())).await;
    assert_eq!((head.status, head.header("content-length"), head.header("location")), (200, "10", ""));
    assert!(!console.world.was_touched());
    assert_eq!(console.count("downloads_total"), 0);
}

#[tokio::test]
async fn manifest_is_read_by_the_page_and_streamed_as_ever() {
    let console = Console::with_links();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some(CONTENT)).await;
    console.store.put("acme/acme.csv.manifest.json", "{\"rows\":1}\n".into()).await.unwrap();
    let answer = console.get(&format!("/api/v1/reports/{report}/manifest"), &cookie).await;
    assert_eq!((answer.status, answer.text()), (200, "{\"rows\":1}\n"));
}

#[test]
fn console_with_links_does_not_start_on_a_folder() {
    let config = Config { downloads: Downloads::Linked, ..Config::default() };
    let Err(Error::Setting(refused)) = Links::open(&config, &StoreConfig::default()) else { panic!("it starts") };
    let said = refused.to_string();
    assert!(said.starts_with("console.downloads = linked") && said.contains("a folder signs no links"), "{said}");
    assert!(Links::open(&Config::default(), &StoreConfig::default()).is_ok_and(|links| links.is_none()));
}
