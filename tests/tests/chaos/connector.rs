//! A connector that publishes exactly once, killed and started again.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};

use crate::ended::Ended;
use crate::members::{SIGKILL, flowledger};

const LOG: &str = "connector.log";

/// A running connector.
pub(crate) struct Connector {
    config: PathBuf,
    process: Child,
    /// Ends that nobody had told it to.
    pub(crate) ended: Vec<Ended>,
}

impl Connector {
    /// Follows `<folder of the config>/chaos.log`.
    pub(crate) fn start(config: PathBuf) -> Self {
        let process = Self::spawn(&config);
        Self { config, process, ended: Vec::new() }
    }

    fn spawn(config: &Path) -> Child {
        let at = |name: &str| config.with_file_name(name).display().to_string();
        let set = |key: &str, value: String| (format!("FLOWLEDGER__CONNECTOR__{key}"), value);
        let mut command = flowledger("connector", config, LOG);
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
        let status = self.process.wait().unwrap();
        // It was quicker.
        if status.signal() != Some(SIGKILL) {
            self.note_ended(status);
        }
        self.process = Self::spawn(&self.config);
    }

    fn note_ended(&mut self, status: ExitStatus) {
        self.ended.push(Ended::of("connector".to_owned(), status, &self.config.with_file_name(LOG)));
    }

    /// Starts it again where it has ended by itself, as whoever runs it would.
    pub(crate) fn restart_ended(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            self.note_ended(status);
            self.process = Self::spawn(&self.config);
        }
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
