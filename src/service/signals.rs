//! What the system tells the process: to stop, or to read its configuration again.

use anyhow::Context;
use crossbeam_channel::{Receiver, unbounded};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Exit status of a process that is told twice to stop.
const TOLD_TWICE: i32 = 2;

/// What a process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT. The second one ends the process at once: nothing that is committed is lost by it.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Listens from now on.
pub(crate) fn signals(runtime: &Runtime) -> anyhow::Result<Receiver<Signal>> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen to SIGHUP")?;
    let (send, receive) = unbounded();
    runtime.spawn(async move {
        let mut is_told = false;
        loop {
            let told = tokio::select! {
                _ = terminate.recv() => Signal::Stop,
                _ = interrupt.recv() => Signal::Stop,
                _ = hang_up.recv() => Signal::Reload,
            };
            if is_told && told == Signal::Stop {
                std::process::exit(TOLD_TWICE);
            }
            is_told |= told == Signal::Stop;
            // Who does not listen any more is ending.
            let _ = send.send(told);
        }
    });
    Ok(receive)
}
