//! Questions about what stands out. Each has one definition, here and in `docs/traffic.md`.

use schemas::times::Moment;

use crate::error::FilterError;
use crate::field::Field;
use crate::filter::TrafficFilter;
use crate::groups::Dimension;
use crate::limit::check_limit;
use crate::words::words;

/// Most findings of an answer.
pub const INSIGHTS_MAX: u32 = 1000;

const DAY_MICROS: i64 = 86_400_000_000;
/// How long before the range addresses of clients are remembered.
const ADDRESSES_REMEMBERED_DAYS: i64 = 90;

words! {
    /// What stands out.
    Insight {
        /// A User from a country that was not seen with this User before the range, though the User was.
        NewCountries = "new_countries",
        /// A User from a client address that was not seen with this User in the 90 days before the range, though the User was.
        NewClientAddresses = "new_client_addresses",
        /// A Resource that was used before the range, and not in it.
        UnusedResources = "unused_resources",
        /// A User who connected before the range, and not in it.
        InactiveUsers = "inactive_users",
        /// A rule of a wildcard or a network whose connections go to few addresses.
        BroadRules = "broad_rules",
        /// A Resource with connections by a relay, the largest share of them first.
        RelayShare = "relay_share",
        /// A Resource with connections that failed, the largest share of them first.
        ErrorRate = "error_rate",
        /// A name that did not resolve, the one that failed most often first. How slowly one resolves is in no event.
        UnresolvedNames = "unresolved_names",
        /// A Connector that carries half as much again as an equal share of its Remote Network's connections, or more.
        UnevenConnectors = "uneven_connectors",
    }
}

impl Insight {
    /// What it is found of, in the order of a finding's subject.
    #[must_use]
    pub const fn subject(self) -> &'static [Dimension] {
        match self {
            Self::NewCountries => &[Dimension::User, Dimension::Country],
            Self::NewClientAddresses => &[Dimension::User, Dimension::ClientAddress],
            Self::UnusedResources | Self::RelayShare | Self::ErrorRate => &[Dimension::Resource],
            Self::InactiveUsers => &[Dimension::User],
            Self::BroadRules => &[Dimension::AppliedRule],
            Self::UnresolvedNames => &[Dimension::Address],
            Self::UnevenConnectors => &[Dimension::RemoteNetwork, Dimension::Connector],
        }
    }

    /// Names of a finding's values, in their order.
    #[must_use]
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::NewCountries | Self::NewClientAddresses => &["events"],
            Self::UnusedResources | Self::InactiveUsers => &["connections_before"],
            Self::BroadRules => &["addresses", "connections"],
            Self::RelayShare => &["connections_relayed", "connections"],
            Self::ErrorRate => &["connections_failed", "connections"],
            Self::UnresolvedNames => &["failed_dns", "connections"],
            Self::UnevenConnectors => &["connections", "connections_of_network", "connectors_of_network"],
        }
    }

    /// Length of the range where its begin is not given.
    const fn days(self) -> i64 {
        match self {
            Self::NewCountries | Self::NewClientAddresses => 7,
            Self::UnusedResources | Self::InactiveUsers => 90,
            Self::BroadRules | Self::RelayShare | Self::ErrorRate | Self::UnresolvedNames | Self::UnevenConnectors => {
                30
            }
        }
    }
}

/// Findings of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsightQuery {
    insight: Insight,
    filter: TrafficFilter,
    limit: u32,
}

