//! Bounds of connections, over real sockets.

use std::time::Instant;

use axum::body::Body;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;

/// Much longer than any bound of these tests, and much shorter than anybody's patience.
const LONG: Duration = Duration::from_secs(20);
const HEAD_MAX: Duration = Duration::from_millis(400);
const STALL_MAX: Duration = Duration::from_millis(400);
const DRAIN_MAX: Duration = Duration::from_millis(400);

struct Served {
    address: SocketAddr,
    open: Gauge,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

fn routes() -> Router {
    let ticks = || stream::repeat(()).then(|()| async { tokio::time::sleep(HEAD_MAX / 4).await });
    Router::new()
        .route("/from", get(|ConnectInfo(address): ConnectInfo<SocketAddr>| async move { address.to_string() }))
        .route("/ticks", get(move || async move { Body::from_stream(ticks().map(|()| Ok::<_, Infallible>("tick "))) }))
        .route(
            "/flood",
            get(|| async { Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(vec![0; 65_536]))) }),
        )
}

async fn served(connections_max: usize) -> Served {
    bounded(Bounds { connections_max, head_max: HEAD_MAX, stall_max: STALL_MAX, drain_max: DRAIN_MAX }).await
}

async fn bounded(bounds: Bounds) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, open, stop) = (listener.local_addr().unwrap(), Gauge::default(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, routes(), bounds, open.clone(), stop.clone()));
    Served { address, open, stop, serving }
}

impl Served {
    /// A connection on which this was sent.
    async fn sent(&self, text: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        socket
    }

    async fn open_become(&self, count: i64) {
        let reached = async {
            while self.open.get() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, reached).await.unwrap();
    }
}

fn asking(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: console\r\n\r\n")
}

/// What comes until this is in it.
async fn until(socket: &mut TcpStream, wanted: &str) -> String {
    let mut said = String::new();
    let reading = async {
        while !said.contains(wanted) {
            let mut buffer = [0; 1024];
            let size = socket.read(&mut buffer).await.unwrap();
            assert_ne!(size, 0, "ended after {said}");
            said.push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
    };
    tokio::time::timeout(LONG, reading).await.unwrap();
    said
}

/// Reads on until the other side has closed it; an error says so too.
async fn end(mut socket: TcpStream) -> String {
    let mut rest = Vec::new();
    _ = tokio::time::timeout(LONG, socket.read_to_end(&mut rest)).await.expect("it was closed");
    String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn half_a_head_and_nothing_at_all_are_ended_while_others_are_answered() {
    let console = served(8).await;
    let begun = Instant::now();
    let (half, nothing) = (console.sent("GET /from HTTP/1.1\r\nhost: con").await, console.sent("").await);
    let mut other = console.sent(&asking("/from")).await;
    let answer = until(&mut other, "127.0.0.1:").await;
    assert!(answer.starts_with("HTTP/1.1 200") && begun.elapsed() < LONG, "{answer}");
    assert!(end(half).await.len() < 200, "no answer of a route");
    assert!(end(nothing).await.len() < 200, "no answer of a route");
    assert!(begun.elapsed() >= HEAD_MAX, "it was waited for");
    // Nor does one stay that was answered and is asked nothing more.
    assert_eq!(end(other).await.matches("HTTP/1.1 200").count(), 0);
    console.open_become(0).await;
}

#[tokio::test]
async fn connection_serves_again_and_again_and_knows_who_asks() {
    let console = bounded(Bounds::new(8)).await;
    let mut socket = console.sent("").await;
    let own = socket.local_addr().unwrap().to_string();
    for _ in 0..5 {
        socket.write_all(asking("/from").as_bytes()).await.unwrap();
        until(&mut socket, &own).await;
    }
    assert_eq!(console.open.get(), 1);
}

#[tokio::test]
async fn answer_that_goes_on_outlives_the_deadlines() {
    let console = served(8).await;
    let mut socket = console.sent(&asking("/ticks")).await;
    let (begun, mut ticks) = (Instant::now(), 0);
    while ticks < 12 {
        ticks += until(&mut socket, "tick").await.matches("tick").count();
    }
    assert!(begun.elapsed() > HEAD_MAX + STALL_MAX, "twelve quarters of a deadline");
}

#[tokio::test]
async fn one_too_many_waits_until_another_ends() {
    let console = served(1).await;
    let mut first = console.sent(&asking("/ticks")).await;
    until(&mut first, "tick").await;
    let mut second = console.sent(&asking("/from")).await;
    let early = tokio::time::timeout(HEAD_MAX * 2, second.read_u8()).await;
    assert!(early.is_err(), "it was answered beside the first");
    assert_eq!(console.open.get(), 1);
    drop(first);
    until(&mut second, "HTTP/1.1 200").await;
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_let_go() {
    let console = served(8).await;
    let mut silent = console.sent(&asking("/flood")).await;
    until(&mut silent, "HTTP/1.1 200").await;
    console.open_become(0).await;
}

#[tokio::test]
async fn stop_lets_answers_end_and_waits_for_none_that_go_on() {
    let console = served(8).await;
    let mut stream = console.sent(&asking("/ticks")).await;
    until(&mut stream, "tick").await;
    let mut idle = console.sent(&asking("/from")).await;
    until(&mut idle, "127.0.0.1:").await;
    let begun = Instant::now();
    console.stop.cancel();
    tokio::time::timeout(LONG, console.serving).await.unwrap().unwrap();
    assert!(begun.elapsed() >= DRAIN_MAX, "the stream had its time");
    end(idle).await;
    assert!(TcpStream::connect(console.address).await.is_err(), "nothing is accepted any more");
}
