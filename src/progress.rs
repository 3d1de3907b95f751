//! Progress on a terminal: a bar where there is a number to watch, else what is being done. Counts nothing itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use slowlake_ingest::Source;

use crate::settings::Settings;

/// A progress bar for what takes longer than a second.
pub(crate) struct Progress {
    /// Bytes read from disk, counted by whoever reads.
    pub(crate) bytes: Arc<AtomicU64>,
    stop: Option<(crossbeam_channel::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Progress {
    /// Watches `bytes` on a thread of its own, if a person looks.
    pub(crate) fn start(settings: &Settings, sources: &[Source]) -> Progress {
        let bytes = Arc::new(AtomicU64::new(0));
        if !settings.progress {
            return Progress { bytes, stop: None };
        }
        let total: Option<u64> = sources.iter().map(|source| source.bytes_on_disk).sum();
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let watched = bytes.clone();
        let watcher = std::thread::spawn(move || {
            if stopped.recv_timeout(Duration::from_secs(1)).is_ok() {
                return;
            }
            let bar = match total {
                Some(total) => indicatif::ProgressBar::new(total),
                None => indicatif::ProgressBar::new_spinner(),
            };
            if let Ok(style) = indicatif::ProgressStyle::with_template(
                "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            ) {
                bar.set_style(style);
            }
            while stopped.recv_timeout(Duration::from_millis(200)).is_err() {
                bar.set_position(watched.load(Ordering::Relaxed));
            }
            bar.finish_and_clear();
        });
        Progress {
            bytes,
            stop: Some((stop, watcher)),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some((stop, watcher)) = self.stop {
            let _ = stop.send(());
            let _ = watcher.join();
        }
    }
}

/// The name of what is being done and for how long, on a terminal, for what takes longer than a second and cannot say how far it is.
pub(crate) struct Spinner(Option<indicatif::ProgressBar>);

impl Spinner {
    /// Begins to turn, if a person looks.
    pub(crate) fn start(settings: &Settings, what: &'static str) -> Spinner {
        let bar = settings.progress.then(|| {
            let bar = indicatif::ProgressBar::new_spinner().with_message(what);
            if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        Spinner(bar)
    }

    /// Takes it away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
