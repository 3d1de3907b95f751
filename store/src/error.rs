//! What can go wrong with a lake, sorted by who must act. Never retries or logs: it only says what happened and what to do.

use std::error::Error as StdError;
use std::fmt;

use crate::cloud::{Service, Trouble};
use crate::location::LakeLocation;

/// A cause from below (the table library, the object store, Parquet), kept for its message and its own causes.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// Why a lake could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The text is not a place a lake can be at. The user corrects it.
    #[error("{given:?} is not a lake location: {reason}")]
    Location {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The environment's settings for a cloud's storage are incomplete or wrong. The user corrects them.
    #[error("cannot use {location} with these settings: {reason}")]
    Settings {
        /// Where the lake is.
        location: LakeLocation,
        /// What is missing or wrong.
        reason: String,
    },

    /// Nothing answers where the storage should be. The user corrects the address, or waits for the network.
    #[error("cannot reach {location}: {reason}")]
    Unreachable {
        /// Where the lake is.
        location: LakeLocation,
        /// The address and what happened there.
        reason: String,
    },

    /// The storage knows no such bucket. The user corrects the name or makes the bucket; slowlake makes none.
    #[error("there is no bucket {bucket:?} for {location}")]
    NoBucket {
        /// Where the lake is.
        location: LakeLocation,
        /// The bucket.
        bucket: String,
    },

    /// The storage does not accept the credentials, or they do not allow what was attempted. The user corrects them.
    #[error("access to {location} was refused: {reason}")]
    Refused {
        /// Where the lake is.
        location: LakeLocation,
        /// The storage's words, and where the credentials are from.
        reason: String,
    },

    /// The storage does not refuse to replace files, so writers of one lake would overwrite each other's commits. The user chooses another.
    #[error("the storage of {location} cannot hold a lake: {reason}")]
    NoConditionalPut {
        /// Where the lake is.
        location: LakeLocation,
        /// What it did.
        reason: String,
    },

    /// There is nothing at the location. The user corrects it or ingests something first.
    #[error("there is no lake at {location}")]
    NotFound {
        /// Where it was looked for.
        location: LakeLocation,
    },

    /// The location holds other files. The user chooses another one.
    #[error("{location} is not a lake: it holds other files, among them {found:?}")]
    NotEmpty {
        /// Where a lake was to be opened or made.
        location: LakeLocation,
        /// One of the files that are there.
        found: String,
    },

    /// The location holds a Delta table that slowlake did not make.
    #[error("{location} is a Delta table but not a slowlake lake: it has no property {property}")]
    NotALake {
        /// The table's place.
        location: LakeLocation,
        /// The missing table property.
        property: &'static str,
    },

    /// The lake was made or changed by a later version. The user upgrades.
    #[error(
        "{location} was written by a newer slowlake: its {property} is {found}, this one knows up to {known}"
    )]
    Newer {
        /// The lake's place.
        location: LakeLocation,
        /// The table property that says so.
        property: &'static str,
        /// Its value.
        found: String,
        /// The largest value this version understands.
        known: i64,
    },

    /// Rows of this version would not agree with those in the lake. The user migrates the lake or keeps the older version.
    #[error("{location} holds fingerprints of version {found}, this slowlake makes version {known}")]
    Fingerprints {
        /// The lake's place.
        location: LakeLocation,
        /// The lake's version.
        found: String,
        /// This program's version.
        known: i64,
    },

    /// Someone gave the table a Delta feature without which every file is plain Parquet, and with which it is not.
    #[error("{location} uses {feature}, which slowlake cannot read")]
    Unsupported {
        /// The lake's place.
        location: LakeLocation,
        /// The feature, in words.
        feature: &'static str,
    },

    /// The table was deleted and made anew, or an older copy put back, while it was open.
    #[error("{location} is no longer the lake that was opened")]
    Replaced {
        /// The lake's place.
        location: LakeLocation,
    },

    /// The newest commit did not arrive whole. The operator puts back what is lost, or takes that commit back.
    #[error(
        "the lake at {location} is damaged: {file}{} {damage}",
        of_commit(file, commit)
    )]
    Damaged {
        /// The lake's place.
        location: LakeLocation,
        /// The log entry of the newest commit, relative to the table's directory.
        commit: String,
        /// The damaged file, relative to the table's directory: the log entry itself, or one that it names.
        file: String,
        /// What is wrong with it.
        damage: CommitDamage,
    },

    /// No space (or quota) is left. The lake itself is intact; the operator makes room.
    #[error("no space left for the lake at {location}")]
    DiskFull {
        /// The lake's place.
        location: LakeLocation,
        /// The system's words.
        #[source]
        cause: Cause,
    },

    /// The caller's progress does not go forward. A defect in the caller.
    #[error("progress of {app_id:?} cannot go from {prev:?} to {next}")]
    Progress {
        /// The unit of progress.
        app_id: String,
        /// Where it is said to have been.
        prev: Option<i64>,
        /// Where it is said to be.
        next: i64,
    },

    /// Other writers were faster every time. Nothing of the commit is in the lake; try again later or with fewer writers.
    #[error(
        "gave up committing to {location} after {attempts} attempts: other writers were faster each time"
    )]
    Contention {
        /// The lake's place.
        location: LakeLocation,
        /// How many times it was tried.
        attempts: u32,
    },

    /// A commit failed and the lake could not be read afterwards, so it may or may not have landed. Open the lake again and ask
    /// for the watermarks before anything is sent twice.
    #[error("cannot tell whether the last commit reached {location}")]
    Unsettled {
        /// The lake's place.
        location: LakeLocation,
        /// Why it could not be read.
        #[source]
        cause: Cause,
    },

    /// The storage or the table's log refused.
    #[error("cannot {action} the lake at {location}")]
    Storage {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The lake's place.
        location: LakeLocation,
        /// What it said.
        #[source]
        cause: Cause,
    },

    /// A time to keep something that would break a promise of the lake. The user chooses another one.
    #[error("cannot keep {what} for {given_days} days: {reason}")]
    Retention {
        /// What was to be kept.
        what: &'static str,
        /// How long.
        given_days: u32,
        /// Why that cannot be.
        reason: String,
    },

    /// Sorting rows gave more or fewer than there were, or than the log says there are. Nothing was changed.
    #[error("compacting {partition} in {location} would make {rows_out} rows of {rows_in}")]
    RowsLost {
        /// The lake's place.
        location: LakeLocation,
        /// The partition, in words.
        partition: String,
        /// How many there are by the log.
        rows_in: u64,
        /// How many came out.
        rows_out: u64,
    },

    /// Rows could not be turned into Parquet. A defect of this crate.
    #[error("cannot encode rows as Parquet")]
    Encode(#[source] Cause),
}

