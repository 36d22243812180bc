//! What mails say, in each language: the one place where their texts live.
//!
//! A language is a [`Words`]: one that lacks a text does not compile, nor does a language of accounts, or a reason, without words. Names that
//! people gave are no texts of theirs.

mod de;
mod en;
mod es;
mod fr;

use report_life::Language;

use crate::reason::Reason;
use crate::webhooks::SendError;

/// All that mails say in a language.
#[derive(Debug)]
pub(crate) struct Words {
    /// The language, as HTML and `Content-Language` name it.
    pub(crate) tag: &'static str,
    /// The form of a moment, to the minute and with its zone, as `strftime` has it.
    pub(crate) moment: &'static str,
    /// What stands between a label and what is told: a colon, with what belongs before it.
    pub(crate) colon: &'static str,
    /// From one moment to another.
    pub(crate) range: fn(&str, &str) -> String,
    /// Behind what a link says: none leads to anything without one.
    pub(crate) sign_in: &'static str,
    pub(crate) labels: Labels,
    pub(crate) links: Links,
    pub(crate) kinds: Kinds,
    pub(crate) report_ready: Opening,
    pub(crate) report_failed: Opening,
    pub(crate) report_expiring: Opening,
    pub(crate) webhook_away: Opening,
    pub(crate) sync_fails: Opening,
    pub(crate) sync_well: Opening,
    /// Why there is no file, or no object; without what is told in English alone.
    pub(crate) reason: fn(&Reason) -> String,
    /// What a webhook's last try came to; without what is told in English alone.
    pub(crate) last_try: fn(&SendError) -> String,
}

/// How a mail begins.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The subject, before what the mail is about.
    pub(crate) subject: &'static str,
    /// The first paragraph.
    pub(crate) paragraph: &'static str,
}

/// Labels of what is told in a line or two.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) report: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) range: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) deleted: &'static str,
    pub(crate) report_id: &'static str,
    pub(crate) webhook: &'static str,
    pub(crate) failing_since: &'static str,
    pub(crate) last_try: &'static str,
    pub(crate) sync: &'static str,
    pub(crate) since: &'static str,
    pub(crate) reached: &'static str,
    pub(crate) sync_id: &'static str,
}

/// What links to pages say.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) analytics: &'static str,
    pub(crate) webhooks: &'static str,
}

/// Kinds of reports.
#[derive(Debug)]
pub(crate) struct Kinds {
    pub(crate) events: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) user_activity: &'static str,
    pub(crate) traffic: &'static str,
}

impl Words {
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::WORDS,
            Language::De => &de::WORDS,
            Language::Fr => &fr::WORDS,
            Language::Es => &es::WORDS,
        }
    }

    /// A subject: what is said, and what of.
    pub(crate) fn subject(&self, opening: &Opening, about: &str) -> String {
        format!("{}{} {about}", opening.subject, self.colon)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use report_life::Failure;

    use super::*;
    use crate::reason::tests::{ENGLISH, each};

    #[test]
    fn language_has_words_of_its_own_under_the_name_that_accounts_call_it_by() {
        let tags = Language::ALL.map(|language| {
            let tag = Words::of(language).tag;
            assert_eq!(serde_json::json!(language), tag);
            tag
        });
        assert_eq!(BTreeSet::from(tags).len(), tags.len());
    }

    #[test]
    fn none_of_the_texts_of_a_language_is_empty_or_that_of_another_mail() {
        for words in Language::ALL.map(Words::of) {
            let mails = [
                &words.report_ready,
                &words.report_failed,
                &words.report_expiring,
                &words.webhook_away,
                &words.sync_fails,
                &words.sync_well,
            ];
            for texts in [mails.map(|it| it.subject), mails.map(|it| it.paragraph)] {
                assert!(texts.iter().all(|it| it.len() > 10), "{texts:?}");
                assert_eq!(BTreeSet::from(texts).len(), texts.len(), "{texts:?}");
            }
            let shown = format!("{words:?}");
            assert!(!shown.contains("\"\""), "{shown}");
        }
    }

    #[test]
    fn language_has_words_of_its_own_for_each_reason_with_what_that_names() {
        for language in Language::ALL {
            let words = Words::of(language);
            let mut told = BTreeSet::new();
            for reason in each() {
                let (text, Failure { reason: sentence, known }) = ((words.reason)(&reason), reason.clone().into());
                assert_eq!(text == sentence, language == Language::En, "{text}");
                for value in known.unwrap().values {
                    let is_told = language == Language::En || value != ENGLISH;
                    assert_eq!(text.contains(&value), is_told, "{value}: {text}");
                }
                assert!(text.len() > 20 && told.insert(text.clone()), "{text}");
            }
        }
    }

    #[test]
    fn language_has_words_of_its_own_for_what_a_last_try_came_to() {
        for language in Language::ALL {
            let last_try = Words::of(language).last_try;
            let mut told = BTreeSet::new();
            for (error, value) in [
                (SendError::Refused("it is <ours>"), ""),
                (SendError::Status(503), "503"),
                (SendError::Late(Duration::from_secs(10)), "10 s"),
                (SendError::Failed("it is <away>".to_owned()), ""),
            ] {
                let text = last_try(&error);
                assert_eq!(text == error.to_string(), language == Language::En, "{text}");
                assert!(text.contains(value) && (language == Language::En || !text.contains('<')), "{text}");
                assert!(told.insert(text));
            }
        }
    }
}
