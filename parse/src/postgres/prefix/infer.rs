//! Finds out which `log_line_prefix` a log has from its first lines: well-known settings first, then one built from the shape of a line.
//! Also reads a single line whose prefix is none of these.

use memchr::memmem;

use crate::postgres::prefix::{Head, Label, PREFIX_BYTES_MAX, Prefix, label};
use crate::timestamp::{TimestampReader, epoch};

/// Lines of a head that are looked at.
const SAMPLES_MAX: usize = 400;
/// Longest lines that a setting is built from.
const BUILD_MAX: usize = 6;

/// Settings of distributions, clouds and handbooks.
const KNOWN: &[&str] = &[
    "%m [%p] %q%u@%d ",
    "%m [%p] ",
    "%t [%p]: ",
    "%t [%p] ",
    "%t [%p]: [%l-1] ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] %q%u@%d/%a %h ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    "%m [%p] %u@%d ",
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]: ",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%t:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,host=%h,app=%a ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t [%p]: [%l-1] user=%u,db=%d,client=%h ",
    "%m [%p] user=%u,db=%d,app=%a,client=%h ",
    "%t-%c-",
    // Inside wrappers that tell the time.
    "sql_error_code = %e ",
    "[%p]: [%l-1] db=%d,user=%u ",
    "db=%d,user=%u,app=%a,client=%h ",
];

/// The prefix of a log that begins with `head`, and the share (0 to 1) of its labelled lines that the prefix matches. `None` without any
/// labelled line.
pub(crate) fn infer(head: &[u8]) -> Option<(Prefix, f64)> {
    let samples = samples(head);
    if samples.is_empty() {
        return None;
    }
    let mut best = Best {
        samples: &samples,
        prefix: Prefix::guessed(""),
        score: 0,
    };
    for setting in KNOWN {
        best.consider(setting);
    }
    // A setting that was changed while the log was written matches a part of it; the lines of the other are read alone.
    if best.score * 2 < samples.len() {
        build_from_longest(&samples, &mut best);
    }
    let share = best.score as f64 / samples.len() as f64;
    Some((best.prefix, share))
}

/// The best setting so far, by the number of samples it matches.
struct Best<'s> {
    samples: &'s [(&'s [u8], usize)],
    prefix: Prefix,
    score: usize,
}

impl Best<'_> {
    fn consider(&mut self, setting: &str) {
        let prefix = Prefix::guessed(setting);
        let score = score(&prefix, self.samples);
        // Of two settings that match the same lines, the one that tells more is better.
        if score > self.score
            || (score == self.score && score > 0 && fields(setting) > fields(self.prefix.setting()))
        {
            (self.prefix, self.score) = (prefix, score);
        }
    }
}

/// Builds settings from the longest prefixes: sessions print more than background processes, which stop at a `%q`.
fn build_from_longest(samples: &[(&[u8], usize)], best: &mut Best<'_>) {
    let mut longest: Vec<&[u8]> = samples.iter().map(|(line, at)| &line[..*at]).collect();
    longest.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    longest.dedup_by_key(|prefix| prefix.len());
    for instance in longest.into_iter().take(BUILD_MAX) {
        let pieces = build(instance);
        best.consider(&pieces.concat());
        for stop in (1..pieces.len())
            .filter(|_| best.score < samples.len())
            .collect::<Vec<_>>()
        {
            best.consider(&format!(
                "{}%q{}",
                pieces[..stop].concat(),
                pieces[stop..].concat()
            ));
        }
    }
}

/// The head of a line of unknown prefix: a label somewhere, a time at the beginning, and what can be recognised between.
pub(crate) fn free_head(line: &[u8], time: &mut TimestampReader) -> Option<Head> {
    let (at, label, message) = find_label(line)?;
    let prefix = &line[..at];
    let mut head = Head::new(label);
    head.message = message;
    head.time_us = time.postgres(prefix).or_else(|| epoch(prefix)).map(|(us, _)| us);
    head.time_us?;
    let setting = build(prefix).concat();
    if let Some(exact) = Prefix::guessed(&setting).head(line, time) {
        head = exact;
    }
    Some(head)
}

/// Lines with a label and where in them it begins.
fn samples(head: &[u8]) -> Vec<(&[u8], usize)> {
    head.split(|b| *b == b'\n')
        // An object of a shipper may hold a line; it is none.
        .filter(|line| !line.starts_with(b"\t") && !line.starts_with(b"{\""))
        .filter_map(|line| find_label(line).map(|(at, ..)| (line, at)))
        .take(SAMPLES_MAX)
        .collect()
}

/// The first label of a line: where it begins, what it is, where its message begins.
pub(crate) fn find_label(line: &[u8]) -> Option<(usize, Label, usize)> {
    let line = &line[..line.len().min(PREFIX_BYTES_MAX)];
    for colon in memmem::find_iter(line, b": ") {
        let word = line[..colon]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || !b.is_ascii())
            .count();
        if word < 3 {
            continue;
        }
        if let Some((label, length)) = label(&line[colon - word..]) {
            return Some((colon - word, label, colon - word + length));
        }
    }
    None
}

