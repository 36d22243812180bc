//! The mails about a report: that it is ready, that it failed, that its file will be deleted. No traffic data in them, and a link that needs a
//! sign-in.

use report_life::{Phase, ReportState};
use schemas::report_request::{ReportKind, ReportRequest};
use schemas::times::Moment;

use crate::stages::choose_words::Reader;
use crate::stages::lay_out_mail::{Fact, Letter, MailText, lay_out, of_receiver};
use crate::stages::mail_words::{Opening, Words};

/// Writes the mail about the report's end for one receiver. `console_url` has no slash at its end.
pub(crate) fn write_mail(
    state: &ReportState,
    request: &ReportRequest,
    receiver: &str,
    reader: &Reader,
    console_url: &str,
) -> MailText {
    let message_id = message_id(state, "", receiver);
    let words = reader.words;
    if state.phase == Phase::Completed {
        return letter(request, reader, &words.report_ready, None, message_id, console_url);
    }
    let reason = state.reason.as_deref().map(|said| Fact::reason(words, said, state.known_reason.as_ref()));
    letter(request, reader, &words.report_failed, reason, message_id, console_url)
}

/// Writes the mail that says that the report's files will be deleted at `expires_at`.
pub(crate) fn write_expiring_mail(
    state: &ReportState,
    request: &ReportRequest,
    expires_at: Moment,
    receiver: &str,
    reader: &Reader,
    console_url: &str,
) -> MailText {
    let deleted = Fact::of_lines(reader.words.labels.deleted, reader.moment(expires_at));
    let message_id = message_id(state, "expiring.", receiver);
    letter(request, reader, &reader.words.report_expiring, Some(deleted), message_id, console_url)
}

fn letter(
    request: &ReportRequest,
    reader: &Reader,
    opening: &Opening,
    more: Option<Fact>,
    message_id: String,
    console_url: &str,
) -> MailText {
    let words @ Words { labels, .. } = reader.words;
    let (from, to) = (request.range_from, request.range_to);
    let what = match request.kind {
        ReportKind::Summary => words.kinds.summary,
        ReportKind::UserActivity => words.kinds.user_activity,
        ReportKind::Traffic => words.kinds.traffic,
        ReportKind::Events | ReportKind::Unknown => words.kinds.events,
    };
    let mut facts = vec![
        Fact::new(labels.report, what),
        Fact::new(labels.tenant, request.tenant.as_str()),
        Fact::of_lines(labels.range, reader.range(from, to)),
    ];
    facts.extend(more);
    facts.push(Fact::new(labels.report_id, request.report_id.to_string()));
    let letter = Letter {
        subject: words.subject(opening, &format!("{what}, {}", reader.range_in_zone(from, to))),
        opening: opening.paragraph,
        facts,
        link: Some((words.links.analytics, format!("{console_url}/settings/analytics"))),
        message_id,
    };
    lay_out(words, &letter)
}

/// The same for every mail of this kind about this attempt to this receiver.
fn message_id(state: &ReportState, kind: &str, receiver: &str) -> String {
    format!("<{}.{}.{kind}{}@reports.flowledger>", state.id, state.attempt, of_receiver(receiver))
}

#[cfg(test)]
mod tests {
    use report_life::{Failure, Language, ReportLimit};
    use schemas::known_reason::KnownReason;
    use schemas::report_event::{ReportEvent, ReportEventType};

    use super::*;
    use crate::reason::Reason;
    use crate::reason::tests::each;
    use crate::stages::check_request::tests::request;
    use crate::stages::choose_words::tests::reader;
    use crate::stages::lay_out_mail::tests::shown;

    const URL: &str = "https://flow.example";

    fn state(event_type: ReportEventType) -> ReportState {
        let request = request();
        let event = ReportEvent {
            reason: Some("the <database> is away".to_owned()),
            ..ReportEvent::new(request.report_id, request.tenant, event_type, Moment::FIRST)
        };
        ReportState::begun_by(&event)
    }

    fn failed(Failure { reason, known }: Failure) -> ReportState {
        ReportState { reason: Some(reason), known_reason: known, ..state(ReportEventType::Failed) }
    }

    fn of_end(event_type: ReportEventType, receiver: &str, reader: &Reader) -> MailText {
        write_mail(&state(event_type), &request(), receiver, reader, URL)
    }

    fn expiring(reader: &Reader) -> MailText {
        let (state, expires_at) = (state(ReportEventType::Completed), Moment::from_millis(1_796_000_000_000));
        write_expiring_mail(&state, &request(), expires_at, "jane@acme.example", reader, URL)
    }

    #[test]
    fn mail_of_a_report_that_is_ready() {
        for language in Language::ALL {
            let reader = reader(language, "Europe/Berlin");
            let mail = of_end(ReportEventType::Completed, "jane+x@acme.example", &reader);
            insta::assert_snapshot!(format!("mail_of_a_report_that_is_ready_{}", mail.language), shown(&mail));
        }
    }

    #[test]
    fn mail_of_a_report_that_failed() {
        for language in Language::ALL {
            let reader = reader(language, "Europe/Berlin");
            let reason = Reason::Limit(ReportLimit::RowsOfNext { rows: 6, used: 7, most: 11 });
            let mail = write_mail(&failed(reason.into()), &request(), "jane@acme.example", &reader, URL);
            insta::assert_snapshot!(format!("mail_of_a_report_that_failed_{}", mail.language), shown(&mail));
        }
    }

    #[test]
    fn no_reason_is_english_in_a_mail_of_another_language_but_one_of_another_version() {
        for language in Language::ALL {
            let (reader, is_english) = (reader(language, "UTC"), language == Language::En);
            let told = |failure: &Failure| {
                let mail = write_mail(&failed(failure.clone()), &request(), "jane@acme.example", &reader, URL);
                (mail.text.contains(&failure.reason), mail.html.contains("<td lang=\"en\">"))
            };
            for reason in each() {
                assert_eq!(told(&reason.clone().into()), (is_english, false), "{reason:?} {language:?}");
            }
            let known = KnownReason { code: "of_tomorrow".to_owned(), values: Vec::new() };
            for known in [Some(known), None] {
                let failure = Failure { reason: "the moon is away".to_owned(), known };
                assert_eq!(told(&failure), (true, !is_english), "{language:?}");
            }
        }
    }

    #[test]
    fn mail_of_a_report_whose_file_will_be_deleted() {
        for language in Language::ALL {
            let mail = expiring(&reader(language, "Europe/Berlin"));
            let name = format!("mail_of_a_report_whose_file_will_be_deleted_{}", mail.language);
            insta::assert_snapshot!(name, shown(&mail));
            let of_end = of_end(ReportEventType::Completed, "jane@acme.example", &reader(language, "UTC"));
            assert_ne!(mail.message_id, of_end.message_id, "a mail program would take one for the other");
        }
    }

    #[test]
    fn times_of_who_is_in_utc_are_said_once() {
        let mail = of_end(ReportEventType::Completed, "jane@acme.example", &reader(Language::En, "UTC"));
        let body = mail.html.split_once("<body").unwrap().1;
        assert_eq!((mail.text.matches("2026-11-01").count(), body.matches("2026-11-01").count()), (1, 1));
        assert_eq!(expiring(&reader(Language::En, "UTC")).text.matches("2026-11-30").count(), 1);
    }

    #[test]
    fn message_id_is_that_of_the_receiver_in_whatever_language() {
        let id = |language| of_end(ReportEventType::Completed, "a@acme.example", &reader(language, "UTC")).message_id;
        assert_eq!(id(Language::De), id(Language::En));
    }
}
