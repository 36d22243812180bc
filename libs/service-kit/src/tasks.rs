//! Tasks that live and end together: the first one that ends cancels the rest.

use std::error::Error;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why a group did not end well.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A task failed; the others were told to stop.
    #[error("{task}: {reason}")]
    Failed {
        /// Name of the task.
        task: &'static str,
        /// What it said.
        #[source]
        reason: BoxError,
    },
    /// A task panicked.
    #[error("a task panicked")]
    Panicked,
    /// Tasks still ran when the deadline was over.
    #[error("not stopped within {0:?}")]
    Late(Duration),
}

/// A group of tasks with one stop token.
#[derive(Debug)]
pub struct TaskGroup {
    stop: CancellationToken,
    tasks: JoinSet<(&'static str, Result<(), BoxError>)>,
}

impl TaskGroup {
    /// An empty group; its tasks are told to stop through `stop`.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, tasks: JoinSet::new() }
    }

    /// Starts a task.
    pub fn spawn<E>(&mut self, name: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<BoxError>,
    {
        self.tasks.spawn(async move { (name, task.await.map_err(Into::into)) });
    }

    /// Waits until a task ends by itself. Cancel-safe.
    ///
    /// # Errors
    /// When it failed.
    pub async fn first_end(&mut self) -> Result<(), GroupError> {
        let mut outcome = Ok(());
        note(&mut outcome, self.tasks.join_next().await);
        outcome
    }

    /// What `work` comes to, where tasks that it may depend on go on meanwhile. `None`: the group was told to stop, or a task ended, before it was done.
    ///
    /// # Errors
    /// When a task failed: `work` may never be done then.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> Result<Option<T>, GroupError> {
        let stop = self.stop.clone();
        let has_tasks = !self.tasks.is_empty();
        tokio::select! {
            biased;
            done = stop.run_until_cancelled(work) => Ok(done),
            ended = self.first_end(), if has_tasks => ended.map(|()| None),
        }
    }

    /// Waits until all tasks have ended. When the first one ends, or the stop token is cancelled, the others have `deadline`
    /// to end too; after that they are dropped.
    ///
    /// # Errors
    /// The first failure; or that tasks had to be dropped.
    pub async fn join(mut self, deadline: Duration) -> Result<(), GroupError> {
        let stop = self.stop.clone();
        let mut outcome = Ok(());
        tokio::select! {
            ended = self.tasks.join_next() => note(&mut outcome, ended),
            () = stop.cancelled() => {}
        }
        stop.cancel();
        let rest = async {
            while let Some(ended) = self.tasks.join_next().await {
                note(&mut outcome, Some(ended));
            }
        };
        if tokio::time::timeout(deadline, rest).await.is_err() {
            self.tasks.abort_all();
            return outcome.and(Err(GroupError::Late(deadline)));
        }
        outcome
    }
}

type Ended = Result<(&'static str, Result<(), BoxError>), tokio::task::JoinError>;

fn note(outcome: &mut Result<(), GroupError>, ended: Option<Ended>) {
    let error = match ended {
        None => return,
        Some(Ok((task, Ok(())))) => {
            tracing::debug!(task, "ended");
            return;
        }
        Some(Ok((task, Err(reason)))) => GroupError::Failed { task, reason },
        Some(Err(_)) => GroupError::Panicked,
    };
    tracing::error!(%error, "task ended");
    if outcome.is_ok() {
        *outcome = Err(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn first_failure_stops_the_others() {
        let stop = CancellationToken::new();
        let mut group = TaskGroup::new(stop.clone());
        group.spawn("waits", async move {
            stop.cancelled().await;
            Ok::<_, std::io::Error>(())
        });
        group.spawn("fails", async { Err(std::io::Error::other("disk gone")) });
        let error = group.join(Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.to_string(), "fails: disk gone");
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_task_that_fails_waits_no_longer() {
        let mut group = TaskGroup::new(CancellationToken::new());
        group.spawn("goes on", std::future::pending::<Result<(), std::io::Error>>());
        group.spawn("fails", async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(std::io::Error::other("three partitions"))
        });
        assert_eq!(group.beside(async { 7 }).await.unwrap(), Some(7));
        let error = group.beside(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.to_string(), "fails: three partitions");
    }

    #[tokio::test(start_paused = true)]
    async fn stop_ends_what_is_done_beside_tasks() {
        let stop = CancellationToken::new();
        let mut group = TaskGroup::new(stop.clone());
        assert_eq!(group.beside(async { 7 }).await.unwrap(), Some(7), "no task is needed for it");
        group.spawn("goes on", std::future::pending::<Result<(), std::io::Error>>());
        stop.cancel();
        assert_eq!(group.beside(std::future::pending::<()>()).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn task_that_does_not_stop_is_dropped_after_the_deadline() {
        let stop = CancellationToken::new();
        let mut group = TaskGroup::new(stop.clone());
        group.spawn("hangs", std::future::pending::<Result<(), std::io::Error>>());
        stop.cancel();
        assert!(matches!(group.join(Duration::from_secs(1)).await, Err(GroupError::Late(_))));
    }
}
