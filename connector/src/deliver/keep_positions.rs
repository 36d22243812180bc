//! The part of delivery that keeps positions: in the state folder, or in the transaction of the events.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::Delivery;
use crate::adapters::SourceId;
use crate::adapters::positions::SavedPosition;
use crate::error::{Error, WriteError};
use crate::keep::{Keeper, LinePlace, Refusal};
use crate::line::Line;
use crate::record_writer::RecordWriter;

/// A commit that is under way, and the positions in it.
pub(super) struct Committing {
    done: Pin<Box<dyn Future<Output = Result<(), WriteError>> + Send>>,
    positions: Vec<SavedPosition>,
}

impl<W: RecordWriter> Delivery<W> {
    pub(super) async fn save_in_folder(&mut self) -> Result<(), Error> {
        let Keeper::Folder(store) = &self.keeper else { return Ok(()) };
        if !self.is_changed || !self.knows_positions {
            return Ok(());
        }
        let (store, positions) = (Arc::clone(store), self.positions());
        self.is_changed = false;
        self.saved_at = Instant::now();
        let path = store.path();
        let saved = tokio::task::spawn_blocking(move || store.save(positions)).await;
        saved
            .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
            .map_err(|reason| Error::Positions { path, reason })
    }

    /// All files are open. In transactions it is committed where, before a line is taken: else a transaction that fails would leave nothing
    /// that says where to begin again, and with `start_at = "end"` that would be behind its lines.
    pub(super) async fn begin_where_opened(&mut self) -> Result<(), Error> {
        self.knows_positions = true;
        if matches!(self.keeper, Keeper::Folder(_)) {
            return Ok(());
        }
        self.carried.set_opened(self.positions());
        self.is_changed = true;
        self.commit().await
    }

    /// Commits everything that was read so far, with its positions.
    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        self.finish_commit().await?;
        if self.has_failed || !self.knows_positions || !(self.in_transaction || self.is_changed) {
            return Ok(());
        }
        self.settle_all().await?;
        let positions = self.positions();
        let Keeper::Transaction(ledger) = &self.keeper else { return Ok(()) };
        let changes = ledger.changes(&positions);
        self.is_changed = false;
        self.saved_at = Instant::now();
        if changes.is_empty() && !self.in_transaction {
            return Ok(());
        }
        self.begin()?;
        for (key, position) in changes {
            self.writer.write_position(&key, position.as_ref()).await?;
        }
        let done = Box::pin(self.writer.commit());
        self.committing = Some(Committing { done, positions });
        self.finish_commit().await
    }

    async fn finish_commit(&mut self) -> Result<(), Error> {
        let Some(committing) = &mut self.committing else { return Ok(()) };
        let done = committing.done.as_mut().await;
        let Some(Committing { positions, .. }) = self.committing.take() else { return Ok(()) };
        done?;
        self.in_transaction = false;
        self.saved_at = Instant::now();
        if let Keeper::Transaction(ledger) = &mut self.keeper {
            ledger.keep(&positions);
        }
        self.carried.set_positions(positions);
        let before = self.carried.committed();
        self.metrics.published.inc_by(self.summary.published - before.published);
        self.metrics.unreadable.inc_by(self.summary.unreadable - before.unreadable);
        self.carried.set_committed(self.summary);
        Ok(())
    }

    /// Begins a transaction where records are written in one and none is begun.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        if matches!(self.keeper, Keeper::Transaction(_)) && !self.in_transaction {
            self.writer.begin()?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// A refusal that undoes the transaction: the line is a dead letter from the first in the next attempt.
    pub(super) fn refused_in_transaction(&self, reason: &str, is_too_long: bool) -> Error {
        let front = self.pending.front();
        let place = front.and_then(|it| self.place_of(it.source, it.state.line()?));
        if let Some(place) = place {
            self.carried.refuse(place, Refusal { reason: reason.to_owned(), is_too_long });
        }
        WriteError::DoAgain(format!("a record is refused: {reason}")).into()
    }

    pub(super) fn refusal(&self, source: SourceId, line: &Line) -> Option<Refusal> {
        if matches!(self.keeper, Keeper::Folder(_)) {
            return None;
        }
        self.carried.refusal(self.place_of(source, line)?)
    }

    fn place_of(&self, source: SourceId, line: &Line) -> Option<LinePlace> {
        let mark = self.sources.get(&source)?.mark.as_ref()?;
        Some((mark.device, mark.inode, line.start))
    }
}
