//! Webhooks: where tenants want to be told what becomes of their reports, and what of it they were told.
//!
//! A webhook is a value on a compacted topic that only people change. What is sent to it follows from the ends of the tenant's reports; what
//! became of that is on a log of its own, and an end that the log does not know is one that is to be told. The id of what is sent is a function
//! of webhook and end, and so is its body: whoever sends it, and however often, a receiver knows it again.
//!
//! Secrets are kept nowhere ([`SecretKey`]), and where a webhook may lead is looked at in one place ([`Guard`]).

mod addresses;
mod back_off;
mod book;
mod change;
mod config;
mod deliveries;
mod guard;
mod journal;
mod message;
mod secret;
mod standing;

pub use book::{SharedWebhooks, follow_deliveries, follow_webhooks};
pub use change::{Wanted, changed, deleted, made, paused, resumed, rotated};
pub use config::{AllowedConfig, WebhooksConfig};
pub use deliveries::{Deliveries, DeliveryPage, Due, Outcome, asked_again};
pub use guard::{Guard, Target};
pub use journal::WebhookJournal;
pub use message::Message;
pub use secret::{SecretKey, WebhookSecret};
pub use standing::{Standing, Told};
