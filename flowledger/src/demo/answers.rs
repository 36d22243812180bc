//! Waits for what the services do, and looks at it.

use anyhow::Context;
use clickhouse_io::ClickHouse;
use report_life::{ReportState, SharedBook};
use schemas::ids::{ReportId, Tenant};

/// The report at its end.
pub(crate) async fn ended(book: &SharedBook, tenant: &Tenant, id: ReportId) -> anyhow::Result<ReportState> {
    let mut changes = book.changes();
    loop {
        if let Some(state) = book.get(tenant, id).filter(|state| state.phase.is_final()) {
            return Ok(state);
        }
        // A listener that was too slow looks again; only a closed channel ends the wait.
        if let Err(tokio::sync::broadcast::error::RecvError::Closed) = changes.recv().await {
            anyhow::bail!("the reports are not followed any more");
        }
    }
}

/// Rows of a tenant in both tables of events.
pub(crate) async fn stored_events(clickhouse: &ClickHouse, tenant: &Tenant) -> anyhow::Result<u64> {
    // A tenant is a slug: nothing in it needs quoting.
    let sql = format!(
        "SELECT (SELECT count() FROM connections WHERE tenant = '{tenant}')
              + (SELECT count() FROM connection_openings WHERE tenant = '{tenant}')"
    );
    clickhouse.text(&sql).await?.trim().parse().context("a count is no number")
}
