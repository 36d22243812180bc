//! Questions that are answered with numbers: how much of what, over time, or of which most.

use schemas::times::Moment;

use crate::bucket::{BUCKETS_MAX, Bucket};
use crate::error::FilterError;
use crate::field::Field;
use crate::filter::TrafficFilter;
use crate::limit::check_limit;
use crate::words::words;

words! {
    /// What connections are told apart by.
    Dimension {
        /// Remote Network; ids, as all ids, are their decimal text.
        RemoteNetwork = "remote_network",
        /// User; empty for service accounts.
        User = "user",
        /// Service account; empty for Users.
        ServiceAccount = "service_account",
        /// Resource.
        Resource = "resource",
        /// Resource definition that matched; empty where there was none.
        AppliedRule = "applied_rule",
        /// Connector.
        Connector = "connector",
        /// Device; empty where there was none.
        Device = "device",
        /// Protocol.
        Protocol = "protocol",
        /// Port of the Resource; 0 where there was none.
        Port = "port",
        /// What became of it.
        Status = "status",
        /// Path of the tunnel.
        TunnelPath = "tunnel_path",
        /// Country of the client; empty where it is not known.
        Country = "country",
        /// Address of the client; empty where it is not known.
        ClientAddress = "client_address",
        /// What was asked for: a name or an address.
        Address = "address",
    }
}

impl Dimension {
    /// The field of the filter that chooses by it; addresses are chosen by text in them.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::RemoteNetwork => Field::RemoteNetworks,
            Self::User => Field::Users,
            Self::ServiceAccount => Field::ServiceAccounts,
            Self::Resource => Field::Resources,
            Self::AppliedRule => Field::AppliedRules,
            Self::Connector => Field::Connectors,
            Self::Device => Field::Devices,
            Self::Protocol => Field::Protocols,
            Self::Port => Field::Ports,
            Self::Status => Field::Statuses,
            Self::TunnelPath => Field::TunnelPaths,
            Self::Country => Field::Countries,
            Self::ClientAddress => Field::ClientAddresses,
            Self::Address => Field::Domain,
        }
    }
}

words! {
    /// What is counted. Denied attempts count in `denied` and `events` alone; bytes and durations are those of connections that succeeded.
    Measure {
        /// Everything, denied attempts too.
        Events = "events",
        /// Connections that succeeded or failed.
        Connections = "connections",
        /// Connections that succeeded.
        Succeeded = "succeeded",
        /// Failures because a name did not resolve.
        FailedDns = "failed_dns",
        /// All other failures.
        FailedOther = "failed_other",
        /// Denied attempts.
        Denied = "denied",
        /// Bytes both ways.
        Bytes = "bytes",
        /// Bytes from the Resource to the client.
        BytesReceived = "bytes_received",
        /// Bytes from the client to the Resource.
        BytesTransferred = "bytes_transferred",
        /// Users, each once.
        Users = "users",
        /// Devices, each once.
        Devices = "devices",
        /// Addresses of clients, each once.
        ClientAddresses = "client_addresses",
        /// Names and addresses that were asked for, each once.
        Addresses = "addresses",
        /// Half of the connections took no longer, microseconds.
        DurationP50 = "duration_p50_us",
        /// 95 of a hundred took no longer, microseconds.
        DurationP95 = "duration_p95_us",
    }
}

/// Most groups of one answer, beside the others.
pub const GROUPS_MAX: u32 = 100;
const SPLIT_MAX: usize = 2;
const MEASURES_MAX: usize = 8;

/// Measures over time, perhaps split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    filter: TrafficFilter,
    starts: Vec<Moment>,
    top: TopQuery,
}

impl SeriesQuery {
    /// `bucket`: by the range where it is `None`. With `split` a series for each of the first `groups` by the first measure, and one for
    /// all others; without, one series.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn new(
        filter: TrafficFilter,
        bucket: Option<Bucket>,
        split: &[Dimension],
        measures: &[Measure],
        groups: u32,
    ) -> Result<Self, FilterError> {
        let bucket = bucket.unwrap_or_else(|| Bucket::for_range(filter.from, filter.to));
        let starts = bucket.starts(filter.from, filter.to, &filter.zone).ok_or_else(|| {
            let reason =
                format!("makes more than {BUCKETS_MAX} points of this range: choose a wider bucket or a shorter range");
            FilterError::new("bucket", reason)
        })?;
        Ok(Self { top: TopQuery::checked(filter.clone(), "split", split, measures, groups)?, starts, filter })
    }

    /// Which connections.
    #[must_use]
    pub fn filter(&self) -> &TrafficFilter {
        &self.filter
    }

    /// Beginnings of the buckets, in order; the first may lie before the range.
    #[must_use]
    pub fn starts(&self) -> &[Moment] {
        &self.starts
    }

    /// What it is split by, and what is measured.
    #[must_use]
    pub fn groups(&self) -> &TopQuery {
        &self.top
    }
}

