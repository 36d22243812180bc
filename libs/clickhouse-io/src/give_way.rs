//! Statements that give way to those of pages: the threads that do them are behind the others when cores are short.
//!
//! A nice value, not the engine's own `priority`, which makes a statement wait for others: it takes nothing where cores are free.

use service_kit::CancellationToken;

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Does nothing on a server that may not change priorities (`CAP_SYS_NICE`).
const NICE: &str = "os_threads_nice_value_query";
/// The largest nice value that Linux knows.
pub const NICE_MAX: u8 = 19;

impl ClickHouse {
    /// Waits until the server answers. Statements of the client that is given have this nice value; a server that refuses the setting is
    /// asked without it. 0: they do not give way. `None`: told to stop first.
    pub async fn wait_ready_giving_way(&self, nice: u8, stop: &CancellationToken) -> Option<Result<Self, QueryError>> {
        // Without it first: what is refused then is the setting.
        if let Err(error) = self.wait_ready(stop).await? {
            return Some(Err(error));
        }
        if nice == 0 {
            return Some(Ok(self.clone()));
        }
        let client = self.client.clone().with_setting(NICE, nice.to_string());
        let blocks = self.blocks.clone().with_setting(NICE, nice.to_string());
        let giving_way = Self { client, blocks, ..self.clone() };
        Some(Ok(match giving_way.wait_ready(stop).await? {
            Ok(()) => giving_way,
            Err(error) => {
                tracing::warn!(%error, setting = NICE, "statements do not give way to those of pages");
                self.clone()
            }
        }))
    }
}
