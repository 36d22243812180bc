//! A schedule ends with its owner's access.

use std::collections::BTreeSet;

use schemas::ids::Tenant;
use schemas::report_schedule::{ReportSchedule, ScheduleState};

/// Who has an account of which tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(BTreeSet<(Tenant, String)>);

impl FromIterator<(Tenant, String)> for Owners {
    fn from_iter<I: IntoIterator<Item = (Tenant, String)>>(accounts: I) -> Self {
        Self(accounts.into_iter().collect())
    }
}

/// Whether a schedule makes reports by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// When they are due.
    Active,
    /// It has no times.
    ByHand,
    /// Somebody paused it.
    Paused,
    /// Its owner has no account of its tenant any more.
    OwnerGone,
}

impl Standing {
    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::ByHand => "by_hand",
            Self::Paused | Self::OwnerGone => "paused",
        }
    }
}

impl Owners {
    /// True where the account may sign in for the tenant.
    #[must_use]
    pub fn has(&self, tenant: &Tenant, account: &str) -> bool {
        self.0.contains(&(tenant.clone(), account.to_owned()))
    }

    /// How a schedule stands by these accounts.
    #[must_use]
    pub fn standing(&self, schedule: &ReportSchedule) -> Standing {
        match schedule.state {
            ScheduleState::Active if schedule.when.is_none() => Standing::ByHand,
            ScheduleState::Active if !self.has(&schedule.tenant, &schedule.request.requested_by) => Standing::OwnerGone,
            ScheduleState::Active => Standing::Active,
            ScheduleState::Paused | ScheduleState::Deleted | ScheduleState::Unknown => Standing::Paused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::tests::{at, weekly};
    use crate::change::{paused, resumed};

    #[test]
    fn schedule_is_active_as_long_as_its_owner_has_an_account_of_its_tenant() {
        let owners = |tenant: &str, name: &str| Owners::from_iter([(tenant.parse().unwrap(), name.to_owned())]);
        let weekly = weekly();
        assert_eq!(owners("acme", "admin").standing(&weekly), Standing::Active);
        for gone in [owners("globex", "admin"), owners("acme", "other"), Owners::default()] {
            assert_eq!(gone.standing(&weekly), Standing::OwnerGone);
        }
        let paused = paused(weekly.clone(), "admin", at(2));
        assert_eq!(owners("acme", "admin").standing(&paused), Standing::Paused);
        let resumed = resumed(weekly.clone(), "other", "other", at(3));
        assert_eq!(owners("acme", "other").standing(&resumed), Standing::Active);
        assert_eq!(Owners::default().standing(&ReportSchedule { when: None, ..weekly }), Standing::ByHand);
    }
}