/// What is wrong with a file of the newest commit. Completes the sentence that begins with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitDamage {
    /// The log entry has no bytes.
    Empty,
    /// The log entry ends too early, or is not JSON.
    CutShort,
    /// A data file is not there.
    Missing,
    /// A data file has another size than the log says, in bytes.
    Size {
        /// By the log.
        expected: u64,
        /// On the storage.
        found: u64,
    },
}

impl fmt::Display for CommitDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitDamage::Empty => f.write_str("is empty"),
            CommitDamage::CutShort => f.write_str("is cut short"),
            CommitDamage::Missing => f.write_str("is missing"),
            CommitDamage::Size { expected, found } => write!(f, "has {found} bytes instead of {expected}"),
        }
    }
}

/// Says which commit a file belongs to, unless it is that commit's own.
fn of_commit(file: &str, commit: &str) -> String {
    if file == commit {
        String::new()
    } else {
        format!(", a file of its newest commit {commit},")
    }
}

impl StoreError {
    /// The next step for the person at the terminal, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Location { .. } => Some("name a folder, such as ./lake, or a bucket's URL, such as s3://bucket/lake".to_owned()),
            StoreError::NotFound { location } => {
                Some(format!("make one with: slowlake ingest PATH… --lake {location}"))
            }
            StoreError::NotEmpty { .. } | StoreError::NotALake { .. } => {
                Some("name an empty or a new directory; slowlake never writes among other files".to_owned())
            }
            StoreError::Newer { .. } => Some("use the slowlake that wrote it, or a later one".to_owned()),
            StoreError::Fingerprints { .. } => {
                Some("ingest with the slowlake that made the lake, or into a new lake".to_owned())
            }
            StoreError::Unreachable { location, .. } => {
                Some(location.service().map(Service::endpoint_hint)?.to_owned())
            }
            StoreError::Refused { location, .. } | StoreError::Settings { location, .. } => {
                Some(location.service().map(Service::credentials_hint)?.to_owned())
            }
            StoreError::NoBucket { .. } => {
                Some("correct the name, or make the bucket: slowlake makes lakes, but no buckets".to_owned())
            }
            StoreError::NoConditionalPut { .. } => Some(
                "use storage that knows If-None-Match on writes, such as Amazon S3, Google Cloud Storage, Azure or MinIO".to_owned(),
            ),
            StoreError::Damaged { commit, file, .. } => Some(format!(
                "put {file} back from a copy of the lake; without one, move {commit} away while nothing writes: then that commit never \
                 was, and ingest reads its part of the logs again"
            )),
            StoreError::DiskFull { .. } => {
                Some("make room and run the same command again: it goes on where it stopped".to_owned())
            }
            StoreError::RowsLost { location, .. } => Some(format!(
                "find out which file is not as the log says with: slowlake maintain --fsck --lake {location}"
            )),
            StoreError::Replaced { .. } | StoreError::Unsettled { .. } => {
                Some("run the command again: it goes on from what the lake has".to_owned())
            }
            _ => None,
        }
    }

    /// Wraps a cause from below; a full disk, or a refusal of a cloud's storage, anywhere among its causes is reported as such.
    pub(crate) fn storage(
        action: &'static str,
        location: &LakeLocation,
        cause: impl Into<Cause>,
    ) -> StoreError {
        let (location, cause) = (location.clone(), cause.into());
        if let Some(trouble) = Trouble::among(cause.as_ref()).cloned() {
            StoreError::trouble(location, trouble)
        } else if is_disk_full(cause.as_ref()) {
            StoreError::DiskFull { location, cause }
        } else {
            StoreError::Storage {
                action,
                location,
                cause,
            }
        }
    }

    fn trouble(location: LakeLocation, trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::NoBucket { bucket } => StoreError::NoBucket { location, bucket },
            Trouble::Unreachable { reason } => StoreError::Unreachable { location, reason },
            Trouble::Refused { .. } | Trouble::NoCredentials => StoreError::Refused {
                location,
                reason: trouble.to_string(),
            },
        }
    }
}

/// Whether any cause in the chain is the system's "no space" or "over quota".
pub(crate) fn is_disk_full(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        {
            return true;
        }
        next = error.source();
    }
    false
}
