//! InnoDB's report of a deadlock: which transactions waited for each other, what they ran, and which one was rolled back.

use memchr::memmem::find;

use crate::entry::{LogEntry, LogKind};
use crate::mysql::error_log::Head;
use crate::mysql::event::{Facts, between, digits_after, fact};
use crate::timestamp::number;

/// Transactions read of one report; InnoDB prints two, MariaDB as many as there are.
const TRANSACTIONS_MAX: usize = 16;

/// Whether a message begins a report.
pub(crate) fn is_begin(message: &[u8]) -> bool {
    find(
        &message[..message.len().min(64)],
        b"ransactions deadlock detected",
    )
    .is_some()
}

/// Whether a message is a part of the report before it.
pub(crate) fn is_part(message: &[u8]) -> bool {
    let text = message.strip_prefix(b"InnoDB:").unwrap_or(message).trim_ascii();
    text.is_empty() || text.starts_with(b"***")
}

/// Whether a line is the last of a report.
pub(crate) fn is_end(line: &[u8]) -> bool {
    find(line, b"*** WE ROLL BACK TRANSACTION").is_some()
}

/// Reads a whole report.
pub(crate) fn describe<'a>(report: &'a [u8], entry: &mut LogEntry<'a>, facts: &mut Facts<'a>) {
    entry.kind = LogKind::Deadlock;
    let transactions = transactions(report);
    entry.object = between(report, b" of table ", b" trx id").unwrap_or(b"");
    let threads: Vec<&[u8]> = transactions
        .iter()
        .map(|transaction| transaction.thread)
        .collect();
    fact(facts, "processes", threads.join(&b","[..]));
    for transaction in &transactions {
        for (name, value) in [
            ("statement", transaction.statement),
            ("transaction", transaction.id),
        ] {
            let name = [name.as_bytes(), b"_", transaction.thread].concat();
            facts.push((name.into(), value.into()));
        }
    }
    let rolled_back = digits_after(report, b"*** WE ROLL BACK TRANSACTION (").and_then(number);
    let victim = transactions
        .iter()
        .find(|transaction| Some(transaction.number) == rolled_back);
    if let Some(victim) = victim {
        fact(facts, "rolled_back", victim.thread);
        entry.session_id = number(victim.thread);
        entry.transaction_id = number(victim.id);
        entry.statement = victim.statement;
    }
}

/// One of the transactions of a report.
#[derive(Debug, Default, Clone, Copy)]
struct Transaction<'a> {
    /// Its number in the report, from 1.
    number: i64,
    id: &'a [u8],
    thread: &'a [u8],
    statement: &'a [u8],
}

fn transactions(report: &[u8]) -> Vec<Transaction<'_>> {
    let mut found: Vec<Transaction<'_>> = Vec::new();
    // Where the statement begins that the last line announced.
    let mut statement_at = None;
    let mut at = 0;
    for line in report.split_inclusive(|b| *b == b'\n') {
        let start = at;
        at += line.len();
        if let Some(number) = begins(line) {
            if found.len() == TRANSACTIONS_MAX {
                break;
            }
            found.push(Transaction {
                number,
                ..Transaction::default()
            });
            statement_at = None;
        }
        let Some(open) = found.last_mut() else { continue };
        if statement_at.is_some() && ends_statement(line) {
            statement_at = None;
        }
        if let Some(statement_at) = statement_at {
            open.statement = report[statement_at..start + line.len()].trim_ascii();
        } else if let Some(id) = line.strip_prefix(b"TRANSACTION ") {
            open.id = &id[..id.iter().take_while(|b| b.is_ascii_digit()).count()];
        } else if open.thread.is_empty() && find(line, b" thread handle ").is_some() {
            open.thread = digits_after(line, b" thread id ").unwrap_or(b"");
            statement_at = Some(at);
        }
    }
    found
}

/// The number of the transaction that begins in a line: `*** (1) TRANSACTION:`.
fn begins(line: &[u8]) -> Option<i64> {
    let digits = digits_after(line, b"*** (")?;
    let is_begin = find(line, b") TRANSACTION:").is_some();
    number(digits).filter(|_| is_begin)
}

fn ends_statement(line: &[u8]) -> bool {
    line.starts_with(b"*** ")
        || line.starts_with(b"RECORD LOCKS ")
        || line.starts_with(b"TABLE LOCK ")
        || Head::of(line).is_some()
}
