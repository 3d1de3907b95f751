//! What every command that uses a lake has in common: which one, how it is opened, and how its errors say what to do next.

use std::error::Error;

use anyhow::Context;
use slowlake_sql::{Session, SessionSettings, SqlError};
use slowlake_store::{LOG_THREADS, Lake, LakeLocation, StoreError};
use tokio::runtime::Runtime;

use crate::clustering::with_cluster;
use crate::output::with_hint;
use crate::settings::Settings;

/// The lake that was named, or the environment's.
pub(crate) fn location(given: Option<&String>, settings: &Settings) -> anyhow::Result<LakeLocation> {
    let Some(text) = given.or(settings.lake.as_ref()) else {
        anyhow::bail!("no lake was named\nhint: give --lake URI or set SLOWLAKE_LAKE");
    };
    let location: LakeLocation = text.parse().map_err(store_error)?;
    Ok(location.with_environment(&settings.environment))
}

/// Threads for what waits for disks and networks, and for what encodes files: few, for the allocator keeps memory of its own for each. Some more
/// wait while a log is read.
pub(crate) fn runtime(settings: &Settings) -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads)
        .max_blocking_threads(settings.threads + LOG_THREADS)
        .enable_all()
        .build()
        .context("cannot start threads")
}

/// Threads for servers: some more, so that a statement that computes keeps nobody from being heard, and with deep stacks, for statements are read
/// by recursion.
pub(crate) fn serving_runtime(settings: &Settings) -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads * 2 + SERVING_THREADS)
        .max_blocking_threads(settings.threads + LOG_THREADS)
        .thread_stack_size(SERVING_STACK_BYTES)
        .enable_all()
        .build()
        .context("cannot start threads")
}

/// Threads of servers beside two for each processor.
const SERVING_THREADS: usize = 2;
/// Room for the deepest statement that is let through.
pub(crate) const SERVING_STACK_BYTES: usize = 16 << 20;

/// A lake that exists, and a session to ask it.
pub(crate) async fn open(location: &LakeLocation, settings: &Settings) -> anyhow::Result<(Lake, Session)> {
    let lake = Lake::open(location).await.map_err(store_error)?;
    let limits = SessionSettings {
        memory_limit_bytes: settings.memory_limit_bytes,
        threads: settings.threads,
    };
    let session = Session::open(&lake, limits).await.map_err(sql_error)?;
    let session = with_cluster(session, settings);
    Ok((lake, session))
}

/// An error of the lake with its cause, which has its own causes in it, and its next step.
pub(crate) fn store_error(error: StoreError) -> anyhow::Error {
    let hint = error.hint();
    match error.source() {
        Some(cause) => with_hint(format!("{error}: {cause}"), hint),
        None => with_hint(error, hint),
    }
}

/// An error of a query with its next step.
pub(crate) fn sql_error(error: SqlError) -> anyhow::Error {
    let hint = error.hint();
    with_hint(error, hint)
}
