//! Runs CPU work on other threads, a limited number at a time, so that it does not block the async threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::bounds::Client;
use crate::problem::Problem;

/// Up to this input size, in bytes, cleaning is faster than a change of threads.
const MAX_INLINE_BYTES: usize = 16 << 10;

/// Allows as many tasks at a time as there are cores, half of them of one client. Other tasks wait. So the task of
/// one client waits for few tasks of another one, however many those are.
#[derive(Clone)]
pub(crate) struct Cpu(Arc<Cores>);

struct Cores {
    all: Arc<Semaphore>,
    for_client: usize,
    of_clients: Mutex<HashMap<Client, Weak<Semaphore>>>,
}

impl Cpu {
    pub(crate) fn new() -> Self {
        Self::with_cores(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn with_cores(cores: usize) -> Self {
        Self(Arc::new(Cores {
            all: Arc::new(Semaphore::new(cores)),
            for_client: cores.div_ceil(2),
            of_clients: Mutex::default(),
        }))
    }

    /// Runs `work` for `client` on another thread.
    pub(crate) async fn run<T, F>(&self, client: &Client, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let turn = self.0.of_client(client).acquire_owned().await.map_err(|e| Problem::internal(&e))?;
        let core = Arc::clone(&self.0.all).acquire_owned().await.map_err(|e| Problem::internal(&e))?;
        let task = tokio::task::spawn_blocking(move || {
            let _held = (turn, core); // until the work ends, even if the request is dropped before
            work()
        });
        task.await.map_err(|e| Problem::internal(&e))
    }

    /// Like [`run`](Self::run), but runs work on a small input on this thread.
    pub(crate) async fn run_if_large<T, F>(
        &self,
        client: &Client,
        bytes: usize,
        work: F,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= MAX_INLINE_BYTES { Ok(work()) } else { self.run(client, work).await }
    }
}

impl Cores {
    /// The cores of one client. They are forgotten when none of its tasks runs or waits.
    fn of_client(&self, client: &Client) -> Arc<Semaphore> {
        let mut clients = self.of_clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cores) = clients.get(client).and_then(Weak::upgrade) {
            return cores;
        }
        clients.retain(|_, cores| cores.strong_count() > 0);
        let cores = Arc::new(Semaphore::new(self.for_client));
        clients.insert(client.clone(), Arc::downgrade(&cores));
        cores
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_tasks_of_one_client_do_not_delay_another() {
        let cpu = Cpu::with_cores(2);
        let (ann, bob) = (Client::new("ann"), Client::new("bob"));
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (cpu, ann, gate) = (cpu.clone(), ann.clone(), gate.clone());
                tokio::spawn(async move { cpu.run(&ann, move || gate.lock().unwrap().recv()).await.is_ok() })
            })
            .collect();
        // All tasks of Ann wait for the gate, which is still closed.
        assert_eq!(cpu.run(&bob, || 7).await.unwrap(), 7);
        for _ in &tasks {
            go.send(()).unwrap();
        }
        for task in tasks {
            assert!(task.await.unwrap());
        }
        cpu.run(&bob, || ()).await.unwrap();
        assert!(cpu.0.of_client(&ann).available_permits() == 1);
    }
}
