//! The command line of `flowledger webhook`.

use clap::{Args, Subcommand, ValueEnum};
use schemas::ids::{DeliveryId, WebhookId};
use schemas::webhook::WebhookEvent;

use crate::select::SelectOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Make a webhook; prints its id and its secret, which is not shown again.
    New {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        new: NewOptions,
    },
    /// Webhooks, oldest first.
    List {
        #[command(flatten)]
        select: SelectOptions,
    },
    /// One webhook.
    Show {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Another name, URL, contact and other events in the place of what it has; its secret stays.
    Change {
        #[command(flatten)]
        one: OneOptions,
        #[command(flatten)]
        new: NewOptions,
    },
    /// Tell it nothing until it is resumed.
    Pause {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Tell it what happens from now on, also where it was away.
    Resume {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Another secret, which is printed and not shown again; the one before signs beside it for a time.
    Rotate {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Forget it, and what it was told.
    Delete {
        #[command(flatten)]
        one: OneOptions,
    },
    /// What it was told, newest first, and what became of that.
    Deliveries {
        #[command(flatten)]
        one: OneOptions,
        /// Those before this one, as the last of a page.
        #[arg(long, value_name = "DELIVERY")]
        before: Option<DeliveryId>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Tell it again, whatever became of it.
    Redeliver {
        #[command(flatten)]
        one: OneOptions,
        /// What, by its id.
        #[arg(value_name = "DELIVERY")]
        delivery: DeliveryId,
    },
}

/// What is wanted.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewOptions {
    /// What the tenant calls it.
    #[arg(long)]
    pub(crate) name: String,
    /// Where to, with `https://`.
    #[arg(long)]
    pub(crate) url: String,
    /// What of; may be given more than once [default: all].
    #[arg(long = "event", value_enum, value_name = "EVENT")]
    pub(crate) events: Vec<Event>,
    /// Who gets a mail when it is away.
    #[arg(long, value_name = "E-MAIL")]
    pub(crate) contact: String,
}

/// What a webhook may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Event {
    /// A report's file is there.
    #[value(name = "report.completed")]
    Completed,
    /// There will be none.
    #[value(name = "report.failed")]
    Failed,
    /// Nobody wants it any more.
    #[value(name = "report.cancelled")]
    Cancelled,
    /// Its file was deleted.
    #[value(name = "report.expired")]
    Expired,
}

impl From<Event> for WebhookEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Completed => Self::ReportCompleted,
            Event::Failed => Self::ReportFailed,
            Event::Cancelled => Self::ReportCancelled,
            Event::Expired => Self::ReportExpired,
        }
    }
}

/// One webhook.
#[derive(Clone, Debug, Args)]
pub(crate) struct OneOptions {
    #[command(flatten)]
    pub(crate) select: SelectOptions,
    /// Its id.
    #[arg(value_name = "WEBHOOK")]
    pub(crate) webhook: WebhookId,
}
