//! Connections to browsers and programs.
//!
//! Guarantee: a stranger holds none for ever. There is a bound on how many are open, and on how long one may be open without a whole head of a
//! request, at its beginning or between two requests. One whose other side takes nothing of an answer ends too. Answers that go on, as streams
//! of changes, have no deadline.
//!
//! `axum::serve` has none of these bounds, so this is its loop with them.

mod patient_socket;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::gauge::Gauge;
use service_kit::CancellationToken;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::patient_socket::PatientSocket;

/// How long nothing is accepted when the system gives no more connections.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// So many are open at a time; others wait to be accepted.
    pub(crate) connections_max: usize,
    /// Deadline of a request's head, from the connection's beginning or the end of the answer before it.
    pub(crate) head_max: Duration,
    /// How long the other side may take nothing of an answer.
    pub(crate) stall_max: Duration,
    /// How long answers may go on after the stop.
    pub(crate) drain_max: Duration,
}

impl Bounds {
    /// Those of the console, for so many connections.
    pub(crate) const fn new(connections_max: usize) -> Self {
        Self {
            connections_max,
            head_max: Duration::from_secs(30),
            stall_max: Duration::from_secs(60),
            drain_max: Duration::from_secs(2),
        }
    }
}

/// Serves until the stop, and then until all answers are given or [`Bounds::drain_max`] is over: streams of changes have no end of their own.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, open: Gauge, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(bounds.connections_max));
    let closing = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(bounds.head_max);
    while let Some(Some((slot, socket, address))) = stop.run_until_cancelled(accepted(&listener, &slots)).await {
        // An answer may be several small writes: they are not held back until the browser has acknowledged those before.
        _ = socket.set_nodelay(true);
        let socket = TokioIo::new(PatientSocket::new(socket, bounds.stall_max));
        let served = closing.watch(builder.serve_connection(socket, seen_from(address, &router)));
        let open = open.clone();
        open.inc();
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection was broken off");
            }
            open.dec();
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain_max, closing.shutdown()).await.is_err() {
        tracing::debug!("answers that go on are cut");
    }
}

/// The next connection, as soon as there is room for it. `None` does not come: the semaphore is never closed.
async fn accepted(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((socket, address)) => return Some((slot, socket, address)),
            // It went away again before it was accepted.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                ) => {}
            // Most likely no file descriptor is left; some come back when other connections end.
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
    }
}

/// The routes, for requests that come from this address.
fn seen_from(
    address: SocketAddr,
    router: &Router,
) -> impl HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible, Future: Send> + Send + 'static {
    let router = TowerToHyperService::new(router.clone());
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.call(request)
    })
}

#[cfg(test)]
mod tests;
