//! The window of time that a command is asked for: `--from`, `--to`, `--last`.

use anyhow::Context;
use clap::Args;
use slowlake_analyze::TimeWindow;

use crate::output::with_hint;

/// The beginning of a window that has none, and the end of one that has none: all that a time can be.
const EVER: (&str, &str) = ("0001-01-01", "9999-12-30");

/// A window of time.
#[derive(Debug, Args)]
pub(crate) struct WindowArguments {
    /// Begin of the window, for example 2026-11-16, "2026-11-16 08:30" or 2026-11-16T08:30:00Z
    #[arg(long, value_name = "T", conflicts_with = "last")]
    from: Option<String>,
    /// End of the window, itself outside
    #[arg(long, value_name = "T", conflicts_with = "last")]
    to: Option<String>,
    /// The window up to now, for example 7d or 12h
    #[arg(long, value_name = "LENGTH")]
    last: Option<String>,
}

impl WindowArguments {
    /// The window that was asked for, if one was.
    pub(crate) fn resolve(&self) -> anyhow::Result<Option<TimeWindow>> {
        let window = match (&self.from, &self.to, &self.last) {
            (None, None, None) => return Ok(None),
            (_, _, Some(length)) => TimeWindow::last(length, jiff::Timestamp::now().as_microsecond()),
            (from, to, None) => {
                TimeWindow::between(from.as_deref().unwrap_or(EVER.0), to.as_deref().unwrap_or(EVER.1))
            }
        };
        window
            .map(Some)
            .map_err(|error| {
                let hint = error.hint();
                with_hint(error, hint)
            })
            .context("the window is not understood")
    }
}
