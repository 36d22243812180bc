//! SIGINT and SIGTERM become the stop token.

use service_kit::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

/// A token that is cancelled by the first SIGINT or SIGTERM. A second one ends the process at once.
pub(crate) fn on_signal() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for already_told in [false, true] {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            if already_told {
                std::process::exit(130);
            }
            token.cancel();
        }
    });
    Ok(stop)
}
