//! Section `syncs`.

use std::collections::BTreeMap;

use report_store::StoreConfig;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range};

/// Where tenants may have their events, and how many syncs a tenant may have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Syncs of one tenant, 1 to 100.
    pub of_a_tenant: usize,
    /// Buckets by the names that tenants choose them by, each as section `store`; a tenant's objects lie under its own name. None by default.
    pub destinations: BTreeMap<String, StoreConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self { of_a_tenant: 5, destinations: BTreeMap::new() }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        in_range("of_a_tenant", self.of_a_tenant, 1..=100)?;
        for (name, store) in &self.destinations {
            store.validate().map_err(|error| error.at(&format!("destinations.{name}")))?;
        }
        Ok(())
    }
}
