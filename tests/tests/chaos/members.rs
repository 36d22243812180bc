//! Members of the group of one of our services, as processes that are killed, frozen, told to stop and started again.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::ended::Ended;

pub(crate) const SIGKILL: i32 = 9;

struct Member {
    number: u32,
    process: Child,
    is_frozen: bool,
}

/// All members of a service's group.
pub(crate) struct Members {
    pub(crate) service: &'static str,
    most: usize,
    /// Odd ones come back under their name.
    has_static: bool,
    pub(crate) config: PathBuf,
    all: Vec<Member>,
    /// Those that were not told to.
    pub(crate) ended: Vec<Ended>,
}

/// A service of ours whose log lies beside its config.
pub(crate) fn flowledger(service: &str, config: &Path, log: &str) -> Command {
    let log = File::options().create(true).append(true).open(config.with_file_name(log)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(local_parts::flowledger_binary().unwrap());
    command.arg(service).arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command
}

impl Members {
    /// None yet, and never more than `most`.
    pub(crate) fn new(service: &'static str, most: usize, config: PathBuf) -> Self {
        Self { service, most, has_static: service != "exporter", config, all: Vec::new(), ended: Vec::new() }
    }

    pub(crate) fn number(&self, at: usize) -> u32 {
        self.all[at].number
    }

    fn spawn(&self, number: u32) -> Child {
        let name = format!("{}-{number}", self.service);
        let mut command = flowledger(self.service, &self.config, &format!("{name}.log"));
        if self.has_static && number % 2 == 1 {
            command.env(format!("FLOWLEDGER__{}__INSTANCE_ID", self.service.to_uppercase()), name);
        }
        command.spawn().unwrap()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.all.len() < self.most
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
        let process = self.spawn(number);
        self.all.push(Member { number, process, is_frozen: false });
        number
    }

    /// SIGKILL, and a new process in its place.
    pub(crate) fn kill_and_restart(&mut self, at: usize) -> u32 {
        let number = self.number(at);
        self.all[at].process.kill().unwrap();
        let status = self.all[at].process.wait().unwrap();
        // It was quicker.
        if status.signal() != Some(SIGKILL) {
            self.note_ended(number, status);
        }
        self.all[at] = Member { number, process: self.spawn(number), is_frozen: false };
        number
    }

    /// SIGTERM: it writes what it holds and leaves the group. Gives its number, and true where it could do so within its deadline.
    pub(crate) fn stop(&mut self, at: usize) -> (u32, bool) {
        let mut member = self.all.remove(at);
        signal(&member.process, "TERM");
        let status = member.process.wait().unwrap();
        (member.number, status.success())
    }

    /// SIGSTOP: it is there and does nothing, until [`Self::thaw`].
    pub(crate) fn freeze(&mut self, at: usize) -> u32 {
        signal(&self.all[at].process, "STOP");
        self.all[at].is_frozen = true;
        self.number(at)
    }

    pub(crate) fn thaw(&mut self, at: usize) -> u32 {
        signal(&self.all[at].process, "CONT");
        self.all[at].is_frozen = false;
        self.number(at)
    }

    fn note_ended(&mut self, number: u32, status: ExitStatus) {
        let name = format!("{}-{number}", self.service);
        let log = self.config.with_file_name(format!("{name}.log"));
        self.ended.push(Ended::of(name, status, &log));
    }

    /// Starts again what ended by itself.
    pub(crate) fn restart_ended(&mut self) {
        for at in self.awake() {
            if let Some(status) = self.all[at].process.try_wait().unwrap() {
                let number = self.number(at);
                self.note_ended(number, status);
                self.all[at].process = self.spawn(number);
            }
        }
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
