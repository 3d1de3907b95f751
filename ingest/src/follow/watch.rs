//! Waits until something may have changed: told by the operating system where it can tell, by the clock where not. Says that something
//! happened, never what; who was woken looks for himself.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(not(target_os = "linux"))]
mod untold;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use self::inotify::Teller;
#[cfg(not(target_os = "linux"))]
use self::untold::Teller;

/// The shortest wait: what is written meanwhile is read at once afterwards.
const REST: Duration = Duration::from_millis(50);
/// The longest wait where nobody tells of a change.
const POLL: Duration = Duration::from_millis(250);

/// Wakes whoever waits in [`Follower::wait`](super::Follower::wait), from any thread.
#[derive(Debug, Clone)]
pub struct Waker(SyncSender<()>);

impl Waker {
    /// Ends a wait now, or the next one if there is none.
    pub fn wake(&self) {
        // Full means that a wake-up waits to be seen already.
        let _ = self.0.try_send(());
    }
}

/// What is told of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Files came, went or got other names.
    Names,
    /// Something was written.
    Content,
}

/// Watches folders.
#[derive(Debug)]
pub(super) struct Watch {
    /// `None` where changes are found by looking.
    teller: Option<Teller>,
    folders: HashSet<PathBuf>,
    waker: Waker,
    woken: Receiver<()>,
    /// Names came or went since the last look at the folders.
    names_changed: Arc<AtomicBool>,
}

impl Watch {
    /// A watch that is told of changes, or only looks every now and then.
    pub(super) fn new(is_told: bool) -> Watch {
        let (send, woken) = sync_channel(1);
        let waker = Waker(send);
        let names_changed = Arc::new(AtomicBool::new(false));
        let told = {
            let (waker, names_changed) = (waker.clone(), names_changed.clone());
            move |change| {
                if change == Change::Names {
                    names_changed.store(true, Ordering::Relaxed);
                }
                waker.wake();
            }
        };
        Watch {
            // Where the system has no more watches to give, looking does.
            teller: is_told.then(|| Teller::new(told).ok()).flatten(),
            folders: HashSet::new(),
            waker,
            woken,
            names_changed,
        }
    }

    /// Watches these folders from now on, and no others. `false` when changes in them are found by looking only.
    pub(super) fn set_folders(&mut self, folders: HashSet<PathBuf>) -> bool {
        let Some(teller) = &mut self.teller else {
            return false;
        };
        for gone in self.folders.difference(&folders) {
            teller.unwatch(gone);
        }
        let is_complete = folders
            .difference(&self.folders)
            .all(|folder| teller.watch(folder).is_ok());
        if is_complete {
            self.folders = folders;
        } else {
            self.teller = None;
        }
        is_complete
    }

    /// Whether names came or went in a watched folder since the last call.
    pub(super) fn take_names_changed(&self) -> bool {
        self.names_changed.swap(false, Ordering::Relaxed)
    }

    /// Waits for a change or a wake-up, at most this long.
    pub(super) fn wait(&self, longest: Duration) {
        let began = Instant::now();
        let longest = match self.teller {
            Some(_) => longest,
            None => longest.min(POLL),
        };
        if self.woken.recv_timeout(longest).is_ok() {
            std::thread::sleep(REST.saturating_sub(began.elapsed()).min(longest));
        }
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// The folder of a file, to be watched; the current one where the path does not say.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
