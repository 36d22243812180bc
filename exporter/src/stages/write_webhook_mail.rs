//! The mail about a webhook that is away. A link that needs a sign-in, and no data.

use schemas::times::Moment;
use schemas::webhook::Webhook;
use traffic_query::time_range::rfc3339;

use super::write_mail::{MailText, escaped};

/// Writes it. `console_url` has no slash at its end.
pub(crate) fn write_webhook_mail(
    webhook: &Webhook,
    failing_since: Moment,
    problem: &str,
    console_url: &str,
) -> MailText {
    let (id, name, since) = (webhook.webhook_id, &webhook.name, rfc3339(failing_since));
    let opening = "A webhook has taken nothing for days. It is paused until somebody resumes it; what happens until then is not sent.";
    let rows = [
        ("Webhook", name.as_str()),
        ("Tenant", webhook.tenant.as_str()),
        ("Failing since", &since),
        ("Last try", problem),
    ];
    let text: String = rows.iter().map(|(what, value)| format!("{:<15}{value}\n", format!("{what}:"))).collect();
    let html: String =
        rows.iter().map(|(what, value)| format!("<tr><td>{what}</td><td>{}</td></tr>\n", escaped(value))).collect();
    let link = format!("{console_url}/api/v1/webhooks/{id}");
    MailText {
        subject: format!("Your webhook is paused: {name}"),
        text: format!("{opening}\n\n{text}\nSee it (sign-in needed):\n{link}\n"),
        html: format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><body style=\"font-family: sans-serif; max-width: 36rem\">\n<p>{opening}</p>\n\
             <table>\n{html}</table>\n<p><a href=\"{}\">See it</a> (sign-in needed)</p>\n</body></html>\n",
            escaped(&link)
        ),
        message_id: format!("<{id}.{}@webhooks.flowledger>", failing_since.as_micros()),
    }
}

#[cfg(test)]
mod tests {
    use webhooks::{Wanted, made};

    use super::*;

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
        insta::assert_snapshot!(format!("{}\n{}\n\n{}\n{}", mail.message_id, mail.subject, mail.text, mail.html));
    }
}
