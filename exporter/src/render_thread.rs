//! Threads that files are made on, each for one file after the other.
//!
//! The C library's allocator keeps what a thread has freed for that thread and the few that share its arena. On whatever thread is free, as
//! those for blocking work are, each file would leave some of its memory with several, and a report of many slices with nearly all of them.

use std::sync::mpsc::{Sender, channel};

use report_store::StoreError;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one thing after the other, and ends when this is dropped and the last one is done.
pub(crate) struct RenderThread {
    jobs: Sender<Job>,
}

impl RenderThread {
    pub(crate) fn start() -> Result<Self, StoreError> {
        let (jobs, given) = channel::<Job>();
        let started =
            std::thread::Builder::new().name("render".to_owned()).spawn(move || given.iter().for_each(|job| job()));
        started.map_err(|error| failed(format!("a thread cannot be started: {error}")))?;
        Ok(Self { jobs })
    }

    /// What `job` gives, once it has run there. It runs to its end where nobody waits for that any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, given) = channel();
        let job = move || _ = done.send(job());
        // Neither is taken by a thread that has panicked.
        let panicked = || failed("its thread has panicked, the log says where".to_owned());
        self.jobs.send(Box::new(job)).map_err(|_| panicked())?;
        // As all blocking work is waited for: by a runtime that ends, and by a clock that is paused.
        let waiting = tokio::task::spawn_blocking(move || given.recv());
        waiting.await.map_err(|error| failed(error.to_string()))?.map_err(|_| panicked())
    }
}

fn failed(reason: String) -> StoreError {
    StoreError::Failed { action: "rendering", reason }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::tools::Tools;

    #[tokio::test]
    async fn one_file_after_the_other_is_made_on_the_same_thread() {
        let (tools, here) = (Tools::new(1), std::thread::current().id());
        let mut seen = Vec::new();
        for _ in 0..3 {
            let thread = tools.render_thread().unwrap();
            for _ in 0..3 {
                seen.push(thread.run(|| std::thread::current().id()).await.unwrap());
            }
            tools.render_threads.give(thread);
        }
        assert!(seen.iter().all(|it| *it == seen[0] && *it != here), "{seen:?}");
        // Two at once have one each.
        let two = [tools.render_thread().unwrap(), tools.render_thread().unwrap()];
        let first = two[0].run(|| std::thread::current().id()).await.unwrap();
        assert_ne!(first, two[1].run(|| std::thread::current().id()).await.unwrap());
    }

    #[tokio::test]
    async fn panic_is_an_error_of_this_job_and_all_later_ones() {
        let thread = RenderThread::start().unwrap();
        let panicked = thread.run(|| assert!(std::thread::current().name() != Some("render"), "as it is to")).await;
        assert!(
            matches!(&panicked, Err(StoreError::Failed { reason, .. }) if reason.contains("panicked")),
            "{panicked:?}"
        );
        assert!(thread.run(|| ()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn clock_that_is_paused_stands_still_meanwhile() {
        let thread = RenderThread::start().unwrap();
        let job = thread.run(|| std::thread::sleep(std::time::Duration::from_millis(50)));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), job).await;
        assert!(matches!(waited, Ok(Ok(()))), "{waited:?}");
    }

    #[tokio::test]
    async fn job_that_nobody_waits_for_runs_to_its_end() {
        let thread = RenderThread::start().unwrap();
        let ((begin, may_end), (end, ended)) = (channel::<()>(), oneshot::channel());
        let job = thread.run(move || (may_end.recv().is_ok(), _ = end.send(())));
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), job).await.is_err());
        drop(thread);
        begin.send(()).unwrap();
        ended.await.unwrap();
    }
}
