//! What was counted by an older definition is counted anew, the newest first and a piece at a time, beside the hours, which do not wait for it.

use std::collections::VecDeque;
use std::time::Duration;

use clickhouse_io::QueryError;
use clickhouse_io::rollup::{Outdated, OutdatedMonth, Renewal};
use tokio::time::Instant;

use super::Outside;
use crate::config::Config;
use crate::metrics::AggregatorMetrics;

/// Where nothing is outdated it is looked again after so long: an aggregator of an older version that still runs counts what is late by its own
/// definition.
pub(super) const LOOKED_EVERY: Duration = Duration::from_secs(3600);
/// Between turns that took no time.
const REST_MIN: Duration = Duration::from_millis(100);

/// What became of a turn.
enum Turn {
    /// Nothing is outdated.
    Nothing,
    /// Something was done, and more is known of.
    Done,
    /// Nothing more is known of, so that what is left has to be asked; or somebody else is at it.
    Wait,
}

/// Renews until everything is counted by the definition of this program, and what older ones write later; does not end. What fails is tried again,
/// also what an operator has to mend, as rights to make tables: whoever counts what is new goes on without it.
pub(super) async fn renew_what_is_outdated<O: Outside>(config: &Config, outside: &O, metrics: &AggregatorMetrics) {
    let mut months = VecDeque::new();
    loop {
        let begin = Instant::now();
        let rest = match turn(outside, &mut months, metrics).await {
            Ok(Turn::Nothing) => LOOKED_EVERY,
            // As long as it took: half of the time belongs to whoever else counts from raw rows.
            Ok(Turn::Done) => begin.elapsed().max(REST_MIN),
            Ok(Turn::Wait) => config.refresh,
            Err(error) => {
                tracing::warn!(%error, "days that are counted by an older definition are counted anew later");
                metrics.retries.inc();
                begin.elapsed().max(config.refresh)
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// A piece of the newest month; `months` is what is left of those that were found.
async fn turn<O: Outside>(
    outside: &O,
    months: &mut VecDeque<OutdatedMonth>,
    metrics: &AggregatorMetrics,
) -> Result<Turn, QueryError> {
    if months.is_empty() {
        let Outdated { days, months: found } = outside.outdated().await?;
        metrics.outdated_days.set(i64::try_from(days).unwrap_or(i64::MAX));
        if days > 0 {
            tracing::info!(days, months = found.len(), "counting anew what an older definition has counted");
        }
        months.extend(found);
    }
    let Some(month) = months.pop_front() else { return Ok(Turn::Nothing) };
    match outside.renew(&month).await {
        Ok(Renewal::ByAnother) => {
            // What is done by another one meanwhile takes a short look each.
            months.push_front(month);
            Ok(Turn::Wait)
        }
        Ok(Renewal::Done { days, left }) => {
            metrics.days_renewed.inc_by(days);
            metrics.outdated_days.dec_by(i64::try_from(days).unwrap_or(i64::MAX));
            // None: another aggregator was here meanwhile.
            if days > 0 {
                tracing::info!(tenant = %month.tenant(), month = month.month(), days, left, "days are counted anew");
            }
            if left > 0 {
                months.push_front(month);
            }
            Ok(if months.is_empty() { Turn::Wait } else { Turn::Done })
        }
        Err(error) => {
            // Others go on: it may be this one alone. It is found again when all of them are done.
            tracing::warn!(tenant = %month.tenant(), month = month.month(), "a month cannot be counted anew");
            Err(error)
        }
    }
}
