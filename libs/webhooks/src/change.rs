//! What people do to a webhook. Each change gives the whole of it as it is then.

use std::time::Duration;

use report_life::is_address;
use schemas::ids::{Tenant, WebhookId};
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent, WebhookState};
use traffic_query::FilterError;

use crate::guard::Guard;

/// Longest name, characters.
const NAME_MAX: usize = 100;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What the tenant calls it.
    pub name: String,
    /// Where to.
    pub url: String,
    /// What of.
    pub events: Vec<WebhookEvent>,
    /// Who gets a mail when it is away.
    pub contact: String,
}

impl Wanted {
    /// In its normal form.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn checked(mut self, guard: &Guard) -> Result<Self, FilterError> {
        let wrong = |field: &str, reason: &str| Err(FilterError { field: field.to_owned(), reason: reason.to_owned() });
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_MAX || self.name.chars().any(char::is_control) {
            return wrong("name", "is not 1 to 100 characters, none of them a control character");
        }
        self.url = guard.read(&self.url)?.url().to_string();
        self.events.sort();
        self.events.dedup();
        if self.events.is_empty() || self.events.contains(&WebhookEvent::Unknown) {
            return wrong("events", "names none, or one that there is not");
        }
        if !is_address(&self.contact) {
            return wrong("contact", "is no e-mail address");
        }
        Ok(self)
    }
}

/// A new one; it is told what happens from now on.
#[must_use]
pub fn made(tenant: Tenant, wanted: Wanted, by: &str, now: Moment) -> Webhook {
    let Wanted { name, url, events, contact } = wanted;
    Webhook {
        webhook_id: WebhookId::generate(),
        tenant,
        name,
        state: WebhookState::Active,
        url,
        events,
        contact,
        generation: 1,
        former_until: None,
        events_after: now,
        changed_at: now,
        changed_by: by.to_owned(),
    }
}

/// Another in its place, with its secrets; paused or not as it was.
#[must_use]
pub fn changed(last: Webhook, wanted: Wanted, by: &str, now: Moment) -> Webhook {
    let Wanted { name, url, events, contact } = wanted;
    noted(Webhook { name, url, events, contact, ..last }, by, now)
}

/// It is told nothing any more.
#[must_use]
pub fn paused(last: Webhook, by: &str, now: Moment) -> Webhook {
    noted(Webhook { state: WebhookState::Paused, ..last }, by, now)
}

/// It is told what happens from now on. That its receiver was away is forgiven.
#[must_use]
pub fn resumed(last: Webhook, by: &str, now: Moment) -> Webhook {
    noted(Webhook { state: WebhookState::Active, events_after: now, ..last }, by, now)
}

/// It is gone.
#[must_use]
pub fn deleted(last: Webhook, by: &str, now: Moment) -> Webhook {
    noted(Webhook { state: WebhookState::Deleted, ..last }, by, now)
}

/// It has another secret; the one before signs beside it for a time, those before that do not.
#[must_use]
pub fn rotated(last: Webhook, former: Duration, by: &str, now: Moment) -> Webhook {
    let former = i64::try_from(former.as_micros()).unwrap_or(i64::MAX);
    let former_until = Some(Moment::from_micros(now.as_micros().saturating_add(former)));
    noted(Webhook { generation: last.generation.saturating_add(1), former_until, ..last }, by, now)
}

fn noted(webhook: Webhook, by: &str, now: Moment) -> Webhook {
    Webhook { changed_at: now, changed_by: by.to_owned(), ..webhook }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(seconds: i64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn wanted() -> Wanted {
        Wanted {
            name: "Build".to_owned(),
            url: "https://build.acme.example/hook".to_owned(),
            events: WebhookEvent::ALL.to_vec(),
            contact: "admin@acme.example".to_owned(),
        }
    }

    /// Of tenant `acme`, made at the tenth second.
    pub(crate) fn made_now() -> Webhook {
        made("acme".parse().unwrap(), wanted(), "admin", at(10))
    }

    #[test]
    fn rotation_leaves_the_secret_before_for_a_time() {
        let rotated = rotated(made_now(), Duration::from_secs(60), "jo", at(20));
        assert_eq!((rotated.generation, rotated.former_until, rotated.events_after), (2, Some(at(80)), at(10)));
        assert_eq!((rotated.changed_by.as_str(), rotated.changed_at), ("jo", at(20)));
    }

    #[test]
    fn change_keeps_the_secrets_and_what_is_to_be_told() {
        let moved = Wanted { url: "https://other.acme.example/".to_owned(), ..wanted() };
        let changed = changed(paused(made_now(), "jo", at(20)), moved, "jo", at(30));
        assert_eq!((changed.state, changed.generation, changed.events_after), (WebhookState::Paused, 1, at(10)));
        assert_eq!(changed.url, "https://other.acme.example/");
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_name_of_its_field() {
        let guard = Guard::default();
        let twice = [WebhookEvent::ReportFailed, WebhookEvent::ReportCompleted, WebhookEvent::ReportFailed];
        let right = Wanted { url: "HTTPS://Acme.Example".to_owned(), events: twice.to_vec(), ..wanted() };
        let right = right.checked(&guard).unwrap();
        assert_eq!(right.url, "https://acme.example/");
        assert_eq!(right.events, [WebhookEvent::ReportCompleted, WebhookEvent::ReportFailed]);
        for (wrong, field) in [
            (Wanted { name: " ".to_owned(), ..wanted() }, "name"),
            (Wanted { name: "a\nb".to_owned(), ..wanted() }, "name"),
            (Wanted { name: "n".repeat(101), ..wanted() }, "name"),
            (Wanted { url: "http://acme.example".to_owned(), ..wanted() }, "url"),
            (Wanted { events: Vec::new(), ..wanted() }, "events"),
            (Wanted { events: vec![WebhookEvent::Unknown], ..wanted() }, "events"),
            (Wanted { contact: "nobody".to_owned(), ..wanted() }, "contact"),
            (Wanted { contact: "a@b\r\nBcc: c@d".to_owned(), ..wanted() }, "contact"),
        ] {
            assert_eq!(wrong.clone().checked(&guard).unwrap_err().field, field, "{wrong:?}");
        }
    }
}
