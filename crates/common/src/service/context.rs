//! What a starting service is given.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Environment;

/// The surroundings of a service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// Name of the service.
    pub service: &'static str,
    /// Name of this process among the replicas of the service; the same after a restart.
    pub instance: String,
    /// Development, staging or production.
    pub environment: Environment,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the service has to end.
    pub shutdown: CancellationToken,
    tasks: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Context {
    /// A context of its own, for tests and programs that run a service inside.
    #[must_use]
    pub fn new(service: &'static str, instance: String, environment: Environment) -> Self {
        Self {
            service,
            instance,
            environment,
            clock: Clock::system(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failed: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Runs a background task that lasts as long as the service. One that ends earlier has
    /// crashed: the service then ends too, to be restarted whole, and exits with 1.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (shutdown, failed) = (self.shutdown.clone(), self.failed.clone());
        let guard = EndGuard {
            name,
            shutdown,
            failed,
        };
        self.tasks.spawn(async move {
            let _guard = guard;
            task.await;
        });
    }

    /// Runs a task that may end at any time, such as the rest of a stream whose client has gone;
    /// shutdown waits for it.
    pub fn spawn_transient(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// Notices the end of a task, by return or by panic.
struct EndGuard {
    name: &'static str,
    shutdown: CancellationToken,
    failed: Arc<AtomicBool>,
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if !self.shutdown.is_cancelled() {
            tracing::error!("the background task `{}` ended; the service ends too", self.name);
            self.failed.store(true, Ordering::SeqCst);
            self.shutdown.cancel();
        }
    }
}
