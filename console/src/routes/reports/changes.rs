//! Following reports: what there is, and then each change.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use report_life::{ReportState, SharedBook};
use schemas::ids::Tenant;
use tokio_stream::wrappers::BroadcastStream;

use super::shown::Report;
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::session::{SignedIn, token};

/// Reports that a stream begins with, beside those that are open: as many as the list of a page.
const FIRST: usize = 50;
/// Streams of one tenant at once.
pub(crate) const STREAMS_MAX: usize = 32;

/// Streams that are open, by tenant; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<Tenant, usize>>>);

/// One of them, as long as this lives.
struct Held(Streams, Tenant);

impl Streams {
    fn open(&self, tenant: &Tenant) -> Option<Held> {
        let mut open = self.counts();
        let count = open.entry(tenant.clone()).or_default();
        if *count >= STREAMS_MAX {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Held(self.clone(), tenant.clone()))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Tenant, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.0.counts();
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Server-sent events: `changed` with a report, first for those that are open and the newest ones as they are, then each time that one of the tenant's changes.
/// Who comes again, or was too slow, is told everything anew: no place has to be remembered.
#[utoipa::path(get, path = "/api/v1/reports/changes", responses(
    (status = 200, body = Report, content_type = "text/event-stream"), (status = 401, body = ErrorBody),
    (status = 429, body = ErrorBody)))]
pub(crate) async fn changes(
    State(app): State<App>,
    signed_in: SignedIn,
    parts: Parts,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let (book, tenant) = (app.book.clone(), signed_in.tenant);
    let held = app.streams.open(&tenant).ok_or(Refusal::TooManyStreams)?;
    // Listening begins before what there is is read: nothing falls in between.
    let changed = BroadcastStream::new(book.changes());
    let first = stream::iter(newest(&book, &tenant));
    let then = changed.flat_map(move |change| {
        let reports = match change {
            Ok((of, id)) if of == tenant => book.get(&tenant, id).into_iter().collect(),
            Ok(_) => Vec::new(),
            // Too slow: some were missed.
            Err(_) => newest(&book, &tenant),
        };
        stream::iter(reports)
    });
    let events = first.chain(then).filter_map(move |state| {
        // The place is held as long as the stream lives.
        let _ = &held;
        let event = Event::default().event("changed").json_data(Report::from(state));
        std::future::ready(event.ok().map(Ok))
    });
    let (stop, sessions) = (app.stop.clone(), Arc::clone(&app.sessions));
    // No longer than who asked is signed in.
    let ends = async move {
        let token = token(&parts).unwrap_or_default();
        stop.run_until_cancelled(sessions.until_ended(token)).await;
    };
    Ok(Sse::new(events.take_until(Box::pin(ends))).keep_alive(KeepAlive::default()))
}

/// Those that are open and the newest others, oldest first, as they have come about.
fn newest(book: &SharedBook, tenant: &Tenant) -> Vec<ReportState> {
    let mut reports = book.list(tenant, usize::MAX);
    let mut place = 0;
    reports.retain(|state| {
        place += 1;
        place <= FIRST || !state.phase.is_final()
    });
    reports.reverse();
    reports
}
