//! Starts the readers and the delivery, and ends them in order: stop reading, drain, keep positions.

use std::path::PathBuf;

use schemas::ids::Tenant;
use service_kit::CancellationToken;
use service_kit::config::RangeError;
use service_kit::context::ServiceContext;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::adapters::FromSource;
use crate::adapters::follow_files::Follower;
use crate::adapters::positions::SavedPosition;
use crate::adapters::read_stdin::{STDIN_NAME, read_stream};
use crate::behind::BehindGauge;
use crate::config::Config;
use crate::deliver::{Delivery, Summary};
use crate::error::Error;
use crate::keep::{Carried, Keeper};
use crate::metrics::{ConnectorMetrics, TenantMetrics};
use crate::record_writer::RecordWriter;

/// Reads that wait for delivery, of at most 128 KiB each. Lines cost more than their bytes: empty ones some 50 MB in all.
const WAITING_READS_MAX: usize = 4;

/// What a run begins with.
pub(crate) struct Begin {
    /// Positions of the run before; `None`: there was none.
    pub(crate) kept: Option<Vec<SavedPosition>>,
    /// Where they are kept.
    pub(crate) keeper: Keeper,
    /// What the run before in this process hands over.
    pub(crate) carried: Carried,
}

/// [`crate::run`] with a writer that is given.
pub(crate) async fn run_with<W: RecordWriter>(
    config: Config,
    writer: W,
    begin: Begin,
    metrics: &ConnectorMetrics,
    context: ServiceContext,
) -> Result<Summary, Error> {
    let tenant: Tenant = config.tenant.clone().ok_or_else(|| RangeError::new("tenant", "is missing"))?;
    let metrics = metrics.of(&tenant);
    let Begin { kept, keeper, carried } = begin;
    let stop = context.stop.clone();
    let (sender, mut incoming) = mpsc::channel(WAITING_READS_MAX);
    let stdin = config.stdin.then(|| start_stdin(&config, sender.clone()));
    let follower = (!config.inputs.is_empty()).then(|| {
        let on_error = metrics.input_errors.clone();
        let follower = Follower::new(&config, kept, Box::new(move || _ = on_error.inc()));
        start_follower(&config, follower, sender.clone(), metrics.clone(), context.clone())
    });
    drop(sender);
    let behind = metrics.behind.clone();
    let mut delivery = Delivery::new(&config, tenant, writer, keeper, carried, metrics);
    let behind = BehindGauge::new(delivery.behind(), behind);
    context.readiness.part("connector").set(true);

    let delivered = tokio::select! {
        delivered = delivery.deliver_all(&mut incoming) => delivered,
        () = stop.cancelled() => {
            incoming.close();
            drain(&config, &mut delivery).await
        }
        never = behind.go_on() => match never {},
    };
    drop(incoming);
    let saved = delivery.save().await;
    let followed = match follower {
        Some(follower) => follower.await.unwrap_or(Err(Error::ReaderGone)),
        None => Ok(()),
    };
    delivered.and(saved).and(followed).and(stdin_outcome(stdin, &stop))?;
    let summary = delivery.summary();
    tracing::info!(?summary, "connector ended");
    Ok(summary)
}

/// Waits for what is on its way. What is late is read again by the next run.
async fn drain<W: RecordWriter>(config: &Config, delivery: &mut Delivery<W>) -> Result<(), Error> {
    tokio::time::timeout(config.drain_max, delivery.settle_all()).await.unwrap_or_else(|_| {
        tracing::warn!("not everything was acknowledged in time; it is read again by the next run");
        Ok(())
    })
}

/// Files are read on a thread of their own: the system has no other way to read them.
fn start_follower(
    config: &Config,
    mut follower: Follower,
    sender: mpsc::Sender<FromSource>,
    metrics: TenantMetrics,
    context: ServiceContext,
) -> JoinHandle<Result<(), Error>> {
    let (once, poll_interval) = (config.once, config.poll_interval);
    tokio::task::spawn_blocking(move || {
        let mut file_count = 0;
        let outcome = loop {
            if context.stop.is_cancelled() || sender.is_closed() {
                break Ok(());
            }
            let mut emit = |message| sender.blocking_send(message).is_ok();
            match follower.round(context.clock.monotonic(), &mut emit) {
                Err(error) => break Err(error),
                Ok(false) if once => break Ok(()),
                Ok(false) => {
                    let pause = context.stop.run_until_cancelled(tokio::time::sleep(poll_interval));
                    Handle::current().block_on(pause);
                }
                Ok(true) => {}
            }
            let count = i64::try_from(follower.file_count()).unwrap_or(i64::MAX);
            metrics.followed.inc_by(count - file_count);
            file_count = count;
        };
        metrics.followed.dec_by(file_count);
        outcome
    })
}

/// Standard input is read on a thread that nobody waits for: a read of a terminal or a pipe cannot be called off.
fn start_stdin(config: &Config, sender: mpsc::Sender<FromSource>) -> oneshot::Receiver<std::io::Result<()>> {
    let (outcome, ended) = oneshot::channel();
    let wrapping = config.wrapping;
    std::thread::spawn(move || {
        let read = read_stream(std::io::stdin(), wrapping, |message| sender.blocking_send(message).is_ok());
        // Nobody may be left to hear it.
        let _ = outcome.send(read);
    });
    ended
}

fn stdin_outcome(stdin: Option<oneshot::Receiver<std::io::Result<()>>>, stop: &CancellationToken) -> Result<(), Error> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.try_recv() {
        Ok(Err(reason)) => Err(Error::Input { path: PathBuf::from(STDIN_NAME), reason }),
        Ok(Ok(())) => Ok(()),
        Err(_) if stop.is_cancelled() => Ok(()),
        Err(_) => Err(Error::ReaderGone),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
