//! Links to files at the store, where they are not streamed through the console.

use std::time::Duration;

use axum::http::HeaderValue;
use report_store::{ReportStore, SavedAs, StoreConfig};
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::error::{Error, Refusal};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Links {
    /// As browsers reach it.
    store: ReportStore,
    pub(crate) lifetime: Duration,
}

impl Links {
    /// `None` where files are streamed.
    pub(crate) fn open(config: &Config, store: &StoreConfig) -> Result<Option<Self>, Error> {
        let linked = config.linked_store(store).map_err(|error| Error::Setting(error.at("console")))?;
        let Some(store) = linked.map(|store| ReportStore::open(&store)).transpose()? else { return Ok(None) };
        Ok(Some(Self { store, lifetime: config.link_lifetime }))
    }

    /// A link to this file alone, for the answer's `Location`; whoever logs headers logs nothing of it.
    pub(crate) async fn to(&self, key: &str, saved_as: SavedAs<'_>) -> Result<HeaderValue, Refusal> {
        let link = self.store.link(key, saved_as, self.lifetime).await?;
        let mut location = HeaderValue::from_str(link.expose_secret()).map_err(|_| Refusal::Away("the store"))?;
        location.set_sensitive(true);
        Ok(location)
    }
}
