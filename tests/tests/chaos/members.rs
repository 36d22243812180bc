//! Our processes: members of ingest's group, which are killed, frozen, told to stop and started again, and a connector.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Most members at once.
pub(crate) const MEMBERS_MAX: usize = 4;

struct Member {
    number: u32,
    process: Child,
    is_frozen: bool,
}

/// A connector that publishes exactly once.
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

/// All members. Odd ones are static members, which come back under their name; even ones are not.
pub(crate) struct Members {
    config: PathBuf,
    all: Vec<Member>,
}

/// A service of ours whose log lies beside its config.
fn flowledger(service: &str, config: &Path, log: &str) -> Command {
    let log = File::options().create(true).append(true).open(config.with_file_name(log)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(local_parts::flowledger_binary().unwrap());
    command.arg(service).arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn spawn(config: &Path, number: u32) -> Child {
    let mut command = flowledger("ingest", config, &format!("ingest-{number}.log"));
    if number % 2 == 1 {
        command.env("FLOWLEDGER__INGEST__INSTANCE_ID", format!("ingest-{number}"));
    }
    command.spawn().unwrap()
}

impl Members {
    pub(crate) fn new(config: PathBuf) -> Self {
        Self { config, all: Vec::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Members that are not frozen.
    pub(crate) fn awake(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|at| !self.all[*at].is_frozen).collect()
    }

    pub(crate) fn frozen(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|at| self.all[*at].is_frozen).collect()
    }

    /// Starts one more; gives its number.
    pub(crate) fn add(&mut self) -> u32 {
        let number = (1..).find(|number| self.all.iter().all(|member| member.number != *number)).unwrap();
        let process = spawn(&self.config, number);
        self.all.push(Member { number, process, is_frozen: false });
        number
    }

    /// SIGKILL, and a new process in its place.
    pub(crate) fn kill_and_restart(&mut self, at: usize) -> u32 {
        let member = &mut self.all[at];
        member.process.kill().unwrap();
        member.process.wait().unwrap();
        member.process = spawn(&self.config, member.number);
        member.is_frozen = false;
        member.number
    }

    /// SIGTERM: it writes what it holds and leaves the group.
    pub(crate) fn stop(&mut self, at: usize) -> u32 {
        let mut member = self.all.remove(at);
        signal(&member.process, "TERM");
        member.process.wait().unwrap();
        member.number
    }

    /// SIGSTOP: it is there and does nothing, until [`Self::thaw`].
    pub(crate) fn freeze(&mut self, at: usize) -> u32 {
        signal(&self.all[at].process, "STOP");
        self.all[at].is_frozen = true;
        self.all[at].number
    }

    pub(crate) fn thaw(&mut self, at: usize) -> u32 {
        signal(&self.all[at].process, "CONT");
        self.all[at].is_frozen = false;
        self.all[at].number
    }

    /// Starts again what ended by itself: a member that was fenced may. Gives the numbers.
    pub(crate) fn restart_ended(&mut self) -> Vec<u32> {
        let mut ended = Vec::new();
        for member in &mut self.all {
            if !member.is_frozen && member.process.try_wait().unwrap().is_some() {
                member.process = spawn(&self.config, member.number);
                ended.push(member.number);
            }
        }
        ended
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.all {
            let _ = member.process.kill();
            let _ = member.process.wait();
        }
    }
}

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.id().to_string()]).status().unwrap();
    assert!(sent.success(), "a member was gone before it was told {name}");
}
