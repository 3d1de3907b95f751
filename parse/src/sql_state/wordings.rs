//! The messages of failed statements that PostgreSQL sends most, with their SQLSTATEs: for logs that do not print the code, and to know
//! which parts of a message are names of the catalog. Data and one look-up; never decides what is shown.

use crate::postgres::log::wording::matches;

/// One wording. `{}` stands for what varies.
#[derive(Debug)]
pub(crate) struct Wording {
    /// The text.
    pub(crate) text: &'static str,
    /// Its SQLSTATE.
    pub(crate) code: &'static str,
    /// Which of its holes (1, 2, 4, …) hold the name of an object that the server found in its catalog, never what the client sent.
    pub(crate) names: u8,
}

/// The wording of a message without position. Wordings of one first byte are tried in their order, then those that begin with a hole.
pub(crate) fn wording(message: &[u8]) -> Option<&'static Wording> {
    let first = message.first()?;
    beginning_with(*first)
        .chain(beginning_with(b'{'))
        .find(|wording| matches(wording.text, message, |_| {}))
}

fn beginning_with(first: u8) -> impl Iterator<Item = &'static Wording> {
    let from = WORDINGS.partition_point(|wording| wording.text.as_bytes()[0] < first);
    WORDINGS[from..]
        .iter()
        .take_while(move |wording| wording.text.as_bytes()[0] == first)
}

const fn of(text: &'static str, code: &'static str, names: u8) -> Wording {
    Wording { text, code, names }
}

