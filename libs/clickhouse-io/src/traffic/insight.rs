//! What stands out in a tenant's traffic.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::{Dimension, Insight, InsightQuery, Measure, TrafficFilter};

use super::facts::Wanted;
use super::parameters::Parameters;
use super::sources::Source;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Fewer connections say nothing about shares.
pub const CONNECTIONS_MIN: u32 = 10;
/// More addresses are not few.
pub const FEW_ADDRESSES: u32 = 5;

/// What counts as a connection, over rows of facts.
const CONNECTIONS: &str = "normal + dns + other";

/// One thing that stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of what, by the insight's dimensions.
    pub subject: Vec<String>,
    /// By the insight's names.
    pub values: Vec<u128>,
    /// When it was seen first, or last; to the minute, hour or day where it comes from a roll-up.
    pub seen_at: Option<Moment>,
    /// A few of what it is about.
    pub examples: Vec<String>,
}

/// What stands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// What stands out most first.
    pub findings: Vec<Finding>,
    /// Where they come from; [`Source::Raw`] where nothing of it is from a roll-up.
    pub source: Source,
}

#[derive(Row, Deserialize)]
struct Found {
    subject: Vec<String>,
    values: Vec<u128>,
    seen_at: Option<i64>,
    examples: Vec<String>,
}

/// Findings, what stands out most first. `now` decides which hours are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn insight(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    query: &InsightQuery,
    now: Moment,
) -> Result<Findings, QueryError> {
    let mut asked = Asked { tenant, query, now, parameters: Parameters::default(), source: Source::Raw };
    let sql = format!("{} LIMIT {}", asked.findings(), query.limit());
    let found: Vec<Found> = clickhouse.within(asked.parameters.query(clickhouse, &sql).fetch_all()).await?;
    let finding = |it: Found| Finding {
        subject: it.subject,
        values: it.values,
        seen_at: it.seen_at.map(Moment::from_micros),
        examples: it.examples,
    };
    Ok(Findings { findings: found.into_iter().map(finding).collect(), source: asked.source })
}

struct Asked<'a> {
    tenant: &'a Tenant,
    query: &'a InsightQuery,
    now: Moment,
    parameters: Parameters,
    /// Of what was asked for so far.
    source: Source,
}

/// The columns of [`Found`].
fn columns(values: &[&str], seen_at: &str, examples: &str) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("toUInt128({value})")).collect();
    format!(
        "subject, [{}] AS values, CAST({seen_at}, 'Nullable(Int64)') AS seen_at, CAST({examples}, 'Array(String)') AS examples",
        values.join(", ")
    )
}