/// How many samples a prefix matches, label included.
fn score(prefix: &Prefix, samples: &[(&[u8], usize)]) -> usize {
    let mut time = TimestampReader::new(None);
    let mut agrees = |line: &[u8], at: usize| {
        let Some(head) = prefix.head(line, &mut time) else {
            return false;
        };
        // A name with an equals sign has swallowed the next key: the prefix is a shorter one that happens to fit.
        let swallows = [head.user, head.database, head.application, head.client]
            .iter()
            .any(|(from, to)| line[usize::from(*from)..usize::from(*to)].contains(&b'='));
        !swallows && label(&line[at..]).is_some_and(|(_, length)| at + length == head.message)
    };
    samples.iter().filter(|(line, at)| agrees(line, *at)).count()
}

/// How many fields that are kept a setting has.
fn fields(setting: &str) -> usize {
    ["%m", "%t", "%n", "%p", "%u", "%d", "%a", "%h", "%r", "%Q"]
        .iter()
        .filter(|escape| setting.contains(*escape))
        .count()
}

/// A setting that could have printed `instance`, in pieces between which `%q` may stand.
fn build(instance: &[u8]) -> Vec<String> {
    let mut builder = Builder {
        rest: instance,
        pieces: Vec::new(),
        has_time: false,
        has_pid: false,
    };
    while !builder.rest.is_empty() {
        builder.step();
    }
    builder.pieces
}

struct Builder<'b> {
    rest: &'b [u8],
    pieces: Vec<String>,
    has_time: bool,
    has_pid: bool,
}

impl Builder<'_> {
    fn take(&mut self, escape: &str, bytes: usize) {
        self.pieces.push(escape.to_owned());
        self.rest = &self.rest[bytes..];
    }

    fn step(&mut self) {
        let rest = self.rest;
        let mut time = TimestampReader::new(None);
        if let Some((_, length)) = time.postgres(rest) {
            let escape = if self.has_time { "%s" } else { "%m" };
            self.has_time = true;
            return self.take(escape, length);
        }
        if let Some((_, length)) = epoch(rest) {
            self.has_time = true;
            return self.take("%n", length);
        }
        if let Some(length) = session_id(rest) {
            return self.take("%c", length);
        }
        if let Some((key, escape)) = key(rest) {
            self.take(&escape_literal(&rest[..key]), key);
            self.has_pid |= escape == "%p";
            return self.take(escape, value_length(self.rest));
        }
        if rest.starts_with(b"[local]") {
            return self.take("%h", 7);
        }
        let word = word_length(rest);
        if let Some(at) = rest[..word].iter().position(|b| *b == b'@') {
            return self.session(at, word);
        }
        let number = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if number > 0 && rest.get(number) == Some(&b'/') {
            return self.take("%v", word);
        }
        if number > 0 && number == word {
            let escape = if self.has_pid { "%l" } else { "%p" };
            self.has_pid = true;
            return self.take(escape, number);
        }
        let is_address = rest[..word].iter().filter(|b| **b == b'.').count() == 3
            || rest[..word].iter().filter(|b| **b == b':').count() > 2;
        if number > 0 && is_address {
            let port = rest[word..].first() == Some(&b'(');
            let length = if port {
                rest.iter().position(|b| *b == b')').map_or(word, |at| at + 1)
            } else {
                word
            };
            return self.take(if port { "%r" } else { "%h" }, length);
        }
        let code = rest
            .iter()
            .take_while(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            .count();
        if code == 5 && rest[..5].iter().any(u8::is_ascii_digit) {
            return self.take("%e", 5);
        }
        // `[12-1]`: digits before a dash are a line number.
        if number > 0 && rest[number..].starts_with(b"-1") {
            return self.take("%l", number);
        }
        let length = word.max(1);
        // Settings have no long numbers: these are values, but of a shape that nothing here knows.
        let is_value = rest[..length].iter().filter(|b| b.is_ascii_digit()).count() > 2;
        self.take(
            &if is_value {
                "%b".to_owned()
            } else {
                escape_literal(&rest[..length])
            },
            length,
        );
    }

    /// `user@database` in a word, perhaps with colons around it and a client before.
    fn session(&mut self, at: usize, word: usize) {
        if self.rest[0] == b':' {
            return self.take(":", 1);
        }
        if let Some(colon) = self.rest[..at].iter().rposition(|b| *b == b':') {
            return self.take("%h", colon);
        }
        let end = self.rest[..word]
            .iter()
            .rposition(|b| *b != b':')
            .map_or(word, |last| last + 1);
        self.take("%u", at);
        self.take("@", 1);
        self.take("%d", end - at - 1);
    }
}

fn escape_literal(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('%', "%%")
}

fn word_length(text: &[u8]) -> usize {
    text.iter()
        .take_while(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'@' | b'_' | b'.' | b'/' | b':' | b'-') || **b >= 0x80
        })
        .count()
}

