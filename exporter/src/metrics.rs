//! Every metric of the exporter.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use report_schedules::Standing;
use service_kit::metrics::Metrics;
use webhooks::Standing as WebhookStanding;

/// Label `fate`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FateLabel {
    pub(crate) fate: &'static str,
}

/// Label `work`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WorkLabel {
    pub(crate) work: &'static str,
}

/// Fates of requests and mails, and work done.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExporterMetrics {
    pub(crate) requests: Family<FateLabel, Counter>,
    pub(crate) slices: Family<FateLabel, Counter>,
    pub(crate) mails: Family<FateLabel, Counter>,
    pub(crate) totals: Family<FateLabel, Counter>,
    pub(crate) rows: Counter,
    pub(crate) bytes: Counter,
    pub(crate) retries: Counter,
    pub(crate) expired: Counter,
    pub(crate) queued: Gauge,
    pub(crate) running: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) slices_waiting: Gauge,
    pub(crate) slices_running: Gauge,
    pub(crate) lanes: Family<WorkLabel, Gauge>,
}

impl ExporterMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register("flowledger_exporter_requests", "Requests by fate", own.requests.clone());
        metrics.register("flowledger_exporter_slices", "Slices by fate", own.slices.clone());
        metrics.register("flowledger_exporter_mails", "Mails by fate", own.mails.clone());
        let totals = "Reports that were held against the roll-ups, by fate";
        metrics.register("flowledger_exporter_totals", totals, own.totals.clone());
        metrics.register("flowledger_exporter_rows", "Rows that were written to files", own.rows.clone());
        metrics.register("flowledger_exporter_bytes", "Bytes that were handed to the store", own.bytes.clone());
        metrics.register("flowledger_exporter_retries", "Steps that were tried again", own.retries.clone());
        metrics.register("flowledger_exporter_expired", "Files that were kept long enough", own.expired.clone());
        metrics.register("flowledger_exporter_queued", "Reports that wait for their turn", own.queued.clone());
        metrics.register("flowledger_exporter_running", "Reports that are being made", own.running.clone());
        metrics.register("flowledger_exporter_waiting", "Reports that wait for ingest", own.waiting.clone());
        let (waiting, running) = (own.slices_waiting.clone(), own.slices_running.clone());
        metrics.register("flowledger_exporter_slices_waiting", "Slices that wait for their turn", waiting);
        metrics.register("flowledger_exporter_slices_running", "Slices that are being made", running);
        let lanes = "Reports, or slices of them, that may be planned and written at once now";
        metrics.register("flowledger_exporter_lanes", lanes, own.lanes.clone());
        // There from the start, so that the first of each is an increase.
        for (family, fates) in [
            (&own.requests, &["completed", "failed", "cancelled", "dead_letter"][..]),
            (&own.slices, &["done", "failed", "unwanted", "dead_letter"]),
            (&own.totals, &["differ"]),
        ] {
            for fate in fates {
                drop(family.get_or_create(&FateLabel { fate }));
            }
        }
        own
    }

    /// How many lanes there are for whatever comes.
    pub(crate) fn lanes(&self, plan: usize, write: usize) {
        for (work, width) in [("plan", plan), ("write", write)] {
            self.lanes.get_or_create(&WorkLabel { work }).set(i64::try_from(width).unwrap_or(i64::MAX));
        }
    }

    /// One of `done`, `failed`, `unwanted`, `put_back`, `dead_letter`.
    pub(crate) fn slice(&self, fate: &'static str) {
        self.slices.get_or_create(&FateLabel { fate }).inc();
    }

    /// One of `completed`, `failed`, `cancelled`, `dead_letter`. What can be read and is not allowed has two: its report has failed, and it is a letter.
    pub(crate) fn request(&self, fate: &'static str) {
        self.requests.get_or_create(&FateLabel { fate }).inc();
    }

    /// One of `agree`, `behind` (the roll-up was, the rows agree), `differ`, `unknown`.
    pub(crate) fn totals(&self, fate: &'static str) {
        self.totals.get_or_create(&FateLabel { fate }).inc();
    }

    /// One of `sent`, `given_up`.
    pub(crate) fn mail(&self, fate: &'static str) {
        self.mails.get_or_create(&FateLabel { fate }).inc();
    }
}

/// Label `standing`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StandingLabel {
    pub(crate) standing: &'static str,
}

/// Schedules, and the runs that were due.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScheduleMetrics {
    pub(crate) runs: Family<FateLabel, Counter>,
    pub(crate) schedules: Family<StandingLabel, Gauge>,
    pub(crate) lag_seconds: Gauge,
    /// Schedules that cannot be read, each time that they are.
    pub(crate) unreadable: Counter,
}

