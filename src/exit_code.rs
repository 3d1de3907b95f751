//! What the process says when it ends. Nothing else decides an exit status.

use std::process;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Everything was read and done.
    Ok,
    /// It ran, but rejected bytes, failed on some of its inputs, or found what it was asked to fail on.
    Found,
    /// It failed.
    Failed,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> process::ExitCode {
        process::ExitCode::from(match code {
            ExitCode::Ok => 0,
            ExitCode::Found => 1,
            ExitCode::Failed => 2,
        })
    }
}
