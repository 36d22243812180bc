//! What every service needs beside its own job: configuration, telemetry, readiness, tasks that end together, a clock, and
//! retries that stop when they are told to.
//!
//! No global state but the two that libraries force on a process: the tracing subscriber and the TLS provider.

pub mod admin_server;
pub mod clock;
pub mod config;
pub mod context;
pub mod metrics;
pub mod readiness;
pub mod retry;
pub mod tasks;
pub mod telemetry;
pub mod tls;

pub use tokio_util::sync::CancellationToken;