impl InsightQuery {
    /// At most `limit` findings among what the filter lets through. A range without an end ends at `now`; one without a begin is 7, 30 or 90
    /// days long.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn new(insight: Insight, filter: &TrafficFilter, now: Moment, limit: u32) -> Result<Self, FilterError> {
        if filter.narrows(Field::Statuses) {
            return Err(FilterError::new(Field::Statuses.name(), "is decided by the insight itself"));
        }
        check_limit(limit, INSIGHTS_MAX)?;
        let to = if filter.narrows(Field::To) { filter.to } else { now };
        let days = Moment::from_micros(to.as_micros().saturating_sub(insight.days() * DAY_MICROS)).max(Moment::FIRST);
        let from = if filter.narrows(Field::From) { filter.from } else { days };
        if from >= to {
            return Err(FilterError::new(Field::From.name(), "is not before the end of the range"));
        }
        Ok(Self { insight, filter: filter.within(from, to), limit })
    }

    /// What is looked for.
    #[must_use]
    pub fn insight(&self) -> Insight {
        self.insight
    }

    /// Which connections, in the range.
    #[must_use]
    pub fn filter(&self) -> &TrafficFilter {
        &self.filter
    }

    /// The same filter over what is remembered from before the range.
    #[must_use]
    pub fn before(&self) -> TrafficFilter {
        let from = self.filter.from;
        let remembered = match self.insight {
            Insight::NewClientAddresses => from.as_micros().saturating_sub(ADDRESSES_REMEMBERED_DAYS * DAY_MICROS),
            _ => Moment::FIRST.as_micros(),
        };
        self.filter.within(Moment::from_micros(remembered).max(Moment::FIRST), from)
    }

    /// Most findings.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(200 * DAY_MICROS);

    fn ask(insight: Insight, filter: &TrafficFilter) -> Result<InsightQuery, FilterError> {
        InsightQuery::new(insight, filter, NOW, 10)
    }

    fn days(query: &InsightQuery) -> [i64; 2] {
        [query.filter().from, query.filter().to].map(|it| it.as_micros() / DAY_MICROS)
    }

    #[test]
    fn range_that_is_not_given_ends_now_and_is_as_long_as_the_insight_says() {
        let everything = TrafficFilter::default;
        assert_eq!(days(&ask(Insight::NewCountries, &everything()).unwrap()), [193, 200]);
        assert_eq!(days(&ask(Insight::UnusedResources, &everything()).unwrap()), [110, 200]);
        let to = everything().within(Moment::FIRST, Moment::from_micros(40 * DAY_MICROS));
        assert_eq!(days(&ask(Insight::ErrorRate, &to).unwrap()), [10, 40]);
        assert_eq!(days(&ask(Insight::InactiveUsers, &to).unwrap()), [0, 40], "nothing is before the first moment");
        let from = everything().within(Moment::from_micros(50 * DAY_MICROS), Moment::END);
        assert_eq!(days(&ask(Insight::ErrorRate, &from).unwrap()), [50, 200]);
    }

    #[test]
    fn what_lies_before_the_range_ends_where_it_begins() {
        for (insight, first) in [(Insight::NewClientAddresses, 103), (Insight::NewCountries, 0)] {
            let query = ask(insight, &TrafficFilter::default()).unwrap();
            let before = query.before();
            assert_eq!(before.from.as_micros() / DAY_MICROS, first);
            assert_eq!(before.to, query.filter().from);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut filter = TrafficFilter::default();
        filter.statuses.insert(schemas::connection_event::ConnectionStatus::Normal);
        assert_eq!(ask(Insight::ErrorRate, &filter).unwrap_err().field, "statuses");
        let later = TrafficFilter::default().within(Moment::from_micros(300 * DAY_MICROS), Moment::END);
        assert_eq!(ask(Insight::ErrorRate, &later).unwrap_err().field, "from");
        for limit in [0, INSIGHTS_MAX + 1] {
            let wrong = InsightQuery::new(Insight::ErrorRate, &TrafficFilter::default(), NOW, limit);
            assert_eq!(wrong.unwrap_err().field, "limit");
        }
    }

    #[test]
    fn insight_is_read_by_its_name() {
        for insight in Insight::ALL {
            assert_eq!(insight.name().parse(), Ok(*insight));
        }
        assert!("nothing".parse::<Insight>().is_err());
    }
}
