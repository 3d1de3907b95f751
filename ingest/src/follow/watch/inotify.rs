//! Linux tells of changes in folders. A thread waits for what it tells; it ends with the first change after its watches are dropped.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use inotify::{EventMask, Events, Inotify, WatchDescriptor, WatchMask, Watches};

use crate::follow::watch::Change;

/// Room for some hundred events at once.
const EVENT_BYTES: usize = 16 << 10;

/// Tells of changes in folders.
#[derive(Debug)]
pub(super) struct Teller {
    watches: Watches,
    folders: HashMap<PathBuf, WatchDescriptor>,
}

impl Teller {
    /// Calls `told` for every change, on a thread of its own. An error where the system has no more to give.
    pub(super) fn new(told: impl Fn(Change) + Send + 'static) -> io::Result<Teller> {
        let mut inotify = Inotify::init()?;
        let watches = inotify.watches();
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                let mut buffer = vec![0; EVENT_BYTES];
                while let Ok(events) = inotify.read_events_blocking(&mut buffer) {
                    told(change(events));
                }
            })?;
        Ok(Teller {
            watches,
            folders: HashMap::new(),
        })
    }

    /// Watches a folder and not those below it.
    pub(super) fn watch(&mut self, folder: &Path) -> io::Result<()> {
        let names = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE | WatchMask::MOVE_SELF;
        let watch = self.watches.add(
            folder,
            names | WatchMask::DELETE_SELF | WatchMask::MODIFY | WatchMask::ONLYDIR,
        )?;
        self.folders.insert(folder.to_owned(), watch);
        Ok(())
    }

    pub(super) fn unwatch(&mut self, folder: &Path) {
        if let Some(watch) = self.folders.remove(folder) {
            // A folder that was removed is not watched any more.
            let _ = self.watches.remove(watch);
        }
    }
}

/// What several events say together. Lost events may have been of any kind.
fn change(events: Events<'_>) -> Change {
    let mut events = events;
    match events.all(|event| event.mask == EventMask::MODIFY) {
        true => Change::Content,
        false => Change::Names,
    }
}
