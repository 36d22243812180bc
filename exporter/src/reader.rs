//! Records into what they hold. A schema that is not known yet is fetched by whoever meets it, and nobody else waits for that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use schema_registry::{DecodeError, Decoder, Registry, RegistryError, fetch_patiently};
use serde::de::DeserializeOwned;
use service_kit::CancellationToken;
use tokio::sync::Semaphore;

/// So many ask the registry at once: all records may be of a schema that is not known while it is away.
const ASKING_MAX: usize = 8;

/// Decodes values for many at once.
pub(crate) struct Reader<T> {
    decoder: Mutex<Decoder<T>>,
    registry: Registry,
    asking: Semaphore,
}

impl<T: DeserializeOwned> Reader<T> {
    pub(crate) fn new(decoder: Decoder<T>, registry: Registry) -> Self {
        Self { decoder: Mutex::new(decoder), registry, asking: Semaphore::new(ASKING_MAX) }
    }

    /// What a value holds, or why it cannot be read. Waits while the registry is away, where only it knows: drop it to stop.
    ///
    /// # Errors
    /// When the registry refuses.
    pub(crate) async fn read(&self, value: &[u8]) -> Result<Result<T, String>, RegistryError> {
        let read = self.read_patiently(value).await?;
        Ok(read.map_err(|error| error.to_string()))
    }

    async fn read_patiently(&self, value: &[u8]) -> Result<Result<T, DecodeError>, RegistryError> {
        match self.decode(value) {
            Err(DecodeError::UnknownSchema(_)) => {}
            decoded => return Ok(decoded),
        }
        // The semaphore is never closed.
        let _turn = self.asking.acquire().await;
        // Another one may have learned it meanwhile.
        let id = match self.decode(value) {
            Err(DecodeError::UnknownSchema(id)) => id,
            decoded => return Ok(decoded),
        };
        let is_doubted = self.decoder().doubts_missing(id);
        let fetched = fetch_patiently(&self.registry, id, is_doubted, &CancellationToken::new()).await;
        // Nobody tells it to stop.
        let Some(fetched) = fetched else { return std::future::pending().await };
        let taken = self.decoder().take_fetched(id, fetched)?;
        Ok(taken.and_then(|()| self.decode(value)))
    }

    fn decode(&self, value: &[u8]) -> Result<T, DecodeError> {
        self.decoder().decode(value)
    }

    fn decoder(&self) -> MutexGuard<'_, Decoder<T>> {
        self.decoder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
