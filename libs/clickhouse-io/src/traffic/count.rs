//! How much of something there is in all.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::{Measure, TrafficFilter};

use super::facts::Wanted;
use super::parameters::Parameters;
use super::sources::{Source, counted_until};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Measures of everything that a filter lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// In the order in which they were asked for; zeros where nothing is.
    pub values: Vec<u128>,
    /// Where it comes from.
    pub source: Source,
    /// False where the range reaches into the newest hours: traffic of them may not be stored or counted yet.
    pub is_settled: bool,
}

#[derive(Row, Deserialize)]
struct Values {
    values: Vec<u128>,
}

/// Measures of a range as a whole, in one statement. `now` decides which hours are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn count(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    measures: &[Measure],
    now: Moment,
) -> Result<Count, QueryError> {
    let wanted = Wanted::of((tenant, filter), (&[], measures), now);
    let wanted = wanted.looked_at(clickhouse).await?;
    let mut parameters = Parameters::default();
    let (facts, source) = wanted.facts(&mut parameters);
    let sql = format!("SELECT {} AS values FROM ({facts})", wanted.values());
    let counted: Values = clickhouse.within(parameters.query(clickhouse, &sql).fetch_one()).await?;
    Ok(Count { values: counted.values, source, is_settled: filter.to <= counted_until(now) })
}
