//! The event in a letter, where it can be decoded: many letters are refused for what they say, not for their bytes.

use std::collections::HashSet;

use dead_letter::Found;
use schema_registry::{DecodeError, Decoder, Registry, RegistryConfig, SchemaId};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;

/// Decodes as far as the registry helps.
pub(crate) struct Events {
    registry: Registry,
    decoder: Decoder<ConnectionEvent>,
    /// Asked for already.
    asked: HashSet<SchemaId>,
}

impl Events {
    pub(crate) fn new(registry: &RegistryConfig) -> anyhow::Result<Self> {
        let (registry, decoder) = (Registry::new(registry)?, Decoder::new(&CONNECTION_EVENT)?);
        Ok(Self { registry, decoder, asked: HashSet::new() })
    }

    /// The event; `None` where its bytes are no event, or its schema is not to be had.
    pub(crate) async fn of(&mut self, letter: &Found) -> Option<ConnectionEvent> {
        let value = letter.value.as_deref()?;
        if let Err(DecodeError::UnknownSchema(id)) = self.decoder.decode(value) {
            if !self.asked.insert(id) {
                return None;
            }
            match self.registry.fetch(id).await {
                // One that cannot be read is remembered as that.
                Ok(schema) => drop(self.decoder.learn(id, &schema)),
                Err(error) => tracing::debug!(%error, schema = id.get(), "an event is shown undecoded"),
            }
        }
        self.decoder.decode(value).ok()
    }
}
