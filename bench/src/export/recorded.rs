//! A source of rows that costs next to nothing: what the engine answered to a statement once is answered again, byte by byte, at any pace.
//!
//! A statement that was not asked before goes to the engine, so a first report over it records what later ones are given.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Bytes that are sent at once at a pace.
const PIECE: usize = 64 << 10;
/// The largest statement.
const STATEMENT_MAX: usize = 1 << 20;

pub(crate) struct RecordedSource {
    url: String,
    tape: Arc<Tape>,
    serving: JoinHandle<()>,
}

impl Drop for RecordedSource {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Tape {
    engine: String,
    client: reqwest::Client,
    answers: Mutex<HashMap<String, Answer>>,
    /// Bytes a second of each answer; 0: as fast as they are taken.
    pace: AtomicU64,
}

#[derive(Clone)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl RecordedSource {
    /// In front of an engine.
    pub(crate) async fn start(engine: &str) -> anyhow::Result<Self> {
        let tape = Arc::new(Tape {
            engine: engine.to_owned(),
            client: reqwest::Client::new(),
            answers: Mutex::default(),
            pace: AtomicU64::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&tape));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, tape, serving })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on each answer comes with so many bytes a second; 0: as fast as it is taken.
    pub(crate) fn pace(&self, bytes_per_second: u64) {
        self.tape.pace.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Statements that were recorded, and the bytes of their answers.
    pub(crate) fn recorded(&self) -> (usize, usize) {
        let answers = self.tape.answers();
        (answers.len(), answers.values().map(|answer| answer.body.len()).sum())
    }
}

impl Tape {
    fn answers(&self) -> MutexGuard<'_, HashMap<String, Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the engine, and keeps an answer that went well.
    async fn ask(&self, statement: String, target: &str, headers: HeaderMap, body: Bytes) -> anyhow::Result<Response> {
        let asked = self.client.post(format!("{}{target}", self.engine)).headers(headers).body(body).send().await?;
        let (status, mut headers) = (asked.status(), asked.headers().clone());
        for framing in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION] {
            headers.remove(framing);
        }
        let body = asked.bytes().await?;
        if status == StatusCode::OK {
            self.answers().insert(statement, Answer { headers: headers.clone(), body: body.clone() });
        }
        Ok((status, headers, body).into_response())
    }
}

async fn answer(State(tape): State<Arc<Tape>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |it| it.as_str());
    let Ok(body) = axum::body::to_bytes(body, STATEMENT_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let statement = statement(target, &head.headers, &body);
    let known = tape.answers().get(&statement).cloned();
    if let Some(Answer { headers, body }) = known {
        return (headers, paced(body, tape.pace.load(Ordering::Relaxed))).into_response();
    }
    let mut headers = head.headers;
    for own in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(own);
    }
    match tape.ask(statement, target, headers, body).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// What is asked, whichever way it is put: settings and values come in any order, the latter in a form between lines that are made up.
fn statement(target: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let form = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let boundary = form.and_then(|form| form.split_once("boundary=")).map(|(_, boundary)| boundary);
    let fields = boundary.map_or_else(|| vec![&*text], |boundary| text.split(boundary).collect());
    let mut pieces: Vec<&str> = target.split(['?', '&']).chain(fields).collect();
    pieces.sort_unstable();
    pieces.join("\n")
}

fn paced(body: Bytes, bytes_per_second: u64) -> Body {
    if bytes_per_second == 0 {
        return Body::from(body);
    }
    let begin = Instant::now();
    Body::from_stream(stream::unfold((body, 0_u64), move |(mut rest, sent)| async move {
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(PIECE.min(rest.len()));
        let sent = sent + piece.len() as u64;
        // Late once, later ones make up for it: the pace is the answer's.
        let due = begin + Duration::from_micros(sent * 1_000_000 / bytes_per_second);
        tokio::time::sleep_until(due.into()).await;
        Some((Ok::<_, Infallible>(piece), (rest, sent)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_the_same_in_any_order() {
        let asked = |target: &str, boundary: &str, fields: [&str; 2]| {
            let form = format!("multipart/form-data; boundary={boundary}");
            let headers = [(header::CONTENT_TYPE, form.parse().unwrap())].into_iter().collect();
            let body = format!("--{boundary}\r\n{}\r\n--{boundary}\r\n{}\r\n--{boundary}--\r\n", fields[0], fields[1]);
            statement(target, &headers, body.as_bytes())
        };
        let one = asked("/?a=1&b=2", "x16", ["p0=7", "p1=8"]);
        assert_eq!(one, asked("/?b=2&a=1", "y17", ["p1=8", "p0=7"]));
        assert_ne!(one, asked("/?b=2&a=1", "y17", ["p1=8", "p0=6"]));
        assert_ne!(one, asked("/?b=3&a=1", "x16", ["p0=7", "p1=8"]));
    }
}