impl Asked<'_> {
    fn facts(&mut self, filter: &TrafficFilter, keys: &[Dimension], measure: Measure) -> String {
        let measures = [measure];
        let (tenant, now) = (self.tenant, self.now);
        // Of sums only: days of Remote Networks are not asked.
        let only_failed_names = self.query.insight() == Insight::UnresolvedNames;
        let wanted = Wanted { only_failed_names, ..Wanted::of((tenant, filter), (keys, &measures), now) };
        let (facts, source) = wanted.facts(&mut self.parameters);
        // The range may be too short for a roll-up, and what is before it not.
        if source != Source::Raw {
            self.source = source;
        }
        format!("SELECT {} AS keys, * FROM ({facts})", wanted.key_texts("key"))
    }

    /// Rows in the range.
    fn within(&mut self, keys: &[Dimension]) -> String {
        self.facts(self.query.filter(), keys, Measure::Connections)
    }

    /// Rows in the range (`is_in`) and before it.
    fn within_and_before(&mut self) -> String {
        let (keys, before) = (self.query.insight().subject(), self.query.before());
        let within = self.within(keys);
        let before = self.facts(&before, keys, Measure::Connections);
        format!("SELECT true AS is_in, * FROM ({within}) UNION ALL SELECT false AS is_in, * FROM ({before})")
    }

    fn findings(&mut self) -> String {
        let subject = self.query.insight().subject();
        match self.query.insight() {
            Insight::NewCountries | Insight::NewClientAddresses => self.first_seen(),
            Insight::UnusedResources | Insight::InactiveUsers => self.idle(),
            Insight::BroadRules => self.broad_rules(),
            Insight::RelayShare => {
                let facts = self.within(&[subject[0], Dimension::TunnelPath]);
                share(&facts, &format!("if(keys[2] = 'relay', {CONNECTIONS}, 0)"))
            }
            Insight::ErrorRate => share(&self.within(subject), "dns + other"),
            Insight::UnresolvedNames => self.unresolved_names(),
            Insight::UnevenConnectors => self.uneven_connectors(),
        }
    }

    /// New to a User who is not.
    fn first_seen(&mut self) -> String {
        let columns = columns(&["events"], "first_at", "[]");
        let rows = self.within_and_before();
        format!(
            "SELECT {columns} FROM (
                 SELECT keys AS subject, sumIf({CONNECTIONS} + refused, is_in) AS events, minIf(at, is_in) AS first_at,
                     countIf(NOT is_in) AS earlier, sum(earlier) OVER (PARTITION BY subject[1]) AS known
                 FROM ({rows}) GROUP BY subject)
             WHERE earlier = 0 AND known > 0 AND subject[1] != '' AND subject[2] != ''
             ORDER BY first_at DESC, subject"
        )
    }

    /// There before, and not in the range.
    fn idle(&mut self) -> String {
        let columns = columns(&["earlier"], "last_at", "[]");
        let rows = self.within_and_before();
        format!(
            "SELECT {columns} FROM (
                 SELECT keys AS subject, sumIf({CONNECTIONS}, NOT is_in) AS earlier, sumIf({CONNECTIONS}, is_in) AS used,
                     maxIf(at, NOT is_in AND {CONNECTIONS} > 0) AS last_at
                 FROM ({rows}) GROUP BY subject)
             WHERE used = 0 AND earlier > 0 AND subject[1] != ''
             ORDER BY last_at, subject"
        )
    }

    fn broad_rules(&mut self) -> String {
        let columns = columns(&["addresses", "connections"], "NULL", "names");
        let facts = self.within(&[Dimension::AppliedRule, Dimension::Address]);
        format!(
            "SELECT {columns} FROM (
                 SELECT [keys[1]] AS subject, uniqExact(keys[2]) AS addresses, sum({CONNECTIONS}) AS connections,
                     arraySort(groupUniqArray({FEW_ADDRESSES})(keys[2])) AS names
                 FROM ({facts}) WHERE match(keys[1], '[*?/]') AND {CONNECTIONS} > 0 GROUP BY subject)
             WHERE addresses <= {FEW_ADDRESSES} AND connections >= {CONNECTIONS_MIN}
             ORDER BY connections DESC, subject"
        )
    }

    /// Failures of a name, of its tries; tries of all other names, which are most, are not read. An attempt that was denied was none.
    fn unresolved_names(&mut self) -> String {
        let columns = columns(&["failed", "tries"], "NULL", "[]");
        // Asked for connections, addresses would come from days of Remote Networks, which do not tell failures apart.
        let facts = self.facts(self.query.filter(), self.query.insight().subject(), Measure::FailedDns);
        format!(
            "SELECT {columns} FROM (
                 SELECT keys AS subject, sum(dns) AS failed, sum({CONNECTIONS}) AS tries FROM ({facts}) GROUP BY subject)
             WHERE failed > 0
             ORDER BY failed DESC, tries, subject"
        )
    }

    fn uneven_connectors(&mut self) -> String {
        let columns = columns(&["own", "network", "connectors"], "NULL", "[]");
        let facts = self.within(self.query.insight().subject());
        format!(
            "SELECT {columns} FROM (
                 SELECT keys AS subject, sum({CONNECTIONS}) AS own, sum(own) OVER (PARTITION BY subject[1]) AS network,
                     count() OVER (PARTITION BY subject[1]) AS connectors
                 FROM ({facts}) GROUP BY subject)
             WHERE connectors > 1 AND network >= {CONNECTIONS_MIN} * connectors AND 2 * own * connectors >= 3 * network
             ORDER BY own * connectors / network DESC, subject"
        )
    }
}

/// A part of all connections, by the first key.
fn share(facts: &str, part: &str) -> String {
    let columns = columns(&["part", "connections"], "NULL", "[]");
    format!(
        "SELECT {columns} FROM (
             SELECT [keys[1]] AS subject, sum({part}) AS part, sum({CONNECTIONS}) AS connections FROM ({facts}) GROUP BY subject)
         WHERE part > 0 AND connections >= {CONNECTIONS_MIN}
         ORDER BY part / connections DESC, connections DESC, subject"
    )
}
