//! What of a Remote Network's day is no sum, and can still be put together with that of other days, in any order: how many connections took
//! how long, by steps of durations, sets of what was seen, and how many connections each address had. A row is bounded whatever happens in a
//! day.

use schemas::ids::Tenant;

use super::days::DayOfNetwork;
use super::{Unit, count_from_raw, keys_of_days};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// A duration that is told by the middle of its step is wrong by no more than this part of it.
pub const DURATION_ERROR: f64 = 1.0 / 32.0;
/// Values of a set; of more, those whose hashes are lowest. A number of distinct values is exact where no set is full; else its standard error
/// is a 64th of it, one by the root of this.
pub const SET_MAX: u32 = 4_096;
/// Of a day with more addresses than a set holds so many are kept with their numbers of connections: those with most, then by their bytes.
pub const FREQUENT_MAX: u32 = 1_024;
/// Stands for all addresses of a day that are not kept among those that are: no text of an event has this byte.
pub(crate) const NO_ADDRESS: &str = "char(255)";

/// Steps between a duration and twice as much: the first bits of a `Float64` behind its point tell them.
const STEPS: u32 = 16;
/// Bits that tell nothing of the step.
const REST: u32 = 52 - STEPS.ilog2();
/// The first bits of the first step but one, which begins at a microsecond; nothing lies between it and zero, which is the first.
const FIRST: u32 = 1_023 * STEPS;

pub(super) const COUNTS: &str = "durations, devices, client_addresses, addresses, frequent_addresses, connections";

/// [`COUNTS`], and more columns, of facts.
pub(crate) fn counted() -> String {
    let step = format!(
        "greatest(0, toInt32(bitShiftRight(reinterpretAsUInt64(toFloat64(duration_us)), {REST})) - {FIRST} + 1)"
    );
    let set = |all: &str| format!("arraySort(arraySlice(arraySort(it -> cityHash64(it), {all}), 1, {SET_MAX}))");
    let seen = |values: &str| {
        let all = format!(
            "groupUniqArrayIf(assumeNotNull({values}), event_type != 'denied_access' AND {values} IS NOT NULL)"
        );
        set(&all)
    };
    // Steps that occur, in order; then all of them, from the first one on. Addresses with their connections; of too many those with most, and
    // behind their numbers that of all others.
    format!(
        "sumMapIf([toUInt16({step})], [toUInt64(1)], event_type = 'closed_connection') AS taken,
             arrayConcat(arrayResize(emptyArrayUInt64(), taken.1[1]), mapPopulateSeries(taken.1, taken.2).2) AS durations,
             {} AS devices, {} AS client_addresses,
             countMapIf(map(CAST(resource_address, 'String'), 1), event_type != 'denied_access') AS asked, {} AS addresses,
             arraySort(arrayZip(mapKeys(asked), mapValues(asked))) AS each,
             arraySort(arraySlice(arraySort(it -> (-toInt64(it.2), it.1), if(length(each) > {SET_MAX}, each, [])), 1, {FREQUENT_MAX})) AS most,
             arrayMap(it -> it.1, most) AS frequent_addresses,
             if(empty(most), arrayMap(it -> it.2, each),
                arrayPushBack(arrayMap(it -> it.2, most), toUInt64(arraySum(it -> it.2, each) - arraySum(it -> it.2, most)))) AS connections",
        seen("device_id"),
        seen("client_ip"),
        set("mapKeys(asked)")
    )
}

/// What stands behind SELECT of days to have each address (`name`) with its `number` of connections, behind `ARRAY JOIN`: all addresses, or
/// those with most and [`NO_ADDRESS`] for all others. `least` is the smallest number that was kept where some were not, 0 where all were.
pub(crate) fn each_address() -> String {
    format!(
        "if(empty(frequent_addresses), addresses, arrayPushBack(frequent_addresses, {NO_ADDRESS})) AS names, connections AS numbers,
         if(empty(frequent_addresses), 0, arrayMin(arraySlice(connections, 1, length(frequent_addresses)))) AS least"
    )
}

/// True of days whose connections are counted by address; of those that were counted before that was done they are not.
pub(crate) const HAS_CONNECTIONS: &str = "notEmpty(connections)";
/// True of days of which not all addresses are kept with their connections.
pub(crate) const IS_CUT: &str = "notEmpty(frequent_addresses)";

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
pub(super) async fn count(
    clickhouse: &ClickHouse,
    definition: u16,
    tenant: &Tenant,
    days: &[&DayOfNetwork],
) -> Result<(), QueryError> {
    for keys in keys_of_days(days) {
        count_from_raw(clickhouse, definition, Unit::NetworkDay, tenant, keys).await?;
    }
    Ok(())
}
