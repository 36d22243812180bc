//! The mail about a report: that it is ready, or that it failed. No traffic data in it, and a link that needs a sign-in.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use report_life::{Phase, ReportState};
use schemas::report_request::{ReportKind, ReportRequest};
use schemas::times::Moment;

/// Subject and bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailText {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The same for every mail about this end of the report to this receiver, so that one that came twice can be known.
    pub(crate) message_id: String,
}

/// Writes the mail for one receiver. `console_url` has no slash at its end.
pub(crate) fn write_mail(state: &ReportState, request: &ReportRequest, receiver: &str, console_url: &str) -> MailText {
    let range = format!("{} to {}", in_zone(request.range_from, request), in_zone(request.range_to, request));
    // In the zone that the range was entered in, and in UTC, which the file is in.
    let utc = format!("{} to {}", in_utc(request.range_from), in_utc(request.range_to));
    let (utc_text, utc_html) = match request.zone.as_str() {
        "UTC" => (String::new(), String::new()),
        _ => (format!("\n         {utc}"), format!("<br>{utc}")),
    };
    let link = format!("{console_url}/settings/analytics");
    let (subject, opening) = if state.phase == Phase::Completed {
        ("Your report is ready", "The report that you asked for is ready.".to_owned())
    } else {
        let reason = state.reason.as_deref().unwrap_or("no reason was given");
        ("Your report failed", format!("The report that you asked for could not be made: {reason}."))
    };
    let what = match request.kind {
        ReportKind::Summary => "Summary",
        ReportKind::UserActivity => "User activity",
        ReportKind::Events | ReportKind::Unknown => "Network events",
    };
    let text = format!(
        "{opening}\n\nReport:  {what}\nTenant:  {}\nRange:   {range}{utc_text}\nReport id: {}\n\n\
         See it on the Analytics page (sign-in needed):\n{link}\n",
        request.tenant, request.report_id
    );
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family: sans-serif; max-width: 36rem\">\n<p>{}</p>\n\
         <table>\n<tr><td>Report</td><td>{what}</td></tr>\n<tr><td>Tenant</td><td>{}</td></tr>\n\
         <tr><td>Range</td><td>{}{utc_html}</td></tr>\n<tr><td>Report id</td><td>{}</td></tr>\n</table>\n\
         <p><a href=\"{}\">Open the Analytics page</a> (sign-in needed)</p>\n</body></html>\n",
        escaped(&opening),
        request.tenant,
        escaped(&range),
        request.report_id,
        escaped(&link),
    );
    let safe: String = receiver.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '.' }).collect();
    let message_id = format!("<{}.{}.{safe}@reports.flowledger>", request.report_id, state.attempt);
    MailText { subject: format!("{subject}: {what}, {range}"), text, html, message_id }
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

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use schemas::report_event::{ReportEvent, ReportEventType};

    use super::*;
    use crate::stages::check_request::tests::request;

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
        insta::assert_snapshot!(format!("{}\n{}\n\n{}\n{}", mail.message_id, mail.subject, mail.text, mail.html));
    }

    #[test]
    fn range_that_was_entered_in_utc_is_said_once() {
        let request = ReportRequest { zone: "UTC".to_owned(), ..request() };
        let mail = write_mail(&state(ReportEventType::Completed), &request, "jane@acme.example", "");
        assert_eq!((mail.text.matches("2026-11-01").count(), mail.html.matches("2026-11-01").count()), (1, 1));
    }

    #[test]
    fn mail_of_a_report_that_failed() {
        let mail = write_mail(&state(ReportEventType::Failed), &request(), "jane@acme.example", "https://flow.example");
        insta::assert_snapshot!(format!("{}\n\n{}\n{}", mail.subject, mail.text, mail.html));
    }
}
