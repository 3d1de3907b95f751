//! Numbered tables as one: `events_20240131` becomes `events_?`.
//!
//! Only for names the walk has found to be tables, wherever the statement uses them; dates, shard numbers, UUIDs and
//! hashes are masked, short numbers are taken to mean something.

use std::collections::BTreeSet;

use super::super::dialect::Dialect;
use super::super::form::{Form, Kind, Token, flag};
use super::super::keyword::Keyword;
use super::spell;

/// Shorter runs of digits are kept.
const DIGITS_MIN: usize = 4;

const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const HASH_DIGITS: usize = 32;

/// Masks the names of the tables found.
pub(super) fn mask(form: &mut Form, text: &[u8], found: &[(usize, usize)], dialect: Dialect) {
    let name_of = |form: &Form, token: &Token| {
        let mut name = Vec::new();
        spell(form, text, token, dialect, &mut name);
        name
    };
    let tables: BTreeSet<Vec<u8>> = found
        .iter()
        .map(|&(_, end)| name_of(form, &form.tokens[end - 1]))
        .filter(|name| masked(name) != *name)
        .collect();
    if tables.is_empty() {
        return;
    }
    let renamed: Vec<Option<Vec<u8>>> = form
        .tokens
        .iter()
        .map(|token| (token.is_name() && token.keyword == Keyword::None).then(|| name_of(form, token)))
        .map(|name| {
            name.filter(|name| tables.contains(name))
                .map(|name| masked(&name))
        })
        .collect();
    let mut renamed = renamed.into_iter();
    form.rename(text, |token, room| {
        if let Some(name) = renamed.next().flatten() {
            token.start = room.len() as u32;
            room.extend(name);
            token.end = room.len() as u32;
            token.kind = Kind::Quoted;
            token.flags |= flag::MASKED;
        }
    });
}

/// The name with its long numbers replaced by `?`.
fn masked(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(&byte) = rest.first() {
        let number = uuid(rest)
            .or_else(|| hash(rest))
            .or_else(|| digits(rest))
            .unwrap_or(0);
        if number > 0 {
            out.push(b'?');
            rest = &rest[number..];
            continue;
        }
        // A run is taken whole or not at all.
        let kept = run(rest, u8::is_ascii_digit).max(1);
        debug_assert!(byte == rest[0]);
        out.extend(&rest[..kept]);
        rest = &rest[kept..];
    }
    out
}

fn digits(name: &[u8]) -> Option<usize> {
    let length = run(name, u8::is_ascii_digit);
    (length >= DIGITS_MIN).then_some(length)
}

fn hash(name: &[u8]) -> Option<usize> {
    (run(name, u8::is_ascii_hexdigit) == HASH_DIGITS).then_some(HASH_DIGITS)
}

/// A UUID with `-` or `_` between its groups.
fn uuid(name: &[u8]) -> Option<usize> {
    let mut at = 0;
    for (index, group) in UUID_GROUPS.into_iter().enumerate() {
        if index > 0 {
            matches!(name.get(at), Some(b'-' | b'_')).then_some(())?;
            at += 1;
        }
        (run(&name[at..], u8::is_ascii_hexdigit) == group).then_some(())?;
        at += group;
    }
    Some(at)
}

fn run(name: &[u8], is_part: fn(&u8) -> bool) -> usize {
    name.iter().take_while(|byte| is_part(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_a_machine_has_numbered() {
        let cases = [
            ("t1", "t1"),
            ("t_123", "t_123"),
            ("t_2024", "t_?"),
            ("t_20240131_v2", "t_?_v2"),
            ("log_2024_01_31", "log_?_01_31"),
            ("tmp_0bc5e685a5d3d45aa1d0347fdb7c4d00", "tmp_?"),
            ("x_123e4567-e89b-12d3-a456-426614174000", "x_?"),
            ("x_123e4567_e89b_12d3_a456_426614174000_y", "x_?_y"),
        ];
        for (name, expect) in cases {
            assert_eq!(String::from_utf8_lossy(&masked(name.as_bytes())), expect);
        }
    }
}