/// `6b03877e.4cec`
fn session_id(text: &[u8]) -> Option<usize> {
    let hex = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let first = hex(text);
    if !(7..=9).contains(&first) || text.get(first) != Some(&b'.') {
        return None;
    }
    let second = hex(&text[first + 1..]);
    (second > 0 && text.get(first + 1 + second) != Some(&b'.')).then_some(first + 1 + second)
}

/// `user=` and the like: its length and the escape of its value.
fn key(text: &[u8]) -> Option<(usize, &'static str)> {
    let word = text
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    if word == 0 || text.get(word) != Some(&b'=') {
        return None;
    }
    let escape = match text[..word].to_ascii_lowercase().as_slice() {
        b"user" | b"usr" | b"u" | b"username" => "%u",
        b"db" | b"database" | b"d" | b"dbname" => "%d",
        b"app" | b"application" | b"a" | b"appname" | b"application_name" => "%a",
        b"client" | b"host" | b"h" | b"remote" | b"r" | b"ip" | b"from" => "%r",
        b"pid" | b"p" => "%p",
        b"qid" | b"queryid" | b"query_id" => "%Q",
        _ => "%b",
    };
    Some((word + 1, escape))
}

/// How far the value of a `key=` reaches: to the separator before the next key, or to the end of its word.
fn value_length(text: &[u8]) -> usize {
    for whole in [&b"[unknown]"[..], b"[local]"] {
        if text.starts_with(whole) {
            return whole.len();
        }
    }
    for equals in memchr::memchr_iter(b'=', text) {
        let word = text[..equals]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        if word > 0 && equals > word {
            return text[..equals - word]
                .iter()
                .rposition(|b| !matches!(b, b' ' | b',' | b';' | b'[' | b']' | b'('))
                .map_or(0, |at| at + 1);
        }
        if word == equals {
            return 0;
        }
    }
    text.iter()
        .rposition(|b| !matches!(b, b' ' | b',' | b';' | b']' | b')' | b':' | b'-' | b'>' | b'|'))
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expect: &str) {
        let (prefix, share) = infer(head.as_bytes()).unwrap();
        assert_eq!((prefix.setting(), share), (expect, 1.0));
    }

    #[test]
    fn well_known_settings() {
        check(
            "2026-11-23 00:27:16.100 UTC [1] LOG:  starting\n2026-11-23 00:27:16.100 UTC [7] app@shop LOG:  duration: 1.0 ms  statement: select 'LOG:  x'\n",
            "%m [%p] %q%u@%d ",
        );
        check(
            "2026-11-23 00:27:16 UTC:10.0.0.1(4):u@d:[26938]:LOG:  x\n2026-11-23 00:27:17 UTC::@:[19692]:LOG:  y\n",
            "%t:%r:%u@%d:[%p]:",
        );
        check(
            "2026-11-23 00:27:16 UTC:[local]:u@d:[26938]: LOG:  x\n2026-11-23 00:27:17 UTC::@:[19692]: LOG:  y\n",
            "%t:%r:%u@%d:[%p]: ",
        );
        check("2026-07-02 03:00:06 UTC-6a45d422.1513f3-LOG:  x\n", "%t-%c-");
    }

    #[test]
    fn built_settings_read_every_field() {
        let head = "<2026-11-23 00:27:16.100 UTC> (77) who={me} usr=app base=x db=shop app=web app src=10.0.0.9 LOG:  duration: 1.0 ms\n";
        let (prefix, share) = infer(head.as_bytes()).unwrap();
        assert_eq!(share, 1.0, "{}", prefix.setting());
        let head = prefix
            .head(head.as_bytes(), &mut TimestampReader::new(None))
            .unwrap();
        assert_eq!(head.pid, Some(77), "{}", prefix.setting());
    }

    #[test]
    fn colons_beside_user_and_database_belong_to_neither() {
        let built = |instance: &str| build(instance.as_bytes()).concat();
        assert_eq!(
            built("2026-11-23 00:27:16 UTC:[local]:u@d:[7]; "),
            "%m:%h:%u@%d:[%p]; "
        );
        assert_eq!(built("2026-11-23 00:27:16 UTC:10.0.0.7:u@d: "), "%m:%h:%u@%d: ");
        assert_eq!(built("2026-11-23 00:27:16 UTC::@:[7]; "), "%m::%u@%d:[%p]; ");
        assert_eq!(built("2026-11-23 00:27:16 UTC [7] u@d "), "%m [%p] %u@%d ");
    }

    #[test]
    fn a_line_with_another_prefix_is_read_alone() {
        let line = b"2026-11-23 00:27:16.100 UTC [9] u@d LOG:  x";
        let head = free_head(line, &mut TimestampReader::new(None)).unwrap();
        assert_eq!((head.pid, &line[head.message..]), (Some(9), &b"x"[..]));
        assert_eq!(
            free_head(b"cp: cannot stat LOG:  x", &mut TimestampReader::new(None)),
            None
        );
    }
}
