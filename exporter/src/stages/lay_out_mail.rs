//! A mail's two bodies from what it says: text, and the same as HTML for who reads that.
//!
//! The HTML is plain: it loads nothing, has no script and no image, and names no colour, so that it is light or dark as its reader is. What
//! is told comes from people, so nothing of it is taken for markup, or for a line of its own.

use schemas::known_reason::KnownReason;

use crate::reason::Reason;
use crate::stages::mail_words::Words;

/// Subject and bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailText {
    /// Of the subject and both bodies, as HTML and `Content-Language` name it.
    pub(crate) language: &'static str,
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
    pub(crate) opening: &'static str,
    pub(crate) facts: Vec<Fact>,
    /// What a link says and where it leads.
    pub(crate) link: Option<(&'static str, String)>,
    pub(crate) message_id: String,
}

/// What is told under a label in a line or more.
pub(crate) struct Fact {
    label: &'static str,
    lines: Vec<String>,
    /// In English, whatever the mail is in: what has no words here.
    is_english: bool,
}

impl Fact {
    pub(crate) fn new(label: &'static str, line: impl Into<String>) -> Self {
        Self::of_lines(label, vec![line.into()])
    }

    pub(crate) fn of_lines(label: &'static str, lines: Vec<String>) -> Self {
        let lines = lines.into_iter().map(|line| one_line(&line)).collect();
        Self { label, lines, is_english: false }
    }

    /// Why something failed: in the mail's language where the reason is known, else as it was said.
    pub(crate) fn reason(words: &Words, sentence: &str, known: Option<&KnownReason>) -> Self {
        let label = words.labels.reason;
        match known.and_then(Reason::read) {
            Some(reason) => Self::new(label, (words.reason)(&reason)),
            None => Self::english(label, sentence),
        }
    }

    fn english(label: &'static str, line: &str) -> Self {
        Self { is_english: true, ..Self::new(label, line) }
    }
}

/// Lays it out.
pub(crate) fn lay_out(words: &Words, letter: &Letter) -> MailText {
    let subject = one_line(&letter.subject);
    MailText {
        language: words.tag,
        text: text(words, letter),
        html: html(words, &subject, letter),
        subject,
        message_id: letter.message_id.clone(),
    }
}

/// The receiver as a part of a Message-ID.
pub(crate) fn of_receiver(receiver: &str) -> String {
    receiver.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '.' }).collect()
}

fn text(words: &Words, Letter { opening, facts, link, .. }: &Letter) -> String {
    let label = |fact: &Fact| format!("{}{} ", fact.label, words.colon);
    let width = facts.iter().map(|fact| label(fact).chars().count()).max().unwrap_or_default();
    let mut text = format!("{opening}\n\n");
    for fact in facts {
        let mut label = label(fact);
        for line in &fact.lines {
            text.push_str(format!("{label:<width$}{line}").trim_end());
            text.push('\n');
            label.clear();
        }
    }
    if let Some((says, leads_to)) = link {
        text.push_str(&format!("\n{says} {}{}\n{leads_to}\n", words.sign_in, words.colon));
    }
    text
}

fn html(words: &Words, subject: &str, Letter { opening, facts, link, .. }: &Letter) -> String {
    let rows: String = facts
        .iter()
        .map(|fact| {
            let lines: Vec<_> = fact.lines.iter().map(|line| escaped(line)).collect();
            let language = if fact.is_english && words.tag != "en" { " lang=\"en\"" } else { "" };
            format!(
                "<tr><th scope=\"row\" align=\"left\" valign=\"top\">{}</th><td{language}>{}</td></tr>\n",
                fact.label,
                lines.join("<br>")
            )
        })
        .collect();
    let link = link.as_ref().map_or_else(String::new, |(says, leads_to)| {
        format!("<p><a href=\"{}\">{says}</a> {}</p>\n", escaped(leads_to), words.sign_in)
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 36rem\">\n<p>{}</p>\n\
         <table cellspacing=\"0\" cellpadding=\"4\">\n{rows}</table>\n{link}</body>\n</html>\n",
        words.tag,
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
    use report_life::Language;

    use super::*;

    /// As it is shown in snapshots.
    pub(crate) fn shown(mail: &MailText) -> String {
        let MailText { language, subject, text, html, message_id } = mail;
        format!("{message_id}\n{language}\n{subject}\n\n{text}\n{html}")
    }

    fn letter(subject: &str, facts: Vec<Fact>) -> Letter {
        Letter { subject: subject.to_owned(), opening: "It is.", facts, link: None, message_id: "<1@x>".to_owned() }
    }

    #[test]
    fn what_people_wrote_is_neither_markup_nor_a_line_of_its_own() {
        let wrote = "<img src=\"http://evil.example/x\">\r\nTenant: '&'";
        let link = Some(("See it", "https://flow.example/?a=1&b=\"2\"".to_owned()));
        let facts = vec![Fact::new("Name", wrote), Fact::english("Reason", wrote), Fact::new("Tenant", "acme")];
        let mail = lay_out(Words::of(Language::En), &Letter { link, ..letter(wrote, facts) });
        assert!(!mail.subject.contains(['\r', '\n']));
        assert_eq!(mail.text.lines().filter(|line| line.starts_with("Tenant:")).count(), 1, "{}", mail.text);
        assert!(!mail.html.contains("<img") && !mail.html.contains("src=\"http"), "{}", mail.html);
        assert!(mail.html.contains("href=\"https://flow.example/?a=1&amp;b=&quot;2&quot;\""), "{}", mail.html);
    }

    #[test]
    fn html_loads_nothing_and_names_no_colour() {
        let facts = vec![Fact::of_lines("What", vec!["one".to_owned(), "two".to_owned()])];
        let mail = lay_out(Words::of(Language::En), &letter("It", facts));
        for absent in ["src=", "<script", "<link", "@import", "url(", "background", "color:", "http"] {
            assert!(!mail.html.contains(absent), "{absent}: {}", mail.html);
        }
        assert!(mail.html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert_eq!(mail.text, "It is.\n\nWhat: one\n      two\n");
    }

    #[test]
    fn what_is_told_stands_in_one_column_whatever_letters_labels_have_and_english_is_called_so() {
        let told = |language| {
            let facts = vec![Fact::new("Où", "ici"), Fact::english("Motif", "it is away")];
            lay_out(Words::of(language), &letter("It", facts))
        };
        assert_eq!(told(Language::Fr).text, "It is.\n\nOù\u{a0}:    ici\nMotif\u{a0}: it is away\n");
        assert!(told(Language::Fr).html.contains("<td lang=\"en\">it is away</td>"));
        assert!(told(Language::En).html.contains("<td>it is away</td>"));
    }
}
