//! The mails about a report: that it is ready, that it failed, that its file will be deleted. No traffic data in them, and a link that needs a
//! sign-in.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use report_life::{Phase, ReportState};
use schemas::report_request::{ReportKind, ReportRequest};
use schemas::times::Moment;

use crate::stages::lay_out_mail::{Letter, MailText, lay_out, of_receiver};
use crate::stages::mail_words::{self as words, labels, links};

/// Writes the mail about the report's end for one receiver. `console_url` has no slash at its end.
pub(crate) fn write_mail(state: &ReportState, request: &ReportRequest, receiver: &str, console_url: &str) -> MailText {
    let opening = if state.phase == Phase::Completed { words::ready() } else { words::failed(state.reason.as_deref()) };
    let message_id = message_id(state, "", receiver);
    lay_out(letter(request, opening, Vec::new(), message_id, console_url))
}

/// Writes the mail that says that the report's files will be deleted at `expires_at`.
pub(crate) fn write_expiring_mail(
    state: &ReportState,
    request: &ReportRequest,
    expires_at: Moment,
    receiver: &str,
    console_url: &str,
) -> MailText {
    let at = in_zone(expires_at, request);
    let opening = words::expiring(&at);
    let deleted = (labels::DELETED, with_utc(request, at, || in_utc(expires_at)));
    let message_id = message_id(state, "expiring.", receiver);
    lay_out(letter(request, opening, vec![deleted], message_id, console_url))
}

fn letter(
    request: &ReportRequest,
    (says, opening): words::Opening,
    more: Vec<(&'static str, Vec<String>)>,
    message_id: String,
    console_url: &str,
) -> Letter {
    let range = words::range(&in_zone(request.range_from, request), &in_zone(request.range_to, request));
    let utc = || words::range(&in_utc(request.range_from), &in_utc(request.range_to));
    let what = match request.kind {
        ReportKind::Summary => words::kinds::SUMMARY,
        ReportKind::UserActivity => words::kinds::USER_ACTIVITY,
        ReportKind::Traffic => words::kinds::TRAFFIC,
        ReportKind::Events | ReportKind::Unknown => words::kinds::EVENTS,
    };
    let mut facts = vec![
        (labels::REPORT, vec![what.to_owned()]),
        (labels::TENANT, vec![request.tenant.to_string()]),
        (labels::RANGE, with_utc(request, range.clone(), utc)),
    ];
    facts.extend(more);
    facts.push((labels::REPORT_ID, vec![request.report_id.to_string()]));
    Letter {
        subject: words::subject(&says, &format!("{what}, {range}")),
        opening,
        facts,
        link: Some((links::ANALYTICS, format!("{console_url}/settings/analytics"))),
        message_id,
    }
}

/// The same for every mail of this kind about this attempt to this receiver.
fn message_id(state: &ReportState, kind: &str, receiver: &str) -> String {
    format!("<{}.{}.{kind}{}@reports.flowledger>", state.id, state.attempt, of_receiver(receiver))
}

/// In the zone that the range was entered in, which is what is known of the receivers' zones, and in UTC, which the file is in.
fn with_utc(request: &ReportRequest, in_zone: String, in_utc: impl FnOnce() -> String) -> Vec<String> {
    if request.zone == "UTC" { vec![in_zone] } else { vec![in_zone, in_utc()] }
}

fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default()
}

fn in_zone(moment: Moment, request: &ReportRequest) -> String {
    let zone = TimeZone::get(&request.zone).unwrap_or(TimeZone::UTC);
    timestamp(moment).to_zoned(zone).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn in_utc(moment: Moment) -> String {
    timestamp(moment).to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use schemas::report_event::{ReportEvent, ReportEventType};

    use super::*;
    use crate::stages::check_request::tests::request;
    use crate::stages::lay_out_mail::tests::shown;

    fn state(event_type: ReportEventType) -> ReportState {
        let request = request();
        let event = ReportEvent {
            reason: Some("the <database> is away".to_owned()),
            ..ReportEvent::new(request.report_id, request.tenant, event_type, Moment::FIRST)
        };
        ReportState::begun_by(&event)
    }

    #[test]
    fn mail_of_a_report_that_is_ready() {
        let mail =
            write_mail(&state(ReportEventType::Completed), &request(), "jane+x@acme.example", "https://flow.example");
        insta::assert_snapshot!(shown(&mail));
    }

    #[test]
    fn range_that_was_entered_in_utc_is_said_once() {
        let request = ReportRequest { zone: "UTC".to_owned(), ..request() };
        let mail = write_mail(&state(ReportEventType::Completed), &request, "jane@acme.example", "");
        let body = mail.html.split_once("<body").unwrap().1;
        assert_eq!((mail.text.matches("2026-11-01").count(), body.matches("2026-11-01").count()), (1, 1));
    }

    #[test]
    fn mail_of_a_report_that_failed() {
        let mail = write_mail(&state(ReportEventType::Failed), &request(), "jane@acme.example", "https://flow.example");
        insta::assert_snapshot!(shown(&mail));
    }
    #[test]
    fn mail_of_a_report_whose_file_will_be_deleted() {
        let (state, request) = (state(ReportEventType::Completed), request());
        let expires_at = Moment::from_millis(1_796_000_000_000);
        let write = |request: &ReportRequest| {
            write_expiring_mail(&state, request, expires_at, "jane@acme.example", "https://flow.example")
        };
        let mail = write(&request);
        insta::assert_snapshot!(shown(&mail));
        let of_end = write_mail(&state, &request, "jane@acme.example", "");
        assert_ne!(mail.message_id, of_end.message_id, "a mail program would take one for the other");
        let in_utc = write(&ReportRequest { zone: "UTC".to_owned(), ..request });
        assert_eq!(in_utc.text.matches("2026-11-30").count(), 2, "{}", in_utc.text);
    }
}
