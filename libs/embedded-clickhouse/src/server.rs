//! The HTTP server: which statement goes where, and what happens to it when its client goes away.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::serve::ListenerExt as _;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::compression::Unpacker;
use crate::error::{EngineError, Exception};
use crate::ffi::{Counters, Engine};
use crate::request::{Request, literal};
use crate::response::{failed, head, whole};
use crate::statement::{Kind, parse};
use crate::{EngineConfig, insert, select};

/// How long queries may go on after the stop token was cancelled.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Merges run behind statements where cores are short: somebody waits for those.
const MERGES_NICE: u8 = 15;
/// The longest statement, bytes; the data of an INSERT do not count.
const STATEMENT_MAX: usize = 16 << 20;
/// From here on it is looked whether the statement is whole and data follow.
const STATEMENT_USUAL: usize = 64 << 10;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct Server {
    engine: Engine,
    started: Arc<AtomicU64>,
    ids: RunningIds,
}

/// Ids of the statements that run.
type RunningIds = Arc<Mutex<HashSet<String>>>;

/// One statement that runs. Dropped before it is done, it is killed.
pub(crate) struct Running {
    engine: Engine,
    ids: RunningIds,
    query_id: String,
    mark: String,
    is_done: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Refused, as by a server, where a statement with this id is still running.
    pub(crate) fn begin(&self, query_id: &str) -> Result<Running, Exception> {
        if !self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(query_id.to_owned()) {
            let problem = format!("Query with id = {query_id} is already running.");
            return Err(Exception::new(216, &problem, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"));
        }
        // The engine gives statements ids of its own; the mark begins with the client's, so that it can be found by it.
        let mark = format!("{query_id}/request-{}", self.started.fetch_add(1, Ordering::Relaxed));
        Ok(Running {
            engine: self.engine.clone(),
            ids: Arc::clone(&self.ids),
            query_id: query_id.to_owned(),
            mark,
            is_done: Arc::default(),
        })
    }
}

impl Running {
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// To be dropped by the statement's thread when it has ended, however it ended.
    pub(crate) fn ending(&self) -> Ending {
        Ending { is_done: Arc::clone(&self.is_done), ids: Arc::clone(&self.ids), query_id: self.query_id.clone() }
    }
}

/// Held while a statement runs; dropped, its id is free again and nobody kills it any more.
pub(crate) struct Ending {
    is_done: Arc<AtomicBool>,
    ids: RunningIds,
    query_id: String,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Release);
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.query_id);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_done.load(Ordering::Acquire) {
            return;
        }
        let (engine, mark, is_done) = (self.engine.clone(), self.mark.clone(), Arc::clone(&self.is_done));
        // Asynchronous, because a synchronous KILL hangs while the victim's session is open; again and again until it has ended, because the
        // statement may not have begun yet.
        std::thread::spawn(move || {
            let kill = format!("KILL QUERY WHERE Settings['log_comment'] = {} ASYNC", literal(&mark));
            for attempt in 0_u32.. {
                if is_done.load(Ordering::Acquire) {
                    return;
                }
                if let Err(exception) = engine.connect().and_then(|connection| connection.query(&kill, "Null", &[])) {
                    tracing::debug!(error = exception.0, "a query could not be killed");
                }
                std::thread::sleep(Duration::from_millis(if attempt < 50 { 100 } else { 1_000 }));
            }
        });
    }
}

pub(crate) async fn run(config: EngineConfig, stop: CancellationToken) -> Result<(), EngineError> {
    if !config.listen.ip().is_loopback() {
        return Err(EngineError::NotLoopback(config.listen));
    }
    std::fs::create_dir_all(&config.data)?;
    // The engine does not take a relative folder for what it is.
    let data = config.data.canonicalize()?;
    let arguments =
        [format!("--path={}", data.display()), format!("--os_threads_nice_value_merge_mutate={MERGES_NICE}")];
    let engine = Engine::load(&config.library, &arguments)
        .map_err(|reason| EngineError::NotLoaded { library: config.library.clone(), reason })?;
    // Held for the life of the process: without any session the engine closes its data.
    let held =
        engine.connect().map_err(|exception| EngineError::NoData { data: config.data.clone(), reason: exception.0 })?;
    let server = Server { engine, started: Arc::default(), ids: Arc::default() };
    let router = Router::new()
        .route("/ping", any(|| async { "Ok.\n" }))
        .route("/", any(handle))
        .layer(DefaultBodyLimit::disable())
        .with_state(server);
    let listener = tokio::net::TcpListener::bind(config.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "the embedded engine answers");
    let stopping = stop.clone();
    // An answer is several small writes: without this the last one waits 40 ms until the client has acknowledged those before.
    let listener = listener.tap_io(|connection| _ = connection.set_nodelay(true));
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    tokio::select! {
        served = async { serving.await } => served?,
        () = async { stopping.cancelled().await; tokio::time::sleep(DRAIN_MAX).await } => {}
    }
    drop(held);
    Ok(())
}

