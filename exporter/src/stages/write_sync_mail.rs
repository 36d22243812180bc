//! The mail about a bucket sync: that it fails, or that it is well again. A link to the page that it stands on, and no traffic data.

use bucket_syncs::SyncState;
use schemas::times::Moment;

use crate::stages::choose_words::Reader;
use crate::stages::lay_out_mail::{Fact, Letter, MailText, lay_out, of_receiver};

/// Writes the mail for one receiver; none where there is nothing to tell. `console_url` has no slash at its end.
pub(crate) fn write_sync_mail(
    state: &SyncState,
    receiver: &str,
    reader: &Reader,
    console_url: &str,
) -> Option<MailText> {
    let (words, labels) = (reader.words, &reader.words.labels);
    let (opening, word, since) = match (state.fails(), state.well_since) {
        (Some(failing), _) => (&words.sync_fails, "failing", failing.since),
        (None, Some(since)) => (&words.sync_well, "well", since),
        (None, None) => return None,
    };
    let name = &state.settings.name;
    let mut facts = vec![
        Fact::new(labels.sync, name),
        Fact::new(labels.tenant, state.tenant.as_str()),
        Fact::of_lines(labels.since, reader.moment(since)),
    ];
    facts.extend(state.fails().map(|it| Fact::reason(words, &it.reason, it.known.as_ref())));
    facts.push(Fact::of_lines(labels.reached, reader.moment(state.reached)));
    facts.push(Fact::new(labels.sync_id, state.id.to_string()));
    let letter = Letter {
        subject: words.subject(opening, name),
        opening: opening.paragraph,
        facts,
        link: Some((words.links.analytics, format!("{console_url}/settings/analytics"))),
        message_id: message_id(state, word, since, receiver),
    };
    Some(lay_out(words, &letter))
}

/// The same for every mail about this end of being well or not to this receiver, so that one that came twice can be known.
fn message_id(state: &SyncState, word: &str, since: Moment, receiver: &str) -> String {
    format!("<{}.{word}.{}.{}@syncs.flowledger>", state.id, since.as_millis(), of_receiver(receiver))
}

#[cfg(test)]
pub(crate) mod tests {
    use bucket_syncs::created;
    use report_life::{Failure, Language};
    use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
    use schemas::report_request::{Compression, ReportFormat};

    use super::*;
    use crate::reason::Reason;
    use crate::stages::choose_words::tests::reader;
    use crate::stages::lay_out_mail::tests::shown;

    pub(crate) fn state() -> SyncState {
        let settings = BucketSyncSettings {
            name: "To our <lake>".to_owned(),
            destination: "lake".to_owned(),
            format: ReportFormat::Ndjson,
            compression: Compression::Gzip,
            denied: false,
            interval_seconds: 300,
            receivers: vec!["jane@acme.example".to_owned()],
            filter: None,
        };
        let made =
            created("acme".parse().unwrap(), settings, Vec::new(), "admin", Moment::from_millis(1_793_491_200_000));
        let id = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        SyncState::begun_by(&BucketSyncEvent { sync_id: id, ..made }).unwrap()
    }

    #[test]
    fn mail_says_that_it_fails_and_then_that_it_is_well() {
        let state = state();
        let write = |state: &SyncState, language| {
            write_sync_mail(state, "jane@acme.example", &reader(language, "UTC"), "https://flow.example")
        };
        assert_eq!(write(&state, Language::En), None);
        let at = Moment::from_millis(1_793_500_000_000);
        let failure = Failure::from(Reason::NoDestination { name: "<lake>".to_owned() });
        let (reason, known_reason) = (Some(failure.reason), failure.known);
        let failed = state.event(BucketSyncEventType::Failed, at);
        let failing = state.with(&BucketSyncEvent { reason, known_reason, ..failed });
        let told = failing.clone().with(&failing.notified("jane@acme.example", at));
        let looked = BucketSyncEvent {
            number: Some(1),
            interval_end: Some(at),
            ..told.event(BucketSyncEventType::Looked, Moment::from_millis(1_793_500_300_000))
        };
        let well = told.with(&looked);
        for language in Language::ALL {
            let mails = [&failing, &well].map(|state| write(state, language).unwrap());
            let name = format!("mail_says_that_it_fails_and_then_that_it_is_well_{}", mails[0].language);
            insta::assert_snapshot!(name, mails.map(|it| shown(&it)).join("\n----\n"));
        }
    }
}
