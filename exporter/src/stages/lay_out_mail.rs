//! A mail's two bodies from what it says: text, and the same as HTML for who reads that.
//!
//! The HTML is plain: it loads nothing, has no script and no image, and names no colour, so that it is light or dark as its reader is. What
//! is told comes from people, so nothing of it is taken for markup, or for a line of its own.

use crate::stages::mail_words::{LANGUAGE, SIGN_IN};

/// Subject and bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailText {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The same for every mail about the same to the same receiver, so that one that came twice can be known.
    pub(crate) message_id: String,
}

/// What a mail says.
pub(crate) struct Letter {
    pub(crate) subject: String,
    /// The first paragraph.
    pub(crate) opening: String,
    /// Labels, and what is told under each in a line or more.
    pub(crate) facts: Vec<(&'static str, Vec<String>)>,
    /// What a link says and where it leads.
    pub(crate) link: Option<(&'static str, String)>,
    pub(crate) message_id: String,
}

/// Lays it out.
pub(crate) fn lay_out(letter: Letter) -> MailText {
    let subject = one_line(&letter.subject);
    let opening = one_line(&letter.opening);
    let facts: Vec<(_, Vec<_>)> =
        letter.facts.iter().map(|(label, lines)| (*label, lines.iter().map(|line| one_line(line)).collect())).collect();
    MailText {
        text: text(&opening, &facts, letter.link.as_ref()),
        html: html(&subject, &opening, &facts, letter.link.as_ref()),
        subject,
        message_id: letter.message_id,
    }
}

/// The receiver as a part of a Message-ID.
pub(crate) fn of_receiver(receiver: &str) -> String {
    receiver.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '.' }).collect()
}

fn text(opening: &str, facts: &[(&str, Vec<String>)], link: Option<&(&'static str, String)>) -> String {
    let width = facts.iter().map(|(label, _)| label.len() + 2).max().unwrap_or_default();
    let mut text = format!("{opening}\n\n");
    for (label, lines) in facts {
        let mut label = format!("{label}:");
        for line in lines {
            text.push_str(format!("{label:<width$}{line}").trim_end());
            text.push('\n');
            label.clear();
        }
    }
    if let Some((says, leads_to)) = link {
        text.push_str(&format!("\n{says} {SIGN_IN}:\n{leads_to}\n"));
    }
    text
}

fn html(subject: &str, opening: &str, facts: &[(&str, Vec<String>)], link: Option<&(&'static str, String)>) -> String {
    let rows: String = facts
        .iter()
        .map(|(label, lines)| {
            let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
            format!(
                "<tr><th scope=\"row\" align=\"left\" valign=\"top\">{label}</th><td>{}</td></tr>\n",
                lines.join("<br>")
            )
        })
        .collect();
    let link = link.map_or_else(String::new, |(says, leads_to)| {
        format!("<p><a href=\"{}\">{says}</a> {SIGN_IN}</p>\n", escaped(leads_to))
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"{LANGUAGE}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 36rem\">\n<p>{}</p>\n\
         <table cellspacing=\"0\" cellpadding=\"4\">\n{rows}</table>\n{link}</body>\n</html>\n",
        escaped(subject),
        escaped(opening),
    )
}

/// What would begin another line does not.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As it is shown in snapshots.
    pub(crate) fn shown(mail: &MailText) -> String {
        format!("{}\n{}\n\n{}\n{}", mail.message_id, mail.subject, mail.text, mail.html)
    }

    #[test]
    fn what_people_wrote_is_neither_markup_nor_a_line_of_its_own() {
        let wrote = "<img src=\"http://evil.example/x\">\r\nTenant: '&'";
        let mail = lay_out(Letter {
            subject: wrote.to_owned(),
            opening: wrote.to_owned(),
            facts: vec![("Name", vec![wrote.to_owned()]), ("Tenant", vec!["acme".to_owned()])],
            link: Some(("See it", "https://flow.example/?a=1&b=\"2\"".to_owned())),
            message_id: "<1@x>".to_owned(),
        });
        assert!(!mail.subject.contains(['\r', '\n']));
        assert_eq!(mail.text.lines().filter(|line| line.starts_with("Tenant:")).count(), 1, "{}", mail.text);
        assert!(!mail.html.contains("<img") && !mail.html.contains("src=\"http"), "{}", mail.html);
        assert!(mail.html.contains("href=\"https://flow.example/?a=1&amp;b=&quot;2&quot;\""), "{}", mail.html);
    }

    #[test]
    fn html_loads_nothing_and_names_no_colour() {
        let mail = lay_out(Letter {
            subject: "It".to_owned(),
            opening: "It is.".to_owned(),
            facts: vec![("What", vec!["one".to_owned(), "two".to_owned()])],
            link: None,
            message_id: "<1@x>".to_owned(),
        });
        for absent in ["src=", "<script", "<link", "@import", "url(", "background", "color:", "http"] {
            assert!(!mail.html.contains(absent), "{absent}: {}", mail.html);
        }
        assert!(mail.html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert_eq!(mail.text, "It is.\n\nWhat: one\n      two\n");
    }
}
