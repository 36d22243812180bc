//! Whether a webhook is told anything.

use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookState};

/// A webhook that fails for so long is told nothing more.
const AWAY_AFTER: i64 = 3 * 86_400_000_000;

/// How the last try went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was.
    pub at: Moment,
    /// Since when none has succeeded, where it did not.
    pub failing_since: Option<Moment>,
}

/// How a webhook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is told what it wants to be told.
    Active,
    /// It is, and does not take it.
    Failing,
    /// It did not take anything for days, and is not told any more until somebody resumes it.
    Away,
    /// Somebody paused it.
    Paused,
}

impl Standing {
    /// By what people said and how the last try went: nobody has to note that it is away.
    #[must_use]
    pub fn of(webhook: &Webhook, told: Option<Told>) -> Self {
        if webhook.state != WebhookState::Active {
            return Self::Paused;
        }
        // What was before it was made or resumed is forgiven.
        let failing = told.and_then(|told| Some((told.failing_since?, told.at)));
        match failing.filter(|(since, _)| *since >= webhook.events_after) {
            None => Self::Active,
            Some((since, at)) if at.as_micros().saturating_sub(since.as_micros()) >= AWAY_AFTER => Self::Away,
            Some(_) => Self::Failing,
        }
    }

    /// True where something is sent.
    #[must_use]
    pub const fn sends(self) -> bool {
        match self {
            Self::Active | Self::Failing => true,
            Self::Away | Self::Paused => false,
        }
    }

    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failing => "failing",
            Self::Away => "away",
            Self::Paused => "paused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::tests::{at, made_now};
    use crate::change::{paused, resumed};

    #[test]
    fn webhook_that_takes_nothing_for_three_days_is_away_until_it_is_resumed() {
        let webhook = made_now();
        let told = |since: Option<i64>, seconds| Some(Told { at: at(seconds), failing_since: since.map(at) });
        assert_eq!(Standing::of(&webhook, None), Standing::Active);
        assert_eq!(Standing::of(&webhook, told(None, 20)), Standing::Active);
        assert_eq!(Standing::of(&webhook, told(Some(20), 20 + 259_199)), Standing::Failing);
        let away = told(Some(20), 20 + 259_200);
        assert_eq!(Standing::of(&webhook, away), Standing::Away);
        let paused = paused(webhook, "jo", at(259_300));
        assert_eq!(Standing::of(&paused, away), Standing::Paused);
        assert_eq!(Standing::of(&resumed(paused, "jo", at(259_400)), away), Standing::Active);
    }
}
