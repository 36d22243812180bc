//! The mail about a webhook that is away. A link to the page of webhooks, which needs a sign-in, and no data.

use schemas::times::Moment;
use schemas::webhook::Webhook;

use crate::stages::choose_words::Reader;
use crate::stages::lay_out_mail::{Fact, Letter, MailText, lay_out};
use crate::webhooks::SendError;

/// Writes it. `console_url` has no slash at its end.
pub(crate) fn write_webhook_mail(
    webhook: &Webhook,
    failing_since: Moment,
    last_try: &SendError,
    reader: &Reader,
    console_url: &str,
) -> MailText {
    let words = reader.words;
    let (opening, labels) = (&words.webhook_away, &words.labels);
    let letter = Letter {
        subject: words.subject(opening, &webhook.name),
        opening: opening.paragraph,
        facts: vec![
            Fact::new(labels.webhook, &webhook.name),
            Fact::new(labels.tenant, webhook.tenant.as_str()),
            Fact::of_lines(labels.failing_since, reader.moment(failing_since)),
            Fact::new(labels.last_try, (words.last_try)(last_try)),
        ],
        link: Some((words.links.webhooks, format!("{console_url}/settings/webhooks"))),
        message_id: format!("<{}.{}@webhooks.flowledger>", webhook.webhook_id, failing_since.as_micros()),
    };
    lay_out(words, &letter)
}

#[cfg(test)]
mod tests {
    use report_life::Language;
    use webhooks::{Wanted, made};

    use super::*;
    use crate::stages::choose_words::tests::reader;
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
        for language in Language::ALL {
            let reader = reader(language, "UTC");
            let mail = write_webhook_mail(&webhook, since, &SendError::Status(500), &reader, "https://flow.example");
            insta::assert_snapshot!(format!("mail_of_a_webhook_that_is_away_{}", mail.language), shown(&mail));
        }
    }
}
