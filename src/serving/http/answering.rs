//! What accompanies an answer until it is over: its line in the audit, and a watch that ends a connection in which it is stuck.

use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::serving::Shared;
use crate::serving::audit::Answered;
use crate::serving::http::Caller;
use crate::serving::http::connections::Peer;

/// Why an answer has no end and no error: who asked went away.
const CANCELED: &str = "canceled";

/// Writes the audit's line when it is dropped.
pub(super) struct Record {
    shared: Arc<Shared>,
    caller: Caller,
    statement: String,
    began: Instant,
    rows: u64,
    failure: Option<&'static str>,
}

impl Record {
    /// Begins now.
    pub(super) fn new(shared: Arc<Shared>, caller: &Caller, statement: String) -> Record {
        Record {
            shared,
            caller: caller.clone(),
            statement,
            began: Instant::now(),
            rows: 0,
            failure: Some(CANCELED),
        }
    }

    /// So many rows were sent.
    pub(super) fn set_rows(&mut self, rows: u64) {
        self.rows = rows;
    }

    pub(super) fn succeeded(&mut self) {
        self.failure = None;
    }

    /// It failed, with the code of a problem.
    pub(super) fn failed(&mut self, code: &'static str) {
        self.failure = Some(code);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.shared.audit.write(&Answered {
            via: "http",
            user: &self.caller.owner,
            application: &self.caller.application,
            client: self.caller.peer.address,
            statement: &self.statement,
            rows: self.rows,
            elapsed: self.began.elapsed(),
            failure: self.failure,
        });
    }
}

/// Cuts a connection at a time, unless it is dropped before.
pub(super) struct Watch(AbortHandle);

impl Watch {
    pub(super) fn start(at: Instant, peer: Peer) -> Watch {
        let watching = tokio::spawn(async move {
            sleep_until(at).await;
            peer.cut();
        });
        Watch(watching.abort_handle())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