/// The groups with most of a measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopQuery {
    filter: TrafficFilter,
    by: Vec<Dimension>,
    measures: Vec<Measure>,
    groups: u32,
}

impl TopQuery {
    /// The first `groups` groups by the first measure, then by their names; and all others as one.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn new(
        filter: TrafficFilter,
        by: &[Dimension],
        measures: &[Measure],
        groups: u32,
    ) -> Result<Self, FilterError> {
        if by.is_empty() {
            return Err(FilterError::new("by", "names nothing to tell connections apart by"));
        }
        Self::checked(filter, "by", by, measures, groups)
    }

    /// For a dimension the values with most events, denied attempts too, among the connections that all *other* fields of the filter let
    /// through: what choosing each of them would leave. Users and service accounts are one choice: a connection has one or the other, and those of
    /// either are let through.
    ///
    /// # Errors
    /// When the number of groups is wrong.
    pub fn facet(filter: &TrafficFilter, dimension: Dimension, groups: u32) -> Result<Self, FilterError> {
        let others = match dimension {
            Dimension::User | Dimension::ServiceAccount => {
                filter.clone().without(Field::Users).without(Field::ServiceAccounts)
            }
            other => filter.clone().without(other.field()),
        };
        Self::new(others, &[dimension], &[Measure::Events], groups)
    }

    fn checked(
        filter: TrafficFilter,
        name: &str,
        by: &[Dimension],
        measures: &[Measure],
        groups: u32,
    ) -> Result<Self, FilterError> {
        let is_twice = |at: usize| by[..at].contains(&by[at]);
        if by.len() > SPLIT_MAX || (0..by.len()).any(is_twice) {
            return Err(FilterError::new(name, format!("has more than {SPLIT_MAX} values, or one twice")));
        }
        if measures.is_empty() || measures.len() > MEASURES_MAX {
            return Err(FilterError::new("measures", format!("has not 1 to {MEASURES_MAX} values")));
        }
        check_limit(groups, GROUPS_MAX)?;
        Ok(Self { filter, by: by.to_vec(), measures: measures.to_vec(), groups })
    }

    /// Which connections.
    #[must_use]
    pub fn filter(&self) -> &TrafficFilter {
        &self.filter
    }

    /// What groups are made by, in the order of their keys.
    #[must_use]
    pub fn by(&self) -> &[Dimension] {
        &self.by
    }

    /// What is measured, in the order of the values; the first gives the order of the groups.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// Most groups, beside the others.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FilterForm;

    #[test]
    fn facet_leaves_out_what_chooses_by_it_and_nothing_else() {
        let mut form = FilterForm::default();
        for (name, value) in [
            ("remote_networks", "1"),
            ("users", "2"),
            ("service_accounts", "3"),
            ("resources", "4"),
            ("applied_rules", "*.corp.example"),
            ("connectors", "5"),
            ("devices", "6"),
            ("protocols", "tcp"),
            ("ports", "443"),
            ("statuses", "NORMAL"),
            ("tunnel_paths", "relay"),
            ("countries", "DE"),
            ("client_addresses", "192.0.2.0/24"),
            ("resource_addresses", "10.0.0.0/8"),
            ("addresses", "10.0.0.0/8"),
            ("domain", "wiki"),
        ] {
            form.add(name, value).unwrap();
        }
        let all = form.build().unwrap();
        for &dimension in Dimension::ALL {
            let facet = TopQuery::facet(&all, dimension, 10).unwrap();
            let left_out =
                Field::ALL.into_iter().filter(|field| all.narrows(*field) && !facet.filter().narrows(*field));
            let left_out: Vec<Field> = left_out.collect();
            match dimension {
                Dimension::User | Dimension::ServiceAccount => {
                    assert_eq!(left_out, [Field::Users, Field::ServiceAccounts]);
                }
                Dimension::Address => assert_eq!(left_out, [Field::Domain]),
                other => assert_eq!(left_out, [other.field()], "{other:?}"),
            }
        }
    }
}
