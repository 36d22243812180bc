//! Reports that are followed.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Method;
use futures_util::StreamExt;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::{Value, json};

use super::fixture::{Answer, Console, request};
use crate::routes::reports::changes::STREAMS_MAX;
use crate::session::LOOK_EVERY;

const PATH: &str = "/api/v1/reports/changes";

struct Followed {
    stream: BodyDataStream,
    said: String,
}

impl Followed {
    async fn begin(console: &Console, cookie: &str) -> Self {
        let response = console.answer(request(Method::GET, PATH, cookie, Body::empty())).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Self { stream: response.into_body().into_data_stream(), said: String::new() }
    }

    /// The report that the next event tells.
    async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.said.split_once("\n\n") {
                let data = event.strip_prefix("event: changed\ndata: ").unwrap_or_else(|| panic!("{event}"));
                let (data, rest) = (serde_json::from_str(data).unwrap(), rest.to_owned());
                self.said = rest;
                return data;
            }
            self.said.push_str(std::str::from_utf8(&self.stream.next().await.unwrap().unwrap()).unwrap());
        }
    }
}

fn of_acme(event_type: ReportEventType, report: schemas::ids::ReportId, seconds: i64) -> ReportEvent {
    ReportEvent::new(report, "acme".parse().unwrap(), event_type, Moment::from_micros(seconds * 1_000_000))
}

#[tokio::test]
async fn what_there_is_comes_first_and_then_each_change_of_the_tenants_own() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (first, second, others) = (console.report_of("acme"), console.report_of("acme"), console.report_of("globex"));
    // Who comes again begins anew, whatever it says that it has seen.
    for _ in 0..2 {
        let mut followed = Followed::begin(&console, &cookie).await;
        for report in [first, second] {
            assert_eq!(followed.next().await["id"], json!(report.to_string()));
        }
        console.apply(ReportEvent::new(others, "globex".parse().unwrap(), ReportEventType::Waiting, Moment::FIRST));
        console.apply(of_acme(ReportEventType::Started, first, 0));
        assert_eq!(followed.next().await["id"], json!(first.to_string()));
        assert!(followed.said.is_empty(), "{}", followed.said);
    }
}

#[tokio::test]
async fn progress_is_told_with_its_pace_and_its_end() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let mut followed = Followed::begin(&console, &cookie).await;
    let report = schemas::ids::ReportId::generate();
    let (rows_expected, slices_expected) = (Some(9_000), Some(3));
    console.apply(ReportEvent { events_behind: Some(17), ..of_acme(ReportEventType::Waiting, report, 0) });
    assert_eq!(followed.next().await["events_behind"], json!(17));
    let begun = ReportEvent { rows_expected, slices_expected, ..of_acme(ReportEventType::Started, report, 10) };
    console.apply(begun);
    let told = followed.next().await;
    assert_eq!(
        (&told["rows_per_second"], &told["ends_at"], &told["events_behind"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let (rows, slices, size_bytes) = (Some(3_000), Some(1), Some(70));
    console.apply(ReportEvent { rows, slices, size_bytes, ..of_acme(ReportEventType::Progressed, report, 20) });
    let told = followed.next().await;
    let found = ["rows", "rows_expected", "slices", "slices_expected", "size_bytes", "rows_per_second", "ends_at"]
        .map(|name| told[name].clone());
    let expected = json!([3_000, 9_000, 1, 3, 70, 300, "1970-01-01T00:00:40Z"]);
    assert_eq!(json!(found), expected);
    console.apply(ReportEvent { object_key: Some("k".to_owned()), ..of_acme(ReportEventType::Completed, report, 45) });
    let told = followed.next().await;
    assert_eq!(
        (&told["state"], &told["ends_at"], &told["rows_per_second"]),
        (&json!("completed"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn stream_that_was_too_slow_is_told_everything_anew() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.report_of("acme");
    let mut followed = Followed::begin(&console, &cookie).await;
    assert_eq!(followed.next().await["rows"], json!(0));
    // First of all, so that it is among those that were missed.
    console.apply(ReportEvent { rows: Some(7), ..of_acme(ReportEventType::Progressed, report, 1) });
    for _ in 0..1_000 {
        console.report_of("globex");
    }
    let told = followed.next().await;
    assert_eq!((&told["id"], &told["rows"]), (&json!(report.to_string()), &json!(7)));
}

#[tokio::test]
async fn tenant_has_so_many_streams_and_takes_none_of_anothers() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        streams.push(Followed::begin(&console, &acme).await);
    }
    let response = console.answer(request(Method::GET, PATH, &acme, Body::empty())).await;
    let refused = Answer::of(response).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_streams"));
    Followed::begin(&console, &globex).await;
    streams.pop();
    Followed::begin(&console, &acme).await;
}

#[tokio::test]
async fn report_that_is_open_is_told_however_many_are_newer() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (open, ended) = (console.report_of("acme"), console.report_of("acme"));
    console.apply(of_acme(ReportEventType::Failed, ended, 1));
    for _ in 0..50 {
        let report = console.report_of("acme");
        console.apply(of_acme(ReportEventType::Failed, report, 1));
    }
    let mut followed = Followed::begin(&console, &cookie).await;
    assert_eq!(followed.next().await["id"], json!(open.to_string()));
    assert_ne!(followed.next().await["id"], json!(ended.to_string()), "beyond the newest");
}

#[tokio::test(start_paused = true)]
async fn stream_ends_with_its_session() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    console.report_of("acme");
    for signs_out in [true, false] {
        let cookie = if signs_out { cookie.clone() } else { console.sign_in("acme").await };
        let mut followed = Followed::begin(&console, &cookie).await;
        followed.next().await;
        if signs_out {
            let answer = console.answer(request(Method::DELETE, "/api/v1/session", &cookie, Body::empty())).await;
            assert_eq!(answer.status(), 204);
        } else {
            console.clock.advance(Duration::from_secs(365 * 86_400));
        }
        let ended = async { while followed.stream.next().await.is_some() {} };
        tokio::time::timeout(2 * LOOK_EVERY, ended).await.unwrap();
    }
}
