//! Names of header fields. A server prints the same fields in the same order for one statement after the other, so the name that followed
//! the last one before is tried first; a guess costs one comparison and decides nothing.

/// What a header field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    QueryTime,
    LockTime,
    RowsSent,
    RowsExamined,
    RowsAffected,
    BytesSent,
    BytesReceived,
    ThreadId,
    Schema,
    ErrorCode,
    Killed,
    FullScan,
    FullJoin,
    TmpTable,
    TmpTableOnDisk,
    Filesort,
    FilesortOnDisk,
    MariadbQueryCache,
    QueryCache,
    TmpTables,
    TmpDiskTables,
    TmpTableSizes,
    MergePasses,
    RateLimit,
    TransactionId,
    StoredRoutine,
    Start,
    End,
    /// Worth keeping, and no more than that.
    Other,
}

/// Every name with a place of its own, and the others that servers print often.
const NAMES: &[(&[u8], Key)] = &[
    (b"Query_time", Key::QueryTime),
    (b"Time", Key::QueryTime),
    (b"Lock_time", Key::LockTime),
    (b"Rows_sent", Key::RowsSent),
    (b"Rows_examined", Key::RowsExamined),
    (b"Rows_affected", Key::RowsAffected),
    (b"Bytes_sent", Key::BytesSent),
    (b"Bytes_received", Key::BytesReceived),
    (b"Thread_id", Key::ThreadId),
    (b"Schema", Key::Schema),
    (b"Errno", Key::ErrorCode),
    (b"Last_errno", Key::ErrorCode),
    (b"Killed", Key::Killed),
    (b"Full_scan", Key::FullScan),
    (b"Full_join", Key::FullJoin),
    (b"Tmp_table", Key::TmpTable),
    (b"Tmp_table_on_disk", Key::TmpTableOnDisk),
    (b"Filesort", Key::Filesort),
    (b"Filesort_on_disk", Key::FilesortOnDisk),
    (b"QC_hit", Key::MariadbQueryCache),
    (b"QC_Hit", Key::QueryCache),
    (b"Tmp_tables", Key::TmpTables),
    (b"Created_tmp_tables", Key::TmpTables),
    (b"Tmp_disk_tables", Key::TmpDiskTables),
    (b"Created_tmp_disk_tables", Key::TmpDiskTables),
    (b"Tmp_table_sizes", Key::TmpTableSizes),
    (b"Merge_passes", Key::MergePasses),
    (b"Sort_merge_passes", Key::MergePasses),
    (b"Log_slow_rate_limit", Key::RateLimit),
    (b"InnoDB_trx_id", Key::TransactionId),
    (b"Stored_routine", Key::StoredRoutine),
    (b"Start", Key::Start),
    (b"End", Key::End),
    (b"Pages_accessed", Key::Other),
    (b"Pages_read", Key::Other),
    (b"Pages_prefetched", Key::Other),
    (b"Pages_updated", Key::Other),
    (b"Old_rows_read", Key::Other),
    (b"Pages_read_time", Key::Other),
    (b"Engine_time", Key::Other),
    (b"Priority_queue", Key::Other),
    (b"InnoDB_IO_r_ops", Key::Other),
    (b"InnoDB_IO_r_bytes", Key::Other),
    (b"InnoDB_IO_r_wait", Key::Other),
    (b"InnoDB_rec_lock_wait", Key::Other),
    (b"InnoDB_queue_wait", Key::Other),
    (b"InnoDB_pages_distinct", Key::Other),
    (b"Read_first", Key::Other),
    (b"Read_last", Key::Other),
    (b"Read_key", Key::Other),
    (b"Read_next", Key::Other),
    (b"Read_prev", Key::Other),
    (b"Read_rnd", Key::Other),
    (b"Read_rnd_next", Key::Other),
    (b"Sort_range_count", Key::Other),
    (b"Sort_rows", Key::Other),
    (b"Sort_scan_count", Key::Other),
];

/// Reads names, one after the other.
#[derive(Debug)]
pub(crate) struct Keys {
    /// For each name of `NAMES`, and for none, which one followed it.
    next: [u8; NAMES.len() + 1],
    last: usize,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            next: [0; NAMES.len() + 1],
            last: NAMES.len(),
        }
    }
}

impl Keys {
    /// The header of another record begins.
    pub(crate) fn begin(&mut self) {
        self.last = NAMES.len();
    }

    /// The name that `text` begins with, and its bytes without the colon; `None` when no name and colon stand there.
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<(Key, usize)> {
        let guess = usize::from(self.next[self.last]);
        let (name, key) = NAMES[guess];
        if text.get(name.len()) == Some(&b':') && text.starts_with(name) {
            self.last = guess;
            return Some((key, name.len()));
        }
        let bytes = text
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))
            .filter(|at| *at > 0 && text[*at] == b':')?;
        let Some(known) = NAMES.iter().position(|(name, _)| *name == &text[..bytes]) else {
            return Some((Key::Other, bytes));
        };
        self.next[self.last] = known as u8;
        self.last = known;
        Some((NAMES[known].1, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_guessed_is_what_is_read() {
        let mut keys = Keys::default();
        for _ in 0..3 {
            keys.begin();
            for (text, expect) in [
                ("Thread_id: 4", Some((Key::ThreadId, 9))),
                ("Schema: x", Some((Key::Schema, 6))),
                ("QC_hit: No", Some((Key::MariadbQueryCache, 6))),
                ("Unheard_of: 1", Some((Key::Other, 10))),
                ("Tmp_table_on_disk: No", Some((Key::TmpTableOnDisk, 17))),
                ("Tmp_table: No", Some((Key::TmpTable, 9))),
                ("Tmp_table No", None),
                (": No", None),
                ("", None),
            ] {
                assert_eq!(keys.read(text.as_bytes()), expect, "{text}");
            }
        }
    }
}
