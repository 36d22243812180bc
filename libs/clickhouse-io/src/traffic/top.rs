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
    /// Where addresses were left out: a number of connections may lack so many at most, and one that is not shown may be so many above the
    /// last that is. `None` where all are exact.
    pub missing_max: Option<u64>,
}

#[derive(Row, Deserialize)]
struct Rest {
    values: Vec<u128>,
}

/// Numbers lack at most this part of themselves, or are counted from the raw rows.
const MISSING_PART: u128 = 32;

/// The groups that are shown.
pub(super) struct First<'a> {
    /// The question, and what of it is counted from the raw rows.
    pub(super) wanted: Wanted<'a>,
    /// At most as many as were asked for.
    pub(super) groups: Vec<Group>,
    /// There are others.
    pub(super) has_others: bool,
    pub(super) source: Source,
    /// As in [`Top`].
    pub(super) missing_max: Option<u64>,
}

/// Groups by the first measure, most first, then by their keys. `now` decides which hours are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn top(clickhouse: &ClickHouse, tenant: &Tenant, query: &TopQuery, now: Moment) -> Result<Top, QueryError> {
    let (filter, keys, measures) = (query.filter(), query.by(), query.measures());
    let wanted = Wanted::of((tenant, filter), (keys, measures), now);
    let wanted = wanted.looked_at(clickhouse).await?;
    let First { wanted, groups, has_others, source, missing_max } = first(clickhouse, wanted, query.limit()).await?;
    let others = if has_others {
        let mut parameters = Parameters::default();
        let (facts, _) = wanted.facts(&mut parameters);
        let keys = wanted.keys_in(groups.iter().map(|group| group.keys.clone()).collect(), &mut parameters);
        let sql = format!("SELECT {} AS values FROM ({facts}) WHERE NOT {keys}", wanted.values());
        let rest: Rest = clickhouse.within(parameters.query(clickhouse, &sql).fetch_one()).await?;
        Some(rest.values)
    } else {
        None
    };
    Ok(Top { groups, others, source, missing_max })
}

/// The first groups. Where days do not have all addresses, and that may make more of a difference than is let through, those are counted from
/// the raw rows.
pub(super) async fn first<'a>(
    clickhouse: &ClickHouse,
    wanted: Wanted<'a>,
    limit: u32,
) -> Result<First<'a>, QueryError> {
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut wanted, mut missing_max) = (wanted, None);
    let (mut groups, mut source) = most(clickhouse, &wanted, limit + 1).await?;
    if source == Source::Addresses && wanted.cut.is_some() {
        let last = groups.iter().take(shown).next_back().map_or(0, |group| group.values[0]);
        let missing = missing(clickhouse, &wanted, last).await?;
        if u128::from(missing) * MISSING_PART <= last {
            missing_max = (missing > 0).then_some(missing);
        } else {
            wanted = wanted.without_cut_days();
            (groups, source) = most(clickhouse, &wanted, limit + 1).await?;
        }
    }
    let has_others = groups.len() > shown;
    groups.truncate(shown);
    Ok(First { wanted, groups, has_others, source, missing_max })
}

/// How many connections at most an address may have beside those that are known of it, among all addresses that may have as many as `last`.
///
/// A day that is cut did not keep an address of which it had as many as the least that it kept, or fewer.
async fn missing(clickhouse: &ClickHouse, wanted: &Wanted<'_>, last: u128) -> Result<u64, QueryError> {
    let mut parameters = Parameters::default();
    let (facts, _) = wanted.facts(&mut parameters);
    let last = parameters.number(i64::try_from(last).unwrap_or(i64::MAX));
    let (names, is_rest) = (wanted.key_names(), wanted.is_rest());
    // The row for all others of a day stands for each address that no day has kept.
    let sql = format!(
        "SELECT toUInt64(max(missing)) FROM (
             SELECT if(is_rest, 0, found) AS known,
                 sumIf(of_days, is_rest) OVER (PARTITION BY {}) - if(is_rest, 0, of_days) AS missing
             FROM (SELECT {names}, {is_rest} AS is_rest, sum(normal) AS found, sum(least) AS of_days
                   FROM ({facts}) GROUP BY {names}))
         WHERE known + missing >= {last}",
        wanted.key_names_but_address()
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_one()).await
}

/// The first groups, and where they were read.
async fn most(clickhouse: &ClickHouse, wanted: &Wanted<'_>, limit: u32) -> Result<(Vec<Group>, Source), QueryError> {
    let mut parameters = Parameters::default();
    let (facts, source) = wanted.facts(&mut parameters);
    let names = wanted.key_names();
    let known = if source == Source::Addresses { format!("WHERE NOT {}", wanted.is_rest()) } else { String::new() };
    let sql = format!(
        "SELECT {} AS keys, values FROM (SELECT {names}, {} AS values FROM ({facts}) {known} GROUP BY {names})
         ORDER BY values[1] DESC, keys LIMIT {limit}",
        wanted.key_texts("key"),
        wanted.values()
    );
    let groups = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    Ok((groups, source))
}
