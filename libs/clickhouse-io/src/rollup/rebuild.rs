//! Roll-ups made anew from the raw rows beside the live ones, and put in their place at once.
//!
//! What is built lies in tables of the same shape. Every row of it has the moment before the first raw row was read as its version:
//! above all that was counted before, below all that the aggregator counts meanwhile, which has seen as much. A group that nothing is left
//! of is built with zeros. So putting it in place is adding its parts to the live table, and `ATTACH PARTITION` adds all of a month's
//! at once: a reader has none or all of them, other tenants' rows are not touched, and no hour that is sealed meanwhile is lost.

use schemas::ids::Tenant;
use schemas::times::Moment;

use super::{DAY_DEFINITION, HOURS_TABLE, Unit, counted, days_from_hours, insert_counted, names, server_time};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{DAY, HOUR, bound, days_of, hours_with_rows, stretches, together, whole, within};

/// Counts all hours anew that `[from, to)` touches, also those of which no raw rows are left, puts their days together and adds their names;
/// gives how many hours with raw rows that were. All of it is marked as counted by this definition. Events may keep coming: nothing counts as sealed for it, so what ingest stores later is counted as
/// ever. `progress` is told hours that are done, and of how many. Broken off, it has changed nothing, or whole months; it may be
/// done again.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn rebuild(
    clickhouse: &ClickHouse,
    definition: u16,
    tenant: &Tenant,
    range: (Moment, Moment),
    progress: impl FnMut(usize, usize),
) -> Result<usize, QueryError> {
    let rebuild = Rebuild::begin(clickhouse, definition, tenant, range).await?;
    let done = async {
        let hours = rebuild.build(progress).await?;
        rebuild.swap().await?;
        names::add_all(clickhouse, tenant, range).await?;
        Ok(hours)
    };
    let done = done.await;
    let ended = rebuild.end().await;
    // What went wrong first says more.
    let hours = done?;
    ended?;
    Ok(hours)
}

/// What is built, in the order in which it is put in place.
pub(super) const BUILT: [Unit; 3] = [Unit::Hour, Unit::Day, Unit::NetworkDay];
/// Tables of rebuilds that go on, or were killed: what stands behind SELECT.
pub(super) const TABLES: &str =
    "FROM system.tables WHERE database = currentDatabase() AND match(name, '^rebuild_.+_[0-9]+$')";
/// Days of one statement that looks for groups that are gone.
const DAYS_AT_ONCE: i64 = 31;

/// A rebuild in its steps: [`begin`](Self::begin), [`build`](Self::build), [`swap`](Self::swap), [`end`](Self::end).
pub struct Rebuild<'a> {
    clickhouse: &'a ClickHouse,
    definition: u16,
    tenant: &'a Tenant,
    hours: (i64, i64),
    days: (i64, i64),
    /// Unix time in nanoseconds: the version of all that is built, and what its tables are named by.
    began: i64,
}

impl<'a> Rebuild<'a> {
    /// Makes the tables, and takes away what others have left that were killed a week ago or more.
    ///
    /// # Errors
    /// When ClickHouse refuses or does not answer.
    pub async fn begin(
        clickhouse: &'a ClickHouse,
        definition: u16,
        tenant: &'a Tenant,
        (from, to): (Moment, Moment),
    ) -> Result<Self, QueryError> {
        let left = format!("SELECT name {TABLES} AND metadata_modification_time < now() - toIntervalWeek(1)");
        let left: Vec<String> = clickhouse.within(clickhouse.reading(&left).fetch_all()).await?;
        for table in left {
            clickhouse.execute(&format!("DROP TABLE IF EXISTS {table} SYNC")).await?;
        }
        let began = server_time(clickhouse).await?.as_micros() * 1_000;
        let (hours, days) = (whole(from, to, HOUR), whole(from, to, DAY));
        let rebuild = Self { clickhouse, definition, tenant, hours, days, began };
        for (live, built) in rebuild.tables() {
            clickhouse.execute(&format!("CREATE TABLE {built} AS {live}")).await?;
        }
        Ok(rebuild)
    }

    /// Fills them. Readers see nothing of it.
    ///
    /// # Errors
    /// When ClickHouse refuses or does not answer.
    pub async fn build(&self, mut progress: impl FnMut(usize, usize)) -> Result<usize, QueryError> {
        let hours = hours_with_rows(self.clickhouse, "connections", self.tenant, self.hours).await?;
        let [count, gone] = self.counted_from_raw(Unit::Hour);
        let mut done = 0;
        for (some, (begin, end)) in stretches(&together(&hours), self.hours, HOUR) {
            progress(done, hours.len());
            self.run(&count, (begin, end)).await?;
            self.run(&gone, (begin, end)).await?;
            done += some;
        }
        let [count, gone] =
            self.statements(Unit::Day, &days_from_hours(self.definition, &self.hours_to_be()), DAY_DEFINITION);
        for day in self.days_of_hours(&self.hours_to_be()).await? {
            self.run(&count, (day, day + DAY)).await?;
        }
        self.run_by_month(&gone).await?;
        let [count, gone] = self.counted_from_raw(Unit::NetworkDay);
        let hours_of_days = hours_with_rows(self.clickhouse, "connections", self.tenant, self.days).await?;
        for some in together(&days_of(&hours_of_days)) {
            self.run(&count, (some[0].0, some[some.len() - 1].0 + DAY)).await?;
        }
        self.run_by_month(&gone).await?;
        progress(done, hours.len());
        Ok(done)
    }

