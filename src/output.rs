//! Where a command's answer goes: standard output or a file. Data only; everything else goes to standard error.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Writes `text` to `file`, or to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn write(text: &str, file: Option<&PathBuf>) -> anyhow::Result<()> {
    if let Some(path) = file {
        return write_file(text, path);
    }
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn write_file(text: &str, path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// One line on standard error: `error: …`, `warning: …`, `hint: …`.
#[expect(
    clippy::print_stderr,
    reason = "the one place that speaks to people beside the answer"
)]
pub(crate) fn say(kind: &str, text: &str) {
    eprintln!("{kind}: {text}");
}

/// An error with its next step on a line of its own.
pub(crate) fn with_hint(error: impl std::fmt::Display, hint: Option<String>) -> anyhow::Error {
    match hint {
        Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}
