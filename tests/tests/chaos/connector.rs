//! A connector that publishes exactly once, killed and started again.

use std::path::{Path, PathBuf};
use std::process::Child;

use crate::members::flowledger;

/// A running connector.
pub(crate) struct Connector {
    config: PathBuf,
    process: Child,
}

impl Connector {
    /// Follows `<folder of the config>/chaos.log`.
    pub(crate) fn start(config: PathBuf) -> Self {
        let process = Self::spawn(&config);
        Self { config, process }
    }

    fn spawn(config: &Path) -> Child {
        let at = |name: &str| config.with_file_name(name).display().to_string();
        let set = |key: &str, value: String| (format!("FLOWLEDGER__CONNECTOR__{key}"), value);
        let mut command = flowledger("connector", config, "connector.log");
        command.envs([
            set("TENANT", "acme".to_owned()),
            set("INPUTS", at("chaos.log")),
            set("STATE_DIR", at("positions")),
            set("DELIVERY", "exactly_once".to_owned()),
            set("INSTANCE", "chaos".to_owned()),
        ]);
        command.spawn().unwrap()
    }

    /// SIGKILL, and a new process in its place.
    pub(crate) fn kill_and_restart(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.config);
    }

    /// Starts it again where it has ended by itself, as whoever runs it would.
    pub(crate) fn restart_ended(&mut self) -> bool {
        let has_ended = self.process.try_wait().unwrap().is_some();
        if has_ended {
            self.process = Self::spawn(&self.config);
        }
        has_ended
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
