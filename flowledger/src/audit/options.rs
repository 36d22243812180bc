//! The command line of `flowledger audit`.

use std::path::PathBuf;

use audit_log::{AuditQuestion, action_named};
use clap::{Args, Subcommand};
use schemas::audit_event::{AuditAction, ChainHead};
use schemas::ids::Tenant;
use schemas::times::Moment;
use schemas::topics::AUDIT_EVENTS;

use crate::cli::moment;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every event, every link and every head that is named; print the chains, and fail where anything is wrong.
    Verify {
        #[command(flatten)]
        read: ReadOptions,
        /// Print only chains that hold events of this tenant; all are checked.
        #[arg(long)]
        tenant: Option<Tenant>,
        /// A head that was noted elsewhere has to be there, `CHAIN:SEQUENCE:HASH`; may be given more than once.
        #[arg(long = "head", value_name = "HEAD")]
        heads: Vec<ChainHead>,
    },
    /// Events, oldest first.
    List {
        #[command(flatten)]
        read: ReadOptions,
        #[command(flatten)]
        select: SelectOptions,
    },
}

/// Where the log is, and how it is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadOptions {
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Topic of the log: another one for a copy.
    #[arg(long, default_value = AUDIT_EVENTS.name, value_name = "NAME")]
    pub(crate) topic: String,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which events.
#[derive(Clone, Debug, Args)]
pub(crate) struct SelectOptions {
    /// Of this tenant [default: all, with what writers note about chains].
    #[arg(long)]
    pub(crate) tenant: Option<Tenant>,
    /// At this time or later: `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// By this account.
    #[arg(long, value_name = "ACCOUNT")]
    actor: Option<String>,
    /// Of this kind, such as `signed_in` or `report_downloaded`.
    #[arg(long, value_parser = action)]
    action: Option<AuditAction>,
    /// Show so many, the newest.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub(crate) limit: usize,
}

impl SelectOptions {
    pub(crate) fn question(&self) -> AuditQuestion {
        AuditQuestion {
            from: self.from.unwrap_or(Moment::FIRST),
            to: self.to.unwrap_or(Moment::END),
            account: self.actor.clone(),
            action: self.action,
            before: None,
            limit: self.limit,
        }
    }
}

fn action(text: &str) -> Result<AuditAction, String> {
    action_named(text).map_err(|reason| format!("{text} {reason}"))
}
