//! Schemas of the registry, however long it is away.

use std::time::Duration;

use schema_registry::{Registry, RegistryError, SchemaId, WriterSchema};
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

/// The schema of an id, asked for after a pause. A registry that is away is no reason for a dead letter: it is asked until it answers. `None`: told to stop.
///
/// # Errors
/// When the registry answers that it has no such schema, or refuses.
pub(crate) async fn ask_registry(
    registry: &Registry,
    id: SchemaId,
    pause: Duration,
    stop: &CancellationToken,
) -> Option<Result<WriterSchema, RegistryError>> {
    stop.run_until_cancelled(tokio::time::sleep(pause)).await?;
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    until_stopped(stop, backoff, async || match registry.fetch(id).await {
        Ok(schema) => Attempt::Done(schema),
        Err(error) if error.is_passing() => {
            tracing::warn!(%error, schema = id.get(), "waiting for the schema registry");
            Attempt::Again(error)
        }
        Err(error) => Attempt::Fail(error),
    })
    .await
}
