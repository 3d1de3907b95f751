//! Which names rotating tools give the files they put aside. Knows names only, never a file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Endings of compressed files, which come after all others.
const ARCHIVE_ENDINGS: [&[u8]; 6] = [b".gz", b".zst", b".bz2", b".xz", b".lzma", b".Z"];
/// What stands for a number in a name that is put aside only once.
const WORDS: [&[u8]; 4] = [b"old", b"bak", b"prev", b"backup"];

/// The names that a file may have had before it was put aside as `name`: `db.log` for `db.log.1`, `db.log-20261123.gz`, `db.log.old`, and
/// for `db-20261123.log`. Mostly none.
pub(super) fn names_before(name: &OsStr) -> Vec<OsString> {
    let name = without_archive_ending(name.as_bytes());
    let mut before = Vec::new();
    for at in 1..name.len().saturating_sub(1) {
        if !matches!(name[at], b'.' | b'-' | b'_') {
            continue;
        }
        let (stem, rest) = (&name[..at], &name[at + 1..]);
        let starts_with_number = rest[0].is_ascii_digit();
        if starts_with_number || WORDS.contains(&rest) {
            before.push(OsString::from_vec(stem.to_vec()));
        }
        if let Some(ending) = ending_after_number(rest).filter(|_| starts_with_number) {
            before.push(OsString::from_vec([stem, ending].concat()));
        }
    }
    before
}

/// A name with each number in it replaced: that of all files which one server writes one after the other, dated by itself.
pub(super) fn shape(name: &OsStr) -> OsString {
    let mut shape = Vec::new();
    for byte in without_archive_ending(name.as_bytes()) {
        match byte.is_ascii_digit() {
            true if shape.ends_with(b"#") => {}
            true => shape.push(b'#'),
            false => shape.push(*byte),
        }
    }
    OsString::from_vec(shape)
}

fn without_archive_ending(name: &[u8]) -> &[u8] {
    let without = |ending: &&[u8]| name.strip_suffix(*ending);
    ARCHIVE_ENDINGS.iter().find_map(without).unwrap_or(name)
}

/// The ending, with its dot, of something like `20261123.log`: what follows is no part of a date or a number.
fn ending_after_number(rest: &[u8]) -> Option<&[u8]> {
    let at = rest.iter().rposition(|byte| *byte == b'.')?;
    let (number, ending) = rest.split_at(at);
    let is_number = number
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"-_.:T".contains(byte));
    (is_number && ending.len() > 1 && !ending[1].is_ascii_digit()).then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expect: &[&str]) {
        assert_eq!(names_before(OsStr::new(name)), expect, "{name}");
    }

    #[test]
    fn names_that_rotation_gives() {
        check("db.log.1", &["db.log"]);
        check("db.log.12.gz", &["db.log"]);
        check("db.log-20261123", &["db.log"]);
        check("db.log-20261123-10.zst", &["db.log", "db.log-20261123"]);
        check("db-20261123.log", &["db", "db.log"]);
        check("db.log.old", &["db.log"]);
        check("slow.1.log", &["slow", "slow.log"]);
    }

    #[test]
    fn names_of_their_own() {
        check("db.log", &[]);
        check("db.log.older", &[]);
        check("db1.log", &[]);
        check("db.", &[]);
        check(".1", &[]);
        check("", &[]);
        // Two servers' logs, not one put aside: only where a `postgresql.log` is followed would it be taken for its.
        check("postgresql-17-main.log", &["postgresql"]);
    }

    #[test]
    fn dated_files_of_one_server_have_one_shape() {
        let shapes = ["pg-2026-11-23_000000.log", "pg-2026-11-24_093012.log.gz"];
        let [a, b] = shapes.map(|name| shape(OsStr::new(name)));
        assert_eq!(a, b);
        assert_ne!(a, shape(OsStr::new("pg-Mon.log")));
    }
}
