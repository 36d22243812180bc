//! Each fault does what its name says, to a real client in front of a real server, and is counted only when it has come about.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use local_parts::fault_proxy::Seen;
use local_parts::{Fault, FaultProxy};

/// What the server got of each request: so many bytes, and whether the body had its end.
type Got = Arc<Mutex<Vec<(usize, bool)>>>;

async fn handle(State(got): State<Got>, request: Request<Body>) -> (StatusCode, String) {
    let (mut body, mut length) = (request.into_body().into_data_stream(), 0);
    let mut is_whole = true;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => length += piece.len(),
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    got.lock().unwrap().push((length, is_whole));
    (StatusCode::OK, format!("got {length}"))
}

struct Stand {
    proxy: FaultProxy,
    got: Got,
    client: reqwest::Client,
}

async fn stand() -> Stand {
    service_kit::tls::install();
    let got = Got::default();
    let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Stand {
        proxy: FaultProxy::start(&url).await.unwrap(),
        got,
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
    }
}

const LENGTH: usize = 300_000;

impl Stand {
    /// Sends a body in pieces; gives the status and the text, or nothing where the connection broke.
    async fn send(&self) -> Option<(u16, String)> {
        let pieces = (0..LENGTH / 1000).map(|_| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![7; 1000])));
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let url = format!("{}/?query=INSERT", self.proxy.url());
        let answer = self.client.post(url).body(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    fn meets(&self, fault: Fault) {
        self.proxy.script(Seen::is_insert, [fault]);
    }

    /// Waits until the server has this many requests behind it; a test that waits in vain ends by its harness.
    async fn server_got(&self, requests: usize) -> Vec<(usize, bool)> {
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= requests {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn whole() -> Option<(u16, String)> {
    Some((200, format!("got {LENGTH}")))
}

#[tokio::test]
async fn without_a_plan_nothing_is_broken_and_connections_are_kept() {
    let stand = stand().await;
    assert_eq!((stand.send().await, stand.send().await), (whole(), whole()));
    assert_eq!(stand.client.get(stand.proxy.url()).send().await.unwrap().text().await.unwrap(), "got 0");
    let counts = stand.proxy.counts();
    assert_eq!((counts.connections, counts.requests, counts.passed_on, counts.all_faults()), (1, 3, 3, 0));
    assert_eq!(counts.bytes_up, 2 * LENGTH as u64);
}

#[tokio::test]
async fn refused_request_never_gets_to_the_server() {
    let stand = stand().await;
    stand.meets(Fault::Refuse);
    assert_eq!(stand.send().await, None);
    assert_eq!((stand.proxy.counts().of("refuse"), stand.proxy.counts().bytes_up), (1, 0));
    assert_eq!(stand.send().await, whole(), "the script is over");
    assert_eq!(*stand.got.lock().unwrap(), [(LENGTH, true)]);
}

#[tokio::test]
async fn request_that_is_cut_looks_cut_to_both_sides() {
    let stand = stand().await;
    stand.meets(Fault::CutRequest { after: 100_000 });
    assert_eq!(stand.send().await, None);
    // What lay in buffers when the connection was reset may be lost on the way.
    let got = stand.server_got(1).await;
    assert!(got[0].0 <= 100_000 && !got[0].1, "{got:?}");
    assert_eq!((stand.proxy.counts().of("cut_request"), stand.proxy.counts().passed_on), (1, 0));
}

#[tokio::test]
async fn request_that_is_truncated_looks_whole_to_the_server() {
    let stand = stand().await;
    stand.meets(Fault::TruncateRequest { after: 100_000 });
    assert_eq!(stand.send().await, Some((200, "got 100000".to_owned())));
    assert_eq!(*stand.got.lock().unwrap(), [(100_000, true)]);
    assert_eq!(stand.proxy.counts().of("truncate_request"), 1);
}

#[tokio::test]
async fn cut_behind_the_end_is_no_cut_and_is_not_counted() {
    let stand = stand().await;
    stand.meets(Fault::CutRequest { after: LENGTH });
    assert_eq!(stand.send().await, whole());
    stand.meets(Fault::CutAnswer { after: 1 << 20 });
    assert_eq!(stand.send().await, whole());
    assert_eq!(stand.proxy.counts().all_faults(), 0);
}

#[tokio::test]
async fn swallowed_or_cut_answer_leaves_the_work_done() {
    let stand = stand().await;
    for fault in [Fault::SwallowAnswer, Fault::CutAnswer { after: 0 }, Fault::CutAnswer { after: 40 }] {
        stand.meets(fault.clone());
        assert_eq!(stand.send().await, None, "{fault:?}");
    }
    assert_eq!(*stand.got.lock().unwrap(), [(LENGTH, true); 3]);
    assert_eq!((stand.proxy.counts().of("swallow_answer"), stand.proxy.counts().of("cut_answer")), (1, 2));
}

#[tokio::test]
async fn repeated_request_gets_to_the_server_twice() {
    let stand = stand().await;
    stand.meets(Fault::Repeat);
    assert_eq!(stand.send().await, whole());
    assert_eq!(*stand.got.lock().unwrap(), [(LENGTH, true); 2]);
    stand.meets(Fault::RepeatLater(Duration::from_millis(1)));
    assert_eq!(stand.send().await, whole());
    stand.proxy.until(|counts| counts.of("repeat_later") == 1).await;
    assert_eq!(*stand.got.lock().unwrap(), [(LENGTH, true); 4]);
}

#[tokio::test]
async fn delays_change_nothing_but_the_time() {
    let stand = stand().await;
    stand
        .proxy
        .script(|_| true, [Fault::Delay(Duration::from_millis(3)), Fault::DelayAnswer(Duration::from_millis(3))]);
    assert_eq!((stand.send().await, stand.send().await), (whole(), whole()));
    assert_eq!((stand.proxy.counts().of("delay"), stand.proxy.counts().of("delay_answer")), (1, 1));
}

#[tokio::test]
async fn answer_of_the_proxy_is_not_the_servers() {
    let stand = stand().await;
    let (status, code, body) = (500, Some(252), "Code: 252. too many".to_owned());
    stand.meets(Fault::Answer { status, code, body: body.clone() });
    assert_eq!(stand.send().await, Some((500, body.clone())));
    stand.meets(Fault::AnswerEarly { status, code, body: body.clone() });
    let early = stand.send().await;
    assert!(early.is_none() || early == Some((500, body)), "{early:?}");
    assert_eq!(stand.proxy.counts().all_faults(), 2);
    assert!(stand.got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn server_sees_that_the_client_has_gone() {
    let stand = stand().await;
    stand.meets(Fault::Delay(Duration::from_secs(3600)));
    let impatient = tokio::time::timeout(Duration::from_millis(50), stand.send()).await;
    assert!(impatient.is_err());
    assert_eq!((stand.proxy.counts().passed_on, stand.proxy.counts().all_faults()), (0, 0));
}

#[tokio::test]
async fn same_seed_breaks_the_same_requests() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let stand = stand().await;
        stand.proxy.seeded(seed, 0.5, vec![Fault::Refuse, Fault::SwallowAnswer], |_| true);
        let mut outcomes = Vec::new();
        for _ in 0..12 {
            let before = stand.proxy.counts();
            let outcome = stand.send().await;
            // A client may try a reused connection again by itself; what counts is what the proxy did.
            outcomes.push((outcome.is_some(), stand.proxy.counts().of("refuse") - before.of("refuse")));
        }
        runs.push(outcomes);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].iter().any(|(went_well, _)| *went_well) && runs[0].iter().any(|(went_well, _)| !went_well));
}
