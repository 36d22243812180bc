//! The mail about a webhook that is away. A link that needs a sign-in, and no data.

use schemas::times::Moment;
use schemas::webhook::Webhook;
use traffic_query::time_range::rfc3339;

use crate::stages::lay_out_mail::{Letter, MailText, lay_out};
use crate::stages::mail_words::{self as words, labels, links};

/// Writes it. `console_url` has no slash at its end.
pub(crate) fn write_webhook_mail(
    webhook: &Webhook,
    failing_since: Moment,
    problem: &str,
    console_url: &str,
) -> MailText {
    let (says, opening) = words::webhook_away();
    let fact = |label, value: &str| (label, vec![value.to_owned()]);
    lay_out(Letter {
        subject: words::subject(&says, &webhook.name),
        opening,
        facts: vec![
            fact(labels::WEBHOOK, &webhook.name),
            fact(labels::TENANT, webhook.tenant.as_str()),
            fact(labels::FAILING_SINCE, &rfc3339(failing_since)),
            fact(labels::LAST_TRY, problem),
        ],
        link: Some((links::WEBHOOK, format!("{console_url}/api/v1/webhooks/{}", webhook.webhook_id))),
        message_id: format!("<{}.{}@webhooks.flowledger>", webhook.webhook_id, failing_since.as_micros()),
    })
}

#[cfg(test)]
mod tests {
    use webhooks::{Wanted, made};

    use super::*;
    use crate::stages::lay_out_mail::tests::shown;

    #[test]
    fn mail_of_a_webhook_that_is_away() {
        let wanted = Wanted {
            name: "Build <main>".to_owned(),
            url: "https://build.acme.example/hook?token=secret".to_owned(),
            events: Vec::new(),
            contact: "admin@acme.example".to_owned(),
        };
        let mut webhook = made("acme".parse().unwrap(), wanted, "admin", Moment::FIRST);
        webhook.webhook_id = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        let since = Moment::from_millis(1_793_534_400_000);
        let mail = write_webhook_mail(&webhook, since, "it answered 500", "https://flow.example");
        insta::assert_snapshot!(shown(&mail));
    }
}
