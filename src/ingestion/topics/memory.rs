//! What the lake remembers of a partition besides how far it is: of each log in it the format, the record that was not whole yet, and earlier
//! records that later ones need. Written into the detail of ledger rows and read back from there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The key in a ledger row's detail.
const KEY: &str = "topic";

/// What is remembered of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartitionMemory {
    /// Offset up to which all messages were looked at. It may be ahead of the lake's progress, which stays behind while a record is not whole.
    pub(super) read: u64,
    pub(super) logs: Vec<LogMemory>,
}

/// What is remembered of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogMemory {
    pub(super) server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    pub(super) file: String,
    /// The format's key, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
    /// How many bytes of it were decoded since it was first seen.
    pub(super) at: u64,
    /// Offset and byte of the first record that was not whole; `None` if all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begin: Option<[u64; 2]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) contexts: Vec<ContextMemory>,
}

/// An earlier record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContextMemory {
    /// How many bytes of the log were before it.
    pub(super) start: u64,
    pub(super) pieces: Vec<PieceMemory>,
}

/// Some bytes of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "[u64; 3]", from = "[u64; 3]")]
pub(super) struct PieceMemory {
    pub(super) offset: u64,
    /// Where they begin in the text of the message's lines.
    pub(super) byte: u64,
    pub(super) bytes: u64,
}

impl From<PieceMemory> for [u64; 3] {
    fn from(piece: PieceMemory) -> [u64; 3] {
        [piece.offset, piece.byte, piece.bytes]
    }
}

impl From<[u64; 3]> for PieceMemory {
    fn from([offset, byte, bytes]: [u64; 3]) -> PieceMemory {
        PieceMemory { offset, byte, bytes }
    }
}

impl PartitionMemory {
    /// As a part of a ledger row's detail.
    pub(super) fn to_json(&self) -> Value {
        // Texts and numbers only: nothing of it can fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What a ledger row's detail says of a partition.
    pub(super) fn of_detail(detail: &str) -> Option<PartitionMemory> {
        let mut detail: Value = serde_json::from_str(detail).ok()?;
        serde_json::from_value(detail.get_mut(KEY)?.take()).ok()
    }

    /// The first offset of a message that is not in the lake as a whole.
    pub(super) fn open_from(&self) -> u64 {
        let begins = self.logs.iter().filter_map(|log| log.begin);
        begins
            .map(|[offset, _]| offset)
            .min()
            .unwrap_or(self.read)
            .min(self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_back() {
        let memory = PartitionMemory {
            read: 12,
            logs: vec![
                LogMemory {
                    server: "a".to_owned(),
                    file: "f".to_owned(),
                    at: 70,
                    begin: Some([9, 3]),
                    ..LogMemory::default()
                },
                LogMemory {
                    server: "b".to_owned(),
                    cluster: Some("c".to_owned()),
                    format: Some("mysql-slow".to_owned()),
                    contexts: vec![ContextMemory {
                        start: 5,
                        pieces: vec![PieceMemory {
                            offset: 1,
                            byte: 2,
                            bytes: 3,
                        }],
                    }],
                    ..LogMemory::default()
                },
            ],
        };
        let detail = serde_json::json!({ "format": "x", KEY: memory.to_json() }).to_string();
        assert_eq!(PartitionMemory::of_detail(&detail), Some(memory.clone()));
        assert_eq!(memory.open_from(), 9);
        assert_eq!(PartitionMemory::of_detail("{}"), None);
        assert_eq!(PartitionMemory::of_detail("{"), None);
    }
}
