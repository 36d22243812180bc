//! Statements that give way to those of pages: the threads that do them are behind the others when cores are short.
//!
//! A nice value, not the engine's own `priority`, which makes a statement wait for others: it takes nothing where cores are free.

use std::sync::Arc;

use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};
use tokio::sync::{Mutex, OnceCell};

use crate::client::ClickHouse;
use crate::error::{NextStep, QueryError};

/// Does nothing on a server that may not change priorities (`CAP_SYS_NICE`).
const NICE: &str = "os_threads_nice_value_query";
/// The largest nice value that Linux knows.
pub const NICE_MAX: u8 = 19;

impl ClickHouse {
    /// Waits until the server answers. Statements of the client that is given have this nice value; a server that refuses the setting is
    /// asked without it. 0: they do not give way. `None`: told to stop first.
    pub async fn wait_ready_giving_way(&self, nice: u8, stop: &CancellationToken) -> Option<Result<Self, QueryError>> {
        until_stopped(stop, Backoff::default(), async || match self.giving_way(nice).await {
            Ok(client) => Attempt::Done(client),
            Err(error) if error.next_step() == NextStep::Retry => {
                tracing::warn!(%error, "waiting for ClickHouse");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        })
        .await
    }

    /// The same, asked once.
    async fn giving_way(&self, nice: u8) -> Result<Self, QueryError> {
        // Without it first: what is refused then is the setting.
        self.ping().await?;
        if nice == 0 {
            return Ok(self.clone());
        }
        let client = self.client.clone().with_setting(NICE, nice.to_string());
        let blocks = self.blocks.clone().with_setting(NICE, nice.to_string());
        let giving_way = Self { client, blocks, ..self.clone() };
        match giving_way.ping().await {
            Ok(()) => Ok(giving_way),
            Err(error) if error.next_step() == NextStep::Retry => Err(error),
            Err(error) => {
                tracing::warn!(%error, setting = NICE, "statements do not give way to those of pages");
                Ok(self.clone())
            }
        }
    }
}

/// A client for who does not wait for the server at its start: the server is asked about the nice value when there is a statement for it.
/// Cheap to clone.
#[derive(Clone)]
pub struct GivingWay {
    plain: ClickHouse,
    nice: u8,
    decided: Arc<OnceCell<ClickHouse>>,
    /// Held by who asks.
    asking: Arc<Mutex<()>>,
}

impl GivingWay {
    /// Statements of `plain` will have this nice value; 0: they do not give way.
    #[must_use]
    pub fn new(plain: ClickHouse, nice: u8) -> Self {
        Self { plain, nice, decided: Arc::default(), asking: Arc::default() }
    }

    /// What to ask now. A server that is away says nothing of the setting: statements are sent without it, and fail by themselves.
    pub async fn client(&self) -> ClickHouse {
        if self.nice == 0 {
            return self.plain.clone();
        }
        if let Some(decided) = self.decided.get() {
            return decided.clone();
        }
        // One that hangs is waited for by one, not by all of them one after the other.
        let Ok(_asking) = self.asking.try_lock() else { return self.plain.clone() };
        let decided = self.decided.get_or_try_init(|| self.plain.giving_way(self.nice)).await;
        decided.map_or_else(|_| self.plain.clone(), Clone::clone)
    }
}
