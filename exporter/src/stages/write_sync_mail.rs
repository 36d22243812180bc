//! The mail about a bucket sync: that it fails, or that it is well again. No traffic data in it.

use bucket_syncs::SyncState;
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;

use crate::stages::lay_out_mail::{Letter, MailText, lay_out, of_receiver};
use crate::stages::mail_words::{self as words, labels};

/// Writes the mail for one receiver; none where there is nothing to tell.
pub(crate) fn write_sync_mail(state: &SyncState, receiver: &str) -> Option<MailText> {
    let ((says, opening), word, since) = match (&state.failing, state.well_since) {
        (Some(failing), _) => (words::sync_fails(&rfc3339(failing.since), &failing.reason), "failing", failing.since),
        (None, Some(since)) => (words::sync_is_well(&rfc3339(since)), "well", since),
        (None, None) => return None,
    };
    let name = &state.settings.name;
    Some(lay_out(Letter {
        subject: words::subject(&says, name),
        opening,
        facts: vec![
            (labels::SYNC, vec![name.clone()]),
            (labels::TENANT, vec![state.tenant.to_string()]),
            (labels::REACHED, vec![rfc3339(state.reached)]),
            (labels::SYNC_ID, vec![state.id.to_string()]),
        ],
        // There is no page of it.
        link: None,
        message_id: message_id(state, word, since, receiver),
    }))
}

/// The same for every mail about this end of being well or not to this receiver, so that one that came twice can be known.
fn message_id(state: &SyncState, word: &str, since: Moment, receiver: &str) -> String {
    format!("<{}.{word}.{}.{}@syncs.flowledger>", state.id, since.as_millis(), of_receiver(receiver))
}

#[cfg(test)]
pub(crate) mod tests {
    use bucket_syncs::created;
    use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
    use schemas::report_request::{Compression, ReportFormat};

    use super::*;
    use crate::stages::lay_out_mail::tests::shown;

    pub(crate) fn state() -> SyncState {
        let settings = BucketSyncSettings {
            name: "To our <lake>".to_owned(),
            destination: "lake".to_owned(),
            format: ReportFormat::Ndjson,
            compression: Compression::Gzip,
            denied: false,
            interval_seconds: 300,
            receivers: Vec::new(),
        };
        let made =
            created("acme".parse().unwrap(), settings, Vec::new(), "admin", Moment::from_millis(1_793_491_200_000));
        let id = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        SyncState::begun_by(&BucketSyncEvent { sync_id: id, ..made }).unwrap()
    }

    #[test]
    fn mail_says_that_it_fails_and_then_that_it_is_well() {
        let state = state();
        assert_eq!(write_sync_mail(&state, "jane@acme.example"), None);
        let at = Moment::from_millis(1_793_500_000_000);
        let failed = state.event(BucketSyncEventType::Failed, at);
        let state = state.with(&BucketSyncEvent { reason: Some("the bucket is away".to_owned()), ..failed });
        let failing = write_sync_mail(&state, "jane@acme.example").unwrap();
        let told = state.notified(at);
        let state = state.with(&told);
        let looked = BucketSyncEvent {
            number: Some(1),
            interval_end: Some(at),
            ..state.event(BucketSyncEventType::Looked, Moment::from_millis(1_793_500_300_000))
        };
        let well = write_sync_mail(&state.with(&looked), "jane@acme.example").unwrap();
        insta::assert_snapshot!([failing, well].map(|it| shown(&it)).join("\n----\n"));
    }
}
