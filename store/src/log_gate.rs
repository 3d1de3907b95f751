//! How many calls of the library may read a table's log at the same time. It reads on the runtime's threads for blocking work, and waits there
//! for reads that need such a thread themselves: where all of them wait, none is left to read, and nothing ever goes on.

use tokio::sync::Semaphore;

/// Calls that read a log at a time; the others wait without a thread.
const AT_A_TIME: usize = 4;

/// Threads for blocking work that those calls may hold while they wait: two each, for one that reads and one that replays. A runtime has to have
/// more than that.
pub const LOG_THREADS: usize = 2 * AT_A_TIME;

static GATE: Semaphore = Semaphore::const_new(AT_A_TIME);

/// Does what reads a table's log. Never around another call of itself.
pub(crate) async fn gated<T>(work: impl Future<Output = T>) -> T {
    // The gate is never closed; if it were, there would be nothing to wait for.
    let _permit = GATE.acquire().await.ok();
    work.await
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::Lake;

    /// Without the gate, the calls wait for threads that they hold.
    #[test]
    fn many_at_a_time_go_on_with_few_threads() {
        let folder = TempDir::new().unwrap();
        let location = folder.path().join("lake").to_str().unwrap().parse().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(LOG_THREADS + 1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(Lake::open_or_create(&location)).unwrap();
        let opens: Vec<_> = (0..64)
            .map(|_| {
                let location = location.clone();
                runtime.spawn(async move { Lake::open(&location).await.map(|lake| lake.version()) })
            })
            .collect();
        for open in opens {
            runtime.block_on(open).unwrap().unwrap();
        }
    }
}