async fn handle(State(server): State<Server>, http: axum::extract::Request) -> Response {
    let request = match Request::read(http.uri(), http.headers()) {
        Ok(request) => request,
        Err(exception) => return failed(&exception, ""),
    };
    if http.method() == Method::GET && request.sql.is_empty() {
        return "Ok.\n".into_response();
    }
    let query_id = request.query_id.clone();
    match route(&server, request, http).await {
        Ok(response) => response,
        Err(exception) => failed(&exception, &query_id),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|it| it.starts_with("multipart/form-data"))
}

/// A statement and its parameters as a form: how clients send parameters that are too long for a URL.
async fn read_form(request: &mut Request, http: axum::extract::Request) -> Result<(), Exception> {
    let broken = |_| Exception::new(62, "the form cannot be read", "SYNTAX_ERROR");
    let mut form = Multipart::from_request(http, &()).await.map_err(|_| broken(()))?;
    while let Some(field) = form.next_field().await.map_err(|_| broken(()))? {
        let name = field.name().unwrap_or_default().to_owned();
        request.take(&name, field.text().await.map_err(|_| broken(()))?);
    }
    Ok(())
}

async fn route(server: &Server, mut request: Request, http: axum::extract::Request) -> Result<Response, Exception> {
    let mut body = if is_form(http.headers()) {
        read_form(&mut request, http).await?;
        Body::empty().into_data_stream()
    } else {
        http.into_body().into_data_stream()
    };
    let mut unpacker = Unpacker::new(request.body_in_blocks);
    let sql = request.sql.clone();
    if parse(sql.as_bytes()).kind == Kind::InsertData {
        return Ok(insert::answer(server, request, parse(sql.as_bytes()), unpacker, body).await);
    }
    // The body holds the statement, or the rest of it, and perhaps data behind it.
    let mut text = sql.into_bytes();
    if !text.is_empty() {
        text.push(b'\n');
    }
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Exception::new(210, "the statement was cut", "NETWORK_ERROR"))?;
        text.extend(unpacker.push(&piece)?);
        if text.len() > STATEMENT_USUAL && parse(&text).kind == Kind::InsertData {
            break;
        }
        if text.len() > STATEMENT_MAX {
            return Err(Exception::new(62, "the statement is longer than 16 MiB", "SYNTAX_ERROR"));
        }
    }
    let statement = parse(&text);
    Ok(match statement.kind {
        Kind::InsertData => insert::answer(server, request, statement, unpacker, body).await,
        Kind::Select => select::answer(server, request, statement).await,
        Kind::Other => execute(server, request, statement.sql, statement.format).await,
    })
}

/// Statements whose output is small.
async fn execute(server: &Server, request: Request, sql: String, format: Option<String>) -> Response {
    let query_id = request.query_id.clone();
    let format = format.or_else(|| request.default_format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
    let in_blocks = request.answer_in_blocks;
    let running = match server.begin(&query_id) {
        Ok(running) => running,
        Err(exception) => return failed(&exception, &query_id),
    };
    let (engine, mark, ending, output) = (server.engine(), running.mark().to_owned(), running.ending(), format.clone());
    let work = tokio::task::spawn_blocking(move || -> Result<(Vec<u8>, Counters), Exception> {
        let outcome = request.session(&engine, &mark).and_then(|connection| {
            let result = connection.query(&sql, &output, &request.parameters)?;
            Ok((result.bytes().to_vec(), result.counters()))
        });
        drop(ending);
        outcome
    });
    match work.await {
        Ok(Ok((bytes, counters))) => {
            let packed = if in_blocks { crate::compression::compressed(&bytes) } else { bytes };
            whole(head(&query_id, &format, counters), packed)
        }
        Ok(Err(exception)) => failed(&exception, &query_id),
        Err(_) => failed(&Exception::new(1002, "the statement's thread was lost", "UNKNOWN_EXCEPTION"), &query_id),
    }
}
