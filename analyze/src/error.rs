//! What can go wrong with a job, by who must act.

use slowlake_sql::SqlError;

/// Why a job gave no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyzeError {
    /// The lake could not be queried.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A time that was asked for cannot be read.
    #[error("\"{text}\" is no {what}")]
    Time {
        /// As given.
        text: String,
        /// What was expected there.
        what: &'static str,
    },
    /// A window that ends before it begins.
    #[error("the window ends at {to}, which is not after its begin at {from}")]
    EmptyWindow {
        /// Begin, RFC 3339.
        from: String,
        /// End, RFC 3339.
        to: String,
    },
    /// An order that is not known.
    #[error("\"{text}\" is no order; it is one of {known}")]
    Order {
        /// As given.
        text: String,
        /// The names that are known.
        known: String,
    },
}

impl AnalyzeError {
    /// What to do about it, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            AnalyzeError::Sql(error) => error.hint(),
            AnalyzeError::Time { .. } => {
                Some("write 2026-11-16, 2026-11-16T10:00:00Z, or 7d, 36h, 90m".to_owned())
            }
            AnalyzeError::EmptyWindow { .. } | AnalyzeError::Order { .. } => None,
        }
    }
}
