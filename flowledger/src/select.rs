//! What verbs of reports, bucket syncs and webhooks have in common: whose they are, who asks, and how it is shown.

use std::path::PathBuf;

use clap::Args;
use schemas::ids::Tenant;

/// Whose they are, who asks, and how it is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct SelectOptions {
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Tenant whose they are.
    #[arg(long)]
    pub(crate) tenant: Tenant,
    /// Who asks, as events and the audit log say [default: the account on this machine].
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl SelectOptions {
    /// Who is said to act.
    pub(crate) fn actor(&self) -> String {
        self.by.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "operator".to_owned())
    }
}