    /// Puts what was built in place: hours and then days, each a month at once.
    ///
    /// # Errors
    /// When ClickHouse refuses or does not answer; then some months may be in place.
    pub async fn swap(&self) -> Result<(), QueryError> {
        for (live, built) in self.tables() {
            let months = format!(
                "SELECT DISTINCT partition_id FROM system.parts
                 WHERE database = currentDatabase() AND table = '{built}' AND active ORDER BY partition_id"
            );
            let months: Vec<String> = self.clickhouse.within(self.clickhouse.reading(&months).fetch_all()).await?;
            for month in months {
                let attach = format!("ALTER TABLE {live} ATTACH PARTITION ID '{month}' FROM {built}");
                self.clickhouse.execute(&attach).await?;
            }
        }
        // A day that the aggregator has put together meanwhile, from hours as they were, has a version above ours. This one is above its.
        let hours = format!("{HOURS_TABLE} FINAL WHERE {}", within("hour"));
        let count = insert_counted(Unit::Day, &days_from_hours(self.definition, &hours), DAY_DEFINITION);
        for day in self.days_of_hours(&hours).await? {
            self.run(&count, (day, day + DAY)).await?;
        }
        Ok(())
    }

    /// Takes the tables away that were built.
    ///
    /// # Errors
    /// When ClickHouse refuses or does not answer.
    pub async fn end(self) -> Result<(), QueryError> {
        for (_, built) in self.tables() {
            self.clickhouse.execute(&format!("DROP TABLE IF EXISTS {built} SYNC")).await?;
        }
        Ok(())
    }

    /// Live tables, and what is built of them.
    fn tables(&self) -> [(&'static str, String); BUILT.len()] {
        BUILT.map(|unit| (unit.table().0, self.built(unit)))
    }

    fn built(&self, unit: Unit) -> String {
        format!("rebuild_{}_{}", unit.table().0, self.began)
    }

    /// [`Self::statements`] of the groups of raw rows.
    fn counted_from_raw(&self, unit: Unit) -> [String; 2] {
        self.statements(unit, &counted(unit, &within("end_time")), &self.definition.to_string())
    }

    /// Writes these groups with their definition; and zeros for groups that are live and not among what was written.
    fn statements(&self, unit: Unit, groups: &str, definition: &str) -> [String; 2] {
        let ((live, time), keys, built, began) = (unit.table(), unit.keys(), self.built(unit), self.began);
        let (counts, nothing, is_something) = (unit.counts(), unit.nothing(), unit.is_something());
        let head = format!("INSERT INTO {built} ({keys}, {counts}, definition, version)");
        let count =
            format!("{head} SELECT {keys}, {counts}, toUInt16({definition}), toUInt64({began}) FROM ({groups})");
        let gone = format!(
            "{head} SELECT {keys}, {nothing}, toUInt16({}), toUInt64({began}) FROM {live} FINAL
             WHERE {} AND {is_something}
                 AND ({keys}) NOT IN (SELECT {keys} FROM {built} WHERE {})",
            self.definition,
            within(time),
            within(time)
        );
        [count, gone]
    }

    /// The hours of whole days as they will be: those that were built, and live ones beside them.
    fn hours_to_be(&self) -> String {
        let ((from, to), built, within) = (self.hours, self.built(Unit::Hour), within("hour"));
        format!(
            "(SELECT * FROM {built} WHERE {within} UNION ALL SELECT * FROM {HOURS_TABLE} FINAL WHERE {within}
              AND (hour < toDateTime({from}, 'UTC') OR hour >= toDateTime({to}, 'UTC')))"
        )
    }

    /// The days of the range that hours lie in; `hours` is what stands behind FROM.
    async fn days_of_hours(&self, hours: &str) -> Result<Vec<i64>, QueryError> {
        let sql =
            format!("SELECT DISTINCT toInt64(toUnixTimestamp(toStartOfDay(hour))) AS day FROM {hours} ORDER BY day");
        let query = bound(self.clickhouse.reading(&sql), self.tenant, self.days.0, self.days.1);
        self.clickhouse.within(query.fetch_all()).await
    }

    /// What holds the keys of what was built in memory, a month at once.
    async fn run_by_month(&self, sql: &str) -> Result<(), QueryError> {
        let (mut begin, end) = self.days;
        while begin < end {
            let next = (begin + DAYS_AT_ONCE * DAY).min(end);
            self.run(sql, (begin, next)).await?;
            begin = next;
        }
        Ok(())
    }

    async fn run(&self, sql: &str, (from, to): (i64, i64)) -> Result<(), QueryError> {
        let query = bound(self.clickhouse.bounded(sql), self.tenant, from, to)
            .with_setting("max_partitions_per_insert_block", "0")
            .with_setting("transform_null_in", "1");
        self.clickhouse.within(query.execute()).await
    }
}
