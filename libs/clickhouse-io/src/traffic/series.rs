//! Measures over time.

use std::collections::HashMap;

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::SeriesQuery;

use super::facts::Wanted;
use super::parameters::Parameters;
use super::sources::Source;
use super::top::first;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// One series: for each bucket the measures, zeros where nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What its connections have in common; `None` for all others together. Empty where nothing is split.
    pub keys: Option<Vec<String>>,
    /// By bucket, then by measure.
    pub values: Vec<Vec<u128>>,
}

/// Series over the same buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Beginnings of the buckets.
    pub starts: Vec<Moment>,
    /// Those with most first, the others last.
    pub lines: Vec<Line>,
    /// Where it comes from.
    pub source: Source,
    /// As in [`Top`](super::Top), of each point.
    pub missing_max: Option<u64>,
}

#[derive(Row, Deserialize)]
struct Point {
    start: i64,
    is_other: bool,
    named: Vec<String>,
    values: Vec<u128>,
}

/// Measures by bucket, split as was asked. A connection counts in the bucket of its end time. `now` decides which hours are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time.
pub async fn series(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    query: &SeriesQuery,
    now: Moment,
) -> Result<Series, QueryError> {
    let groups = query.groups();
    let starts = query.starts().to_vec();
    let (filter, keys, measures) = (query.filter(), groups.by(), groups.measures());
    let wanted = Wanted { starts: &starts, ..Wanted::of((tenant, filter), (keys, measures), now) };
    let wanted = wanted.looked_at(clickhouse).await?;
    let width = groups.by().len();
    let (wanted, chosen, missing_max) = if width == 0 {
        (wanted, Vec::new(), None)
    } else {
        let first = first(clickhouse, wanted, groups.limit()).await?;
        (first.wanted, first.groups, first.missing_max)
    };
    let mut parameters = Parameters::default();
    let (facts, source) = wanted.facts(&mut parameters);
    // Whole lists of beginnings: the engine's own functions for days know neither a range's zone nor an hour that occurs twice.
    let bucket = format!("roundDown(at, {})", parameters.moments(&starts));
    let is_other = match width {
        0 => "false".to_owned(),
        _ => {
            format!(
                "assumeNotNull(NOT {})",
                wanted.keys_in(chosen.iter().map(|group| group.keys.clone()).collect(), &mut parameters)
            )
        }
    };
    let of_group = |at: usize| format!("if(is_other, defaultValueOfArgumentType(key_{at}), key_{at}) AS group_{at}, ");
    let groups_by: String = (0..width).map(|at| format!(", group_{at}")).collect();
    let sql = format!(
        "SELECT start, is_other, if(is_other, [], {}) AS named, values FROM (
             SELECT {bucket} AS start, {is_other} AS is_other, {} {} AS values FROM ({facts})
             GROUP BY start, is_other{groups_by})",
        wanted.key_texts("group"),
        (0..width).map(of_group).collect::<String>(),
        wanted.values()
    );
    let points: Vec<Point> = if starts.is_empty() {
        Vec::new()
    } else {
        clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?
    };
    let zeros = || vec![vec![0; groups.measures().len()]; starts.len()];
    let mut lines: Vec<Line> = match width {
        0 => vec![Line { keys: Some(Vec::new()), values: zeros() }],
        _ => chosen.into_iter().map(|group| Line { keys: Some(group.keys), values: zeros() }).collect(),
    };
    if points.iter().any(|point| point.is_other) {
        lines.push(Line { keys: None, values: zeros() });
    }
    let places: HashMap<Option<Vec<String>>, usize> =
        lines.iter().enumerate().map(|(at, line)| (line.keys.clone(), at)).collect();
    for point in points {
        let start = starts.binary_search(&Moment::from_micros(point.start));
        let keys = (!point.is_other).then_some(point.named);
        if let (Ok(start), Some(line)) = (start, places.get(&keys)) {
            lines[*line].values[start] = point.values;
        }
    }
    Ok(Series { starts, lines, source, missing_max })
}
