//! A child process that dies with its parent and with its handle.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{PartError, tools};

/// How long a child may take to be ready.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long a child may take to end after SIGTERM.
const END_MAX: Duration = Duration::from_secs(20);

/// What has to be run to start a child; kept, so that it can be started again.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) part: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Working folder; the log goes to `<part>.log` in it.
    pub(crate) folder: PathBuf,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    recipe: Recipe,
    process: Process,
}

impl Child {
    /// Starts the child. The kernel kills it when the thread that calls this ends: call it from the runtime's own threads.
    pub(crate) fn start(recipe: Recipe) -> Result<Self, PartError> {
        tools::need(&["setpriv"])?;
        let process = spawn(&recipe)?;
        Ok(Self { recipe, process })
    }

    /// Waits until `is_ready` says so.
    pub(crate) async fn ready(&mut self, is_ready: impl AsyncFn() -> bool) -> Result<(), PartError> {
        let begin = Instant::now();
        while begin.elapsed() < READY_MAX {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(self.not_running(format!("it ended with {status}")));
            }
            if is_ready().await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(self.not_running(format!("no answer within {} s", READY_MAX.as_secs())))
    }

    fn not_running(&self, reason: String) -> PartError {
        PartError::NotRunning { part: self.recipe.part, reason, log: log_file(&self.recipe) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL, and waits until the kernel has taken it away.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGTERM, then SIGKILL when it does not end.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let begin = Instant::now();
        while begin.elapsed() < END_MAX {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }

    /// Starts it again, in the same folder with the same arguments. A child that still runs is killed first.
    pub(crate) fn restart(&mut self) -> Result<(), PartError> {
        self.kill();
        self.process = spawn(&self.recipe)?;
        Ok(())
    }

    /// SIGSTOP: it is there and does not answer.
    pub(crate) fn suspend(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.pid().to_string()]).stderr(Stdio::null()).status();
        if !told.is_ok_and(|status| status.success() || status.signal().is_some()) {
            tracing::debug!(part = self.recipe.part, signal = name, "child is gone already");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_file(recipe: &Recipe) -> PathBuf {
    recipe.folder.join(format!("{}.log", recipe.part))
}

fn spawn(recipe: &Recipe) -> Result<Process, PartError> {
    make_folder(&recipe.folder)?;
    let log = log_file(recipe);
    let cannot = || PartError::system(format!("{} cannot be started", recipe.part));
    let output = File::options().create(true).append(true).open(&log).map_err(cannot())?;
    let errors = output.try_clone().map_err(cannot())?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&recipe.program)
        .args(&recipe.arguments)
        .envs(recipe.environment.iter().cloned())
        .current_dir(&recipe.folder)
        // Ctrl-C in a terminal is for its owner alone, who stops it when nobody needs it any more.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(cannot())
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), PartError> {
    std::fs::create_dir_all(folder).map_err(PartError::system(format!("{} cannot be made", folder.display())))
}

/// The absolute form of a folder that exists or can be made.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf, PartError> {
    make_folder(folder)?;
    folder.canonicalize().map_err(PartError::system(format!("{} cannot be found", folder.display())))
}

/// The methods that every part has, on top of its `child`.
macro_rules! process_methods {
    ($part:ident) => {
        impl $part {
            /// Process id.
            #[must_use]
            pub fn pid(&self) -> u32 {
                self.child.pid()
            }

            /// SIGKILL; returns when the process is gone.
            pub fn kill(&mut self) {
                self.child.kill();
            }

            /// SIGTERM, then SIGKILL if it does not end; returns when the process is gone.
            pub fn stop(&mut self) {
                self.child.stop();
            }

            /// SIGSTOP: it is there and does not answer.
            pub fn suspend(&self) {
                self.child.suspend();
            }

            /// SIGCONT.
            pub fn resume(&self) {
                self.child.resume();
            }

            /// Starts it again on the same port and data, and waits until it answers.
            ///
            /// # Errors
            /// When it cannot be started or does not answer.
            pub async fn restart(&mut self) -> Result<(), crate::PartError> {
                self.child.restart()?;
                self.ready().await
            }
        }
    };
}
pub(crate) use process_methods;