/// Ordered by the first byte.
#[rustfmt::skip]
const WORDINGS: &[Wording] = &[
    of("DELETE requires a WHERE clause", "21000", 0),
    of("FOR UPDATE is not allowed with {}", "0A000", 0),
    of("INSERT has more expressions than target columns", "42601", 0),
    of("INSERT has more target columns than expressions", "42601", 0),
    of("Ident authentication failed for user \"{}\"", "28000", 0),
    of("LIMIT must not be negative", "2201W", 0),
    of("LDAP authentication failed for user \"{}\"", "28000", 0),
    of("OFFSET must not be negative", "2201X", 0),
    of("ON CONFLICT DO UPDATE command cannot affect row a second time", "21000", 0),
    of("PAM authentication failed for user \"{}\"", "28000", 0),
    of("Peer authentication failed for user \"{}\"", "28000", 0),
    of("VACUUM cannot run inside a transaction block", "25001", 0),
    of("argument of {} must be type boolean, not type {}", "42804", 0),
    of("bind message supplies {} parameters, but prepared statement \"{}\" requires {}", "08P01", 0),
    of("cached plan must not change result type", "0A000", 0),
    of("canceling authentication due to timeout", "57014", 0),
    of("canceling autovacuum task", "57014", 0),
    of("canceling statement due to conflict with recovery", "40001", 0),
    of("canceling statement due to lock timeout", "55P03", 0),
    of("canceling statement due to statement timeout", "57014", 0),
    of("canceling statement due to user request", "57014", 0),
    of("cannot drop {} because other objects depend on it", "2BP01", 0),
    of("cannot execute {} during recovery", "25006", 0),
    of("cannot execute {} in a read-only transaction", "25006", 0),
    of("cannot insert a non-DEFAULT value into column \"{}\"", "428C9", 1),
    of("cannot insert multiple commands into a prepared statement", "42601", 0),
    of("column \"{}\" can only be updated to DEFAULT", "428C9", 1),
    of("column \"{}\" is of type {} but expression is of type {}", "42804", 1),
    of("column \"{}\" must appear in the GROUP BY clause or be used in an aggregate function", "42803", 1),
    of("column \"{}\" of relation \"{}\" already exists", "42701", 3),
    of("column \"{}\" of relation \"{}\" does not exist", "42703", 2),
    of("column \"{}\" specified more than once", "42701", 0),
    of("column \"{}\" does not exist", "42703", 0),
    of("column reference \"{}\" is ambiguous", "42702", 1),
    of("column {} does not exist", "42703", 0),
    of("could not connect to server \"{}\"", "08001", 1),
    of("could not create unique index \"{}\"", "23505", 1),
    of("could not determine data type of parameter ${}", "42P18", 0),
    of("could not extend file \"{}\": No space left on device", "53100", 0),
    of("could not extend file \"{}\": wrote only {} of {} bytes at block {}", "53100", 0),
    of("could not obtain lock on relation \"{}\"", "55P03", 1),
    of("could not obtain lock on row in relation \"{}\"", "55P03", 1),
    of("could not open file \"{}\": No such file or directory", "58P01", 0),
    of("could not read block {} in file \"{}\": {}", "XX001", 0),
    of("could not resize shared memory segment \"{}\" to {} bytes: No space left on device", "53100", 0),
    of("could not serialize access due to concurrent delete", "40001", 0),
    of("could not serialize access due to concurrent update", "40001", 0),
    of("could not serialize access due to read/write dependencies among transactions", "40001", 0),
    of("could not write to file \"{}\": No space left on device", "53100", 0),
    of("current transaction is aborted, commands ignored until end of transaction block", "25P02", 0),
    of("cursor \"{}\" already exists", "42P03", 0),
    of("cursor \"{}\" does not exist", "34000", 0),
    of("database \"{}\" already exists", "42P04", 0),
    of("database \"{}\" does not exist", "3D000", 0),
    of("database \"{}\" is being accessed by other users", "55006", 1),
    of("database \"{}\" is not currently accepting connections", "55000", 1),
    of("date/time field value out of range: {}", "22008", 0),
    of("deadlock detected", "40P01", 0),
    of("division by zero", "22012", 0),
    of("duplicate key value violates unique constraint \"{}\"", "23505", 1),
    of("extension \"{}\" already exists", "42710", 0),
    of("extra data after last expected column", "22P04", 0),
    of("function {} does not exist", "42883", 0),
    of("function {} is not unique", "42725", 0),
    of("index \"{}\" does not exist", "42704", 0),
    of("insert or update on table \"{}\" violates foreign key constraint \"{}\"", "23503", 3),
    of("integer out of range", "22003", 0),
    of("invalid byte sequence for encoding \"{}\": {}", "22021", 0),
    of("invalid escape sequence", "22025", 0),
    of("invalid input syntax for type {}: {}", "22P02", 0),
    of("invalid input value for enum {}: \"{}\"", "22P02", 0),
    of("invalid length of startup packet", "08P01", 0),
    of("invalid memory alloc request size {}", "XX000", 0),
    of("invalid reference to FROM-clause entry for table \"{}\"", "42P01", 0),
    of("invalid regular expression: {}", "2201B", 0),
    of("invalid value for parameter \"{}\": \"{}\"", "22023", 0),
    of("language \"{}\" does not exist", "42704", 0),
    of("malformed array literal: \"{}\"", "22P02", 0),
    of("missing FROM-clause entry for table \"{}\"", "42P01", 0),
    of("missing data for column \"{}\"", "22P04", 1),
    of("more than one row returned by a subquery used as an expression", "21000", 0),
    of("must be owner of {} {}", "42501", 0),
    of("must be superuser to {}", "42501", 0),
    of("new row for relation \"{}\" violates check constraint \"{}\"", "23514", 3),
    of("new row violates row-level security policy for table \"{}\"", "42501", 1),
    of("no partition of relation \"{}\" found for row", "23514", 1),
    of("no pg_hba.conf entry for {}", "28000", 0),
    of("null value in column \"{}\" of relation \"{}\" violates not-null constraint", "23502", 3),
    of("null value in column \"{}\" violates not-null constraint", "23502", 1),
    of("numeric field overflow", "22003", 0),
    of("operator does not exist: {}", "42883", 0),
    of("out of memory", "53200", 0),
    of("out of shared memory", "53200", 0),
    of("password authentication failed for user \"{}\"", "28P01", 0),
    of("permission denied for column {}", "42501", 1),
    of("permission denied for database {}", "42501", 1),
    of("permission denied for function {}", "42501", 1),
    of("permission denied for relation {}", "42501", 1),
    of("permission denied for schema {}", "42501", 1),
    of("permission denied for sequence {}", "42501", 1),
    of("permission denied for table {}", "42501", 1),
    of("permission denied for view {}", "42501", 1),
    of("permission denied to {}", "42501", 0),
    of("pg_hba.conf rejects {}", "28000", 0),
    of("prepared statement \"{}\" already exists", "42P05", 0),
    of("prepared statement \"{}\" does not exist", "26000", 0),
    of("query returned more than one row", "P0003", 0),
    of("query returned no rows", "P0002", 0),
    of("relation \"{}\" already exists", "42P07", 0),
    of("relation \"{}\" does not exist", "42P01", 0),
    of("remaining connection slots are reserved for {}", "53300", 0),
    of("replication slot \"{}\" already exists", "42710", 0),
    of("replication slot \"{}\" does not exist", "42704", 0),
    of("replication slot \"{}\" is active for PID {}", "55006", 1),
    of("requested WAL segment {} has already been removed", "58P01", 0),
    of("role \"{}\" already exists", "42710", 0),
    of("role \"{}\" cannot be dropped because some objects depend on it", "2BP01", 1),
    of("role \"{}\" does not exist", "28000", 0),
    of("role \"{}\" is not permitted to log in", "28000", 1),
    of("savepoint \"{}\" does not exist", "3B001", 0),
    of("schema \"{}\" already exists", "42P06", 0),
    of("schema \"{}\" does not exist", "3F000", 0),
    of("smallint out of range", "22003", 0),
    of("sorry, too many clients already", "53300", 0),
    of("source database \"{}\" is being accessed by other users", "55006", 1),
    of("stack depth limit exceeded", "54001", 0),
    of("subquery must return only one column", "42601", 0),
    of("subquery has too many columns", "42601", 0),
    of("syntax error at end of input", "42601", 0),
    of("syntax error at or near \"{}\"", "42601", 0),
    of("table \"{}\" does not exist", "42P01", 0),
    of("table name \"{}\" specified more than once", "42712", 0),
    of("temporary file size exceeds temp_file_limit ({}kB)", "53400", 0),
    of("terminating autovacuum process due to administrator command", "57P01", 0),
    of("terminating background worker \"{}\" due to administrator command", "57P01", 0),
    of("terminating connection because of crash of another server process", "57P02", 0),
    of("terminating connection due to administrator command", "57P01", 0),
    of("terminating connection due to conflict with recovery", "57P01", 0),
    of("terminating connection due to idle-in-transaction timeout", "25P03", 0),
    of("terminating connection due to idle-session timeout", "57P05", 0),
    of("terminating connection due to transaction timeout", "25P04", 0),
    of("the database system is in recovery mode", "57P03", 0),
    of("the database system is not accepting connections", "57P03", 0),
    of("the database system is not yet accepting connections", "57P03", 0),
    of("the database system is shutting down", "57P03", 0),
    of("the database system is starting up", "57P03", 0),
    of("there is already a transaction in progress", "25001", 0),
    of("there is no parameter ${}", "42P02", 0),
    of("there is no transaction in progress", "25P01", 0),
    of("there is no unique constraint matching given keys for referenced table \"{}\"", "42830", 1),
    of("there is no unique or exclusion constraint matching the ON CONFLICT specification", "42P10", 0),
    of("timestamp out of range: {}", "22008", 0),
    of("too many connections for database \"{}\"", "53300", 1),
    of("too many connections for role \"{}\"", "53300", 1),
    of("trigger \"{}\" for table \"{}\" does not exist", "42704", 2),
    of("tuple to be locked was already moved to another partition due to concurrent update", "40001", 0),
    of("trailing junk after numeric literal at or near \"{}\"", "42601", 0),
    of("type \"{}\" does not exist", "42704", 0),
    of("unrecognized configuration parameter \"{}\"", "42704", 0),
    of("unterminated quoted identifier at or near \"{}\"", "42601", 0),
    of("unterminated quoted string at or near \"{}\"", "42601", 0),
    of("update or delete on table \"{}\" violates RESTRICT setting of foreign key constraint \"{}\" on table \"{}\"", "23001", 7),
    of("update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"", "23503", 7),
    of("value \"{}\" is out of range for type {}", "22003", 0),
    of("value for domain {} violates check constraint \"{}\"", "23514", 2),
    of("value out of range: {}", "22003", 0),
    of("value too long for type {}", "22001", 0),
    of("{} cannot run inside a transaction block", "25001", 0),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql_state::condition;

    #[test]
    fn wordings_are_in_order_of_their_first_bytes_and_have_known_codes() {
        assert!(WORDINGS.is_sorted_by_key(|wording| wording.text.as_bytes()[0]));
        for wording in WORDINGS {
            assert!(condition(wording.code).is_some(), "{}", wording.text);
        }
    }

    #[track_caller]
    fn check(message: &str, code: &str) {
        assert_eq!(
            wording(message.as_bytes()).map(|wording| wording.code),
            Some(code),
            "{message}"
        );
    }

    #[test]
    fn messages_have_the_code_the_server_sends() {
        check(
            "duplicate key value violates unique constraint \"users_email_key\"",
            "23505",
        );
        check("column \"nope\" of relation \"orders\" does not exist", "42703");
        check("column \"nope\" does not exist", "42703");
        check("column o.nope does not exist", "42703");
        check("invalid input syntax for type integer: \"abc\"", "22P02");
        check("value too long for type character varying(10)", "22001");
        check(
            "null value in column \"a\" of relation \"t\" violates not-null constraint",
            "23502",
        );
        check("cannot execute UPDATE in a read-only transaction", "25006");
        check("permission denied for table orders", "42501");
        check("missing data for column \"quantity\"", "22P04");
        check(
            "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
            "25001",
        );
        assert!(wording(b"my own words").is_none());
    }
}
