//! The mail about a bucket sync: that it fails, or that it is well again. No traffic data in it.

use bucket_syncs::SyncState;
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;

use crate::stages::write_mail::{MailText, escaped};

/// Writes the mail for one receiver; none where there is nothing to tell.
pub(crate) fn write_sync_mail(state: &SyncState, receiver: &str) -> Option<MailText> {
    let name = &state.settings.name;
    let (subject, opening, word, since) = match (&state.failing, state.well_since) {
        (Some(failing), _) => {
            let opening = format!("No object can be written since {}: {}", rfc3339(failing.since), failing.reason);
            (format!("Your bucket sync fails: {name}"), opening, "failing", failing.since)
        }
        (None, Some(since)) => {
            let opening = format!("Objects are written again since {}. Nothing was left out.", rfc3339(since));
            (format!("Your bucket sync is well again: {name}"), opening, "well", since)
        }
        (None, None) => return None,
    };
    let reached = rfc3339(state.reached);
    let facts = [
        ("Sync", name),
        ("Tenant", &state.tenant.to_string()),
        ("Reached", &reached),
        ("Sync id", &state.id.to_string()),
    ]
    .map(|(label, value)| (label, value.clone()));
    let lines: String = facts.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
    let rows: String =
        facts.iter().map(|(label, value)| format!("<tr><td>{label}</td><td>{}</td></tr>\n", escaped(value))).collect();
    Some(MailText {
        text: format!("{opening}\n\n{lines}"),
        html: format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family: sans-serif; max-width: 36rem\">\n<p>{}</p>\n\
             <table>\n{rows}</table>\n</body></html>\n",
            escaped(&opening)
        ),
        subject,
        message_id: message_id(state, word, since, receiver),
    })
}

/// The same for every mail about this end of being well or not to this receiver, so that one that came twice can be known.
fn message_id(state: &SyncState, word: &str, since: Moment, receiver: &str) -> String {
    let safe: String = receiver.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '.' }).collect();
    format!("<{}.{word}.{}.{safe}@syncs.flowledger>", state.id, since.as_millis())
}

#[cfg(test)]
pub(crate) mod tests {
    use bucket_syncs::created;
    use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
    use schemas::report_request::{Compression, ReportFormat};

    use super::*;

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
        let shown = [failing, well].map(|it| format!("{}\n{}\n\n{}\n{}", it.message_id, it.subject, it.text, it.html));
        insta::assert_snapshot!(shown.join("\n----\n"));
    }
}
