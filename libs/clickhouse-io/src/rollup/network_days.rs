//! What of a Remote Network's day is no sum, and can still be put together with that of other days, in any order: how many connections took
//! how long, by steps of durations, and sets of what was seen. A row is bounded whatever happens in a day.

use schemas::ids::Tenant;

use super::days::DayOfNetwork;
use super::{DAY, HOUR, HOURS_AT_ONCE, Unit, count_from_raw};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// A duration that is told by the middle of its step is wrong by no more than this part of it.
pub const DURATION_ERROR: f64 = 1.0 / 32.0;
/// Values of a set; of more, those whose hashes are lowest. A number of distinct values is exact where no set is full; else its standard error
/// is a 64th of it, one by the root of this.
pub const SET_MAX: u32 = 4_096;

/// Steps between a duration and twice as much: the first bits of a `Float64` behind its point tell them.
const STEPS: u32 = 16;
/// Bits that tell nothing of the step.
const REST: u32 = 52 - STEPS.ilog2();
/// The first bits of the first step but one, which begins at a microsecond; nothing lies between it and zero, which is the first.
const FIRST: u32 = 1_023 * STEPS;
/// Days of one statement: no more hours than others have.
const DAYS_AT_ONCE: usize = HOURS_AT_ONCE / 24;

pub(super) const COUNTS: &str = "durations, devices, client_addresses, addresses";

/// [`COUNTS`], and more columns, of facts.
pub(crate) fn counted() -> String {
    let step = format!(
        "greatest(0, toInt32(bitShiftRight(reinterpretAsUInt64(toFloat64(duration_us)), {REST})) - {FIRST} + 1)"
    );
    let set = |values: &str| {
        let all = format!(
            "groupUniqArrayIf(assumeNotNull({values}), event_type != 'denied_access' AND {values} IS NOT NULL)"
        );
        format!("arraySort(arraySlice(arraySort(it -> cityHash64(it), {all}), 1, {SET_MAX}))")
    };
    // Steps that occur, in order; then all of them, from the first one on.
    format!(
        "sumMapIf([toUInt16({step})], [toUInt64(1)], event_type = 'closed_connection') AS taken,
             arrayConcat(arrayResize(emptyArrayUInt64(), taken.1[1]), mapPopulateSeries(taken.1, taken.2).2) AS durations,
             {} AS devices, {} AS client_addresses, {} AS addresses",
        set("device_id"),
        set("client_ip"),
        set("toString(resource_address)")
    )
}

/// The middle of the step of the duration behind which so many of a hundred others stand, over rows with `durations`; 0 where there are
/// none.
pub(crate) fn quantile(percent: u32) -> String {
    let taken = "sumForEach(durations)";
    let step = format!("arrayFirstIndex(it -> it * 100 > arraySum({taken}) * {percent}, arrayCumSum({taken}))");
    let begin = |step: &str| format!("reinterpretAsFloat64(bitShiftLeft(toUInt64({step} + {FIRST} - 2), {REST}))");
    format!("if({step} < 2, 0, floor(({} + {}) / 2))", begin(&step), begin(&format!("{step} + 1")))
}

/// How many values sets hold together. Of each full one the values with the lowest hashes are known, so of all of them too; where the last
/// of those lies among all possible hashes tells how many there are.
pub(crate) fn distinct(sets: &str) -> String {
    let all = format!("groupUniqArrayArray({sets})");
    let last = format!("arraySort(arrayMap(it -> cityHash64(it), {all}))[{SET_MAX}]");
    format!("if(max(length({sets})) < {SET_MAX}, length({all}), toUInt64(round({SET_MAX} * pow(2, 64) / {last})))")
}

/// Counts days of one tenant anew from the raw rows.
pub(super) async fn count(clickhouse: &ClickHouse, tenant: &Tenant, days: &[&DayOfNetwork]) -> Result<(), QueryError> {
    for some in days.chunks(DAYS_AT_ONCE) {
        let hours = |it: &&DayOfNetwork| {
            let (day, network) = (it.day, it.remote_network.get());
            (0..DAY / HOUR).map(move |hour| (day + hour * HOUR, network))
        };
        count_from_raw(clickhouse, Unit::NetworkDay, tenant, some.iter().flat_map(hours).collect()).await?;
    }
    Ok(())
}
