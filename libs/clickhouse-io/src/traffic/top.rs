//! Groups with most of something.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::TopQuery;

use super::facts::Wanted;
use super::parameters::Parameters;
use super::sources::Source;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Group {
    /// What it has in common, in the order of the question's dimensions.
    pub keys: Vec<String>,
    /// What was measured, in the order of the question's measures.
    pub values: Vec<u128>,
}

/// Groups, those with most first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// At most as many as were asked for.
    pub groups: Vec<Group>,
    /// The same measures of all other groups together; `None` where there are no others.
    pub others: Option<Vec<u128>>,
    /// Where it comes from.
    pub source: Source,
}

#[derive(Row, Deserialize)]
struct Rest {
    values: Vec<u128>,
}

/// Groups by the first measure, most first, then by their keys. `now` decides which hours are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn top(clickhouse: &ClickHouse, tenant: &Tenant, query: &TopQuery, now: Moment) -> Result<Top, QueryError> {
    let (filter, keys, measures) = (query.filter(), query.by(), query.measures());
    let wanted = Wanted { tenant, filter, keys, measures, starts: &[], now, uncounted: None };
    let wanted = wanted.looked_at(clickhouse).await?;
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    let (mut groups, source) = most(clickhouse, &wanted, query.limit() + 1).await?;
    let others = if groups.len() > limit {
        groups.truncate(limit);
        let mut parameters = Parameters::default();
        let (facts, _) = wanted.facts(&mut parameters);
        let keys = wanted.keys_in(groups.iter().map(|group| group.keys.clone()).collect(), &mut parameters);
        let sql = format!("SELECT {} AS values FROM ({facts}) WHERE NOT {keys}", wanted.values());
        let rest: Rest = clickhouse.within(parameters.query(clickhouse, &sql).fetch_one()).await?;
        Some(rest.values)
    } else {
        None
    };
    Ok(Top { groups, others, source })
}

/// The first groups, and where they were read.
pub(super) async fn most(
    clickhouse: &ClickHouse,
    wanted: &Wanted<'_>,
    limit: u32,
) -> Result<(Vec<Group>, Source), QueryError> {
    let mut parameters = Parameters::default();
    let (facts, source) = wanted.facts(&mut parameters);
    let names = wanted.key_names();
    let sql = format!(
        "SELECT {} AS keys, values FROM (SELECT {names}, {} AS values FROM ({facts}) GROUP BY {names})
         ORDER BY values[1] DESC, keys LIMIT {limit}",
        wanted.key_texts("key"),
        wanted.values()
    );
    let groups = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    Ok((groups, source))
}
