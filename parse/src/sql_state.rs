//! SQLSTATEs of PostgreSQL and error numbers of MySQL: what each is called, and which one a message means that was logged without. Knows
//! codes and wordings, not logs.

mod conditions;
mod wordings;

pub(crate) use wordings::wording;

use conditions::{CLASSES, CONDITIONS, MYSQL_ERRORS};

/// The name of a condition of PostgreSQL: `unique_violation` for `23505`. `None` for a code that PostgreSQL does not have.
///
/// ```
/// assert_eq!(slowlake_parse::sql_state::condition("23505"), Some("unique_violation"));
/// ```
pub fn condition(code: &str) -> Option<&'static str> {
    find(CONDITIONS, code)
}

/// What the first two characters of a SQLSTATE say: `integrity_constraint_violation` for `23505`. `None` for an unknown class.
pub fn class(code: &str) -> Option<&'static str> {
    find(CLASSES, code.get(..2)?)
}

/// The symbol of an error number of MySQL and MariaDB, of those that are seen often: `ER_DUP_ENTRY` for 1062.
pub fn mysql_error(number: i64) -> Option<&'static str> {
    let at = MYSQL_ERRORS
        .binary_search_by_key(&number, |(number, _)| *number)
        .ok()?;
    Some(MYSQL_ERRORS[at].1)
}

fn find(table: &'static [(&'static str, &'static str)], code: &str) -> Option<&'static str> {
    let at = table.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    Some(table[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order() {
        assert!(CONDITIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CLASSES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(MYSQL_ERRORS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn every_condition_has_a_class() {
        for (code, name) in CONDITIONS {
            assert!(code.len() == 5 && class(code).is_some(), "{code} {name}");
        }
    }

    #[test]
    fn codes_and_names() {
        assert_eq!(condition("40P01"), Some("deadlock_detected"));
        assert_eq!(condition("57014"), Some("query_canceled"));
        assert_eq!(condition("99999"), None);
        assert_eq!(class("40P01"), Some("transaction_rollback"));
        assert_eq!(class("é"), None);
        assert_eq!(mysql_error(1213), Some("ER_LOCK_DEADLOCK"));
        assert_eq!(mysql_error(1), None);
    }
}
