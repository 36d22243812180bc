//! Letters: records of the topics of requests and slices that are refused, kept for operators with the reason and the place where they lay.
//!
//! A letter is there before the offset moves behind its record. One of a request that can be read is there before its report is said to have
//! failed, too: whoever finds a report at its end writes no letter any more, so restarts, and copies of a request that come after it, bring
//! none. A process that dies between the two, or whose partition goes, leaves a second one to the next, of the same place.

use kafka_io::{ProduceError, Record};
use schemas::report_event::ReportEvent;
use schemas::topics::REPORT_SLICES;

use crate::adapters::Outside;
use crate::life::Life;
use crate::reason::Reason;

/// Longest reason, characters: some of it may be a stranger's words, and a letter has to fit Kafka's limit.
const REASON_MAX: usize = 1_000;

impl<O: Outside> Life<O> {
    /// Keeps a request, or a slice, that cannot be lived.
    pub(crate) async fn refuse(&self, record: &Record, reason: &str) -> Result<(), ProduceError> {
        let reason: String = reason.chars().take(REASON_MAX).collect();
        tracing::warn!(partition = %record.partition, offset = record.offset, reason, "a record is refused");
        self.outside.refuse(record, &reason).await?;
        if *record.partition.topic == *REPORT_SLICES.name {
            self.metrics.slice("dead_letter");
        } else {
            self.metrics.request("dead_letter");
        }
        Ok(())
    }

    /// Keeps a request whose report ends because it is not allowed: by its own fields, or by its tenant's limits. Other ends are no matter of the request.
    pub(crate) async fn refuse_what_is_not_allowed(
        &self,
        request: &Record,
        end: &ReportEvent,
    ) -> Result<(), ProduceError> {
        let reason = end.known_reason.as_ref().and_then(Reason::read);
        match reason.and_then(|reason| reason.not_allowed()) {
            Some(why) => self.refuse(request, &why).await,
            None => Ok(()),
        }
    }
}