impl ScheduleMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(
            "flowledger_exporter_runs",
            "Tries to ask for runs of schedules that were due, and runs that were passed over, by fate",
            own.runs.clone(),
        );
        // There from the start, so that the first of each is an increase.
        for fate in ["asked", "failed", "passed_over"] {
            drop(own.runs.get_or_create(&FateLabel { fate }));
        }
        metrics.register("flowledger_exporter_schedules", "Schedules that this one looks after", own.schedules.clone());
        let unreadable = "Schedules that cannot be read, each time that one is met";
        metrics.register("flowledger_exporter_unreadable_schedules", unreadable, own.unreadable.clone());
        let lag = "How long a run has been due that could not be asked for";
        metrics.register("flowledger_exporter_run_lag_seconds", lag, own.lag_seconds.clone());
        own
    }

    /// One of `asked`, `failed`; one that failed is tried again.
    pub(crate) fn run(&self, fate: &'static str) {
        self.runs.get_or_create(&FateLabel { fate }).inc();
    }

    /// So many that were missed are not made any more.
    pub(crate) fn passed_over(&self, count: usize) {
        let fate = FateLabel { fate: "passed_over" };
        self.runs.get_or_create(&fate).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Of all that are held, how each stands.
    pub(crate) fn held(&self, standings: impl Iterator<Item = Standing>) {
        let mut counts = [("active", 0), ("by_hand", 0), ("paused", 0), ("owner_gone", 0)];
        for standing in standings {
            let place = match standing {
                Standing::Active => 0,
                Standing::ByHand => 1,
                Standing::Paused => 2,
                Standing::OwnerGone => 3,
            };
            counts[place].1 += 1;
        }
        for (standing, count) in counts {
            self.schedules.get_or_create(&StandingLabel { standing }).set(count);
        }
    }
}

/// Webhooks, and what they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebhookMetrics {
    pub(crate) tries: Family<FateLabel, Counter>,
    pub(crate) webhooks: Family<StandingLabel, Gauge>,
    pub(crate) lag_seconds: Gauge,
    /// Webhooks that cannot be read, each time that they are.
    pub(crate) unreadable: Counter,
}

impl WebhookMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register("flowledger_exporter_webhook_tries", "Tries to tell a webhook, by fate", own.tries.clone());
        metrics.register("flowledger_exporter_webhooks", "Webhooks that this one looks after", own.webhooks.clone());
        let unreadable = "Webhooks that cannot be read, each time that one is met";
        metrics.register("flowledger_exporter_unreadable_webhooks", unreadable, own.unreadable.clone());
        let lag = "How long something has been due that a webhook that answers was not told";
        metrics.register("flowledger_exporter_webhook_lag_seconds", lag, own.lag_seconds.clone());
        own
    }

    /// One of `delivered`, `failed`, `refused` (it may not be called), `given_up`.
    pub(crate) fn tried(&self, fate: &'static str) {
        self.tries.get_or_create(&FateLabel { fate }).inc();
    }

    /// Of all that are held, how each stands.
    pub(crate) fn held(&self, standings: &[WebhookStanding]) {
        for standing in
            [WebhookStanding::Active, WebhookStanding::Failing, WebhookStanding::Away, WebhookStanding::Paused]
        {
            let count = standings.iter().filter(|it| **it == standing).count();
            let gauge = self.webhooks.get_or_create(&StandingLabel { standing: standing.name() });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// Bucket syncs, and their objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncMetrics {
    pub(crate) objects: Family<FateLabel, Counter>,
    pub(crate) syncs: Family<StandingLabel, Gauge>,
    pub(crate) lag_seconds: Gauge,
    /// Events of syncs that cannot be read, each time that they are.
    pub(crate) unreadable: Counter,
}

impl SyncMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register("flowledger_exporter_sync_objects", "Objects of bucket syncs, by fate", own.objects.clone());
        metrics.register("flowledger_exporter_syncs", "Bucket syncs that this one looks after", own.syncs.clone());
        let unreadable = "Events of bucket syncs that cannot be read, each time that one is met";
        metrics.register("flowledger_exporter_unreadable_sync_events", unreadable, own.unreadable.clone());
        let lag = "How long ago the end was of what the bucket sync that is furthest behind has in its bucket";
        metrics.register("flowledger_exporter_sync_lag_seconds", lag, own.lag_seconds.clone());
        own
    }

    /// One of `stored`, `empty`, `failed`, `backfilled`; one that failed is tried again.
    pub(crate) fn object(&self, fate: &'static str) {
        self.objects.get_or_create(&FateLabel { fate }).inc();
    }

    /// How many of those that are held stand how.
    pub(crate) fn held(&self, counts: [(&'static str, i64); 3]) {
        for (standing, count) in counts {
            self.syncs.get_or_create(&StandingLabel { standing }).set(count);
        }
    }
}

/// One more in a gauge as long as this lives: also where a report's life is broken off.
pub(crate) struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    pub(crate) fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_that_alerts_are_of_are_there_before_the_first_of_them() {
        let metrics = Metrics::new();
        let _own = ExporterMetrics::new(&metrics);
        let text = metrics.render();
        for series in [
            "flowledger_exporter_totals_total{fate=\"differ\"} 0",
            "flowledger_exporter_requests_total{fate=\"failed\"} 0",
            "flowledger_exporter_requests_total{fate=\"dead_letter\"} 0",
            "flowledger_exporter_slices_total{fate=\"dead_letter\"} 0",
        ] {
            assert!(text.contains(series), "{series}: {text}");
        }
    }

    #[test]
    fn alert_rules_and_their_page_use_names_that_the_program_has() {
        let metrics = Metrics::new();
        let _ = (ExporterMetrics::new(&metrics), ScheduleMetrics::new(&metrics));
        let _ = (WebhookMetrics::new(&metrics), SyncMetrics::new(&metrics));
        for text in [
            include_str!("../../deploy/alerts.yml"),
            include_str!("../../deploy/alerts.test.yml"),
            include_str!("../../docs/operations.md"),
        ] {
            assert_eq!(metrics.unknown_in(text, "flowledger_exporter_"), std::collections::BTreeSet::new());
        }
    }
}
