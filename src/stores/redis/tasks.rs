//! What goes on as long as the store lives: the search for the master, the writer, the heartbeat, the
//! feed. None of them ends by itself; one that panicked would be missed by nobody.

use tokio::{runtime::Handle, task::JoinHandle};

/// All of them.
#[derive(Debug)]
pub(super) struct Tasks {
    runtime: Handle,
    pub(super) running: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// None yet, and that is where they will run.
    pub(super) fn on(runtime: Handle) -> Self {
        Self { runtime, running: Vec::new() }
    }

    /// Begins one.
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(self.runtime.spawn(task));
    }

    /// Whether all go on.
    pub(super) fn are_alive(&self) -> bool {
        !self.running.iter().any(JoinHandle::is_finished)
    }
}
