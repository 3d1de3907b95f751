//! Times as servers print them to microseconds since 1970 UTC. Knows the spellings of PostgreSQL and MySQL; never reads a clock.

use jiff::civil;
use jiff::tz::TimeZone;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Reads timestamps of one source. Remembers the last day and the last zone, because neighbours in a log share them.
#[derive(Debug, Clone)]
pub(crate) struct TimestampReader {
    /// Zone of times that carry none, and of abbreviations when `pinned`.
    zone: TimeZone,
    /// Whether the user chose the zone, so that it overrules abbreviations (`CST` is three different zones).
    pinned: bool,
    day: ([u8; 10], i64),
}

impl TimestampReader {
    /// `zone` is what the user said of the server's clock; without it, times that carry no zone are UTC.
    pub(crate) fn new(zone: Option<TimeZone>) -> TimestampReader {
        TimestampReader {
            pinned: zone.is_some(),
            zone: zone.unwrap_or(TimeZone::UTC),
            day: ([0; 10], 0),
        }
    }

    /// `2026-11-23 00:27:18[.272] ZONE`, where ZONE is an abbreviation or an offset. Returns µs and the bytes read.
    pub(crate) fn postgres(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let (local_us, mut at) = self.date_and_time(text, b' ')?;
        if text.get(at) != Some(&b' ') {
            return None;
        }
        at += 1;
        let zone_bytes = zone_length(&text[at..]);
        if zone_bytes == 0 {
            return None;
        }
        let us = self.to_utc(local_us, &text[at..at + zone_bytes])?;
        Some((us, at + zone_bytes))
    }

    /// `2026-11-23 00:27:18[.272]` of the server's local time. Returns µs and the bytes read.
    pub(crate) fn local_time(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let (local_us, at) = self.date_and_time(text, b' ')?;
        Some((self.local(local_us)?, at))
    }

    /// `2024-05-10T17:45:09.474988Z`, with `+08:00` or without any zone.
    pub(crate) fn iso(&mut self, text: &[u8]) -> Option<i64> {
        let (local_us, at) = self.date_and_time(text, b'T')?;
        let zone = text[at..].trim_ascii_end();
        if zone.is_empty() {
            self.local(local_us)
        } else {
            self.to_utc(local_us, zone)
        }
    }

    /// `YYMMDD  H:MM:SS[.ffffff]` of the server's local time: MySQL up to 5.6, and MariaDB.
    pub(crate) fn mysql_short(&mut self, text: &[u8]) -> Option<i64> {
        let (date, rest) = text.split_at_checked(6)?;
        let (year, month, day) = (number(&date[..2])?, number(&date[2..4])?, number(&date[4..])?);
        // Two digits: the servers that print them began in 2000; 70 and later can only be a clock before its first setting.
        let year = if year >= 70 { 1900 + year } else { 2000 + year };
        let date = civil::Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()?;
        self.local(midnight_us(date) + clock_us(rest)?)
    }

    /// `2026-11-23  0:24:31[.ffffff]` of the server's local time: MySQL's tables and old error logs, and MariaDB's error log.
    pub(crate) fn mysql_long(&mut self, text: &[u8]) -> Option<i64> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        if *date != self.day.0 {
            self.day = (*date, read_day(date)?);
        }
        self.local(self.day.1 + clock_us(rest)?)
    }

    /// Local date and time as if it were UTC, µs, and the bytes read.
    fn date_and_time(&mut self, text: &[u8], separator: u8) -> Option<(i64, usize)> {
        let date: &[u8; 10] = text.first_chunk()?;
        if *date != self.day.0 {
            self.day = (*date, read_day(date)?);
        }
        if text.get(10) != Some(&separator) {
            return None;
        }
        let hour = number(text.get(11..13)?)?;
        if hour > 23 {
            return None;
        }
        let (rest_us, read) = clock_tail(&text[13..])?;
        Some((self.day.1 + hour * 3600 * MICROS_PER_SECOND + rest_us, 13 + read))
    }

    fn to_utc(&self, local_us: i64, zone: &[u8]) -> Option<i64> {
        match zone {
            b"UTC" | b"GMT" | b"Z" | b"Etc/UTC" => Some(local_us),
            [b'+' | b'-', ..] => Some(local_us - offset_seconds(zone)? * MICROS_PER_SECOND),
            _ if self.pinned => self.local(local_us),
            _ => match abbreviation_seconds(zone) {
                Some(seconds) => Some(local_us - seconds * MICROS_PER_SECOND),
                None => self.local(local_us),
            },
        }
    }

    fn local(&self, local_us: i64) -> Option<i64> {
        if self.zone == TimeZone::UTC {
            return Some(local_us);
        }
        let local = jiff::Timestamp::from_microsecond(local_us)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .datetime();
        Some(
            self.zone
                .to_ambiguous_zoned(local)
                .compatible()
                .ok()?
                .timestamp()
                .as_microsecond(),
        )
    }
}

/// `1795393638.272`: seconds since 1970 with milliseconds. Returns µs and the bytes read.
pub(crate) fn epoch(text: &[u8]) -> Option<(i64, usize)> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(9..=11).contains(&digits) || text.get(digits) != Some(&b'.') {
        return None;
    }
    let (fraction_us, read) = fraction(&text[digits..]);
    Some((
        number(&text[..digits])? * MICROS_PER_SECOND + fraction_us,
        digits + read,
    ))
}

/// A decimal number of a unit that has `micros_per_unit` µs (seconds, milliseconds), to whole µs, rounded half up.
pub(crate) fn decimal_us(text: &[u8], micros_per_unit: i64) -> Option<i64> {
    let whole_digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if whole_digits == 0 || whole_digits > 15 {
        return None;
    }
    let whole = number(&text[..whole_digits])?.checked_mul(micros_per_unit)?;
    let rest = &text[whole_digits..];
    if rest.is_empty() {
        return Some(whole);
    }
    let (b'.', decimals) = rest.split_first()? else {
        return None;
    };
    let (mut value, mut scale) = (0i64, 1i64);
    for byte in decimals {
        if !byte.is_ascii_digit() {
            return None;
        }
        if scale < 1_000_000_000 {
            value = value * 10 + i64::from(byte - b'0');
            scale *= 10;
        }
    }
    // micros_per_unit <= 10^6 and value < 10^9: the product does not overflow.
    whole.checked_add((value * micros_per_unit + scale / 2) / scale)
}

/// All of `text` as a non-negative decimal number; `None` when empty, longer than 18 digits or not digits.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0i64, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn read_day(date: &[u8; 10]) -> Option<i64> {
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let year = i16::try_from(number(&date[..4])?).ok()?;
    let month = i8::try_from(number(&date[5..7])?).ok()?;
    let day = i8::try_from(number(&date[8..])?).ok()?;
    Some(midnight_us(civil::Date::new(year, month, day).ok()?))
}

fn midnight_us(date: civil::Date) -> i64 {
    let days = civil::date(1970, 1, 1)
        .until(date)
        .map_or(0, |span| span.get_days());
    i64::from(days) * 86_400 * MICROS_PER_SECOND
}

/// `  H:MM:SS[.f…]`, to the end, to µs.
fn clock_us(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let colon = text.iter().position(|b| *b == b':')?;
    let hour = number(&text[..colon])?;
    let (minute_second_us, read) = clock_tail(&text[colon..])?;
    let is_whole = hour <= 23 && colon + read == text.len();
    is_whole.then(|| hour * 3600 * MICROS_PER_SECOND + minute_second_us)
}

/// `:MM:SS[.f…]` to µs and the bytes read.
fn clock_tail(text: &[u8]) -> Option<(i64, usize)> {
    let (b':', b':') = (*text.first()?, *text.get(3)?) else {
        return None;
    };
    let (minute, second) = (number(&text[1..3])?, number(text.get(4..6)?)?);
    if minute > 59 || second > 60 {
        return None;
    }
    let (fraction_us, read) = fraction(&text[6..]);
    Some(((minute * 60 + second) * MICROS_PER_SECOND + fraction_us, 6 + read))
}

/// `.ffffff` (also with a comma), any number of digits, to µs; zero bytes read when there is none.
fn fraction(text: &[u8]) -> (i64, usize) {
    if !matches!(text.first(), Some(b'.' | b',')) {
        return (0, 0);
    }
    let digits = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    let us = (0..6).fold(0, |value, place| {
        value * 10
            + if place < digits {
                i64::from(text[1 + place] - b'0')
            } else {
                0
            }
    });
    (us, 1 + digits)
}

/// Length of a zone: an abbreviation is letters, an offset is a sign and digits; what follows may be any character.
fn zone_length(text: &[u8]) -> usize {
    match text.first() {
        Some(b'+' | b'-') => {
            1 + text[1..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .take(4)
                .count()
        }
        _ => text
            .iter()
            .take_while(|b| b.is_ascii_alphabetic())
            .take(6)
            .count(),
    }
}

/// `+03`, `-0330`, `+05:30` to seconds east of UTC.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    let sign = if zone[0] == b'-' { -1 } else { 1 };
    let (hours, minutes) = match &zone[1..] {
        h if h.len() <= 2 => (number(h)?, 0),
        [h1, h2, b':', m @ ..] | [h1, h2, m @ ..] => (number(&[*h1, *h2])?, number(m)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Zone abbreviations that mean one thing where databases run. An ambiguous one takes the sense of the time zone database's largest
/// population of servers (`CST` and `IST` are North America and India); who means another gives the zone.
fn abbreviation_seconds(zone: &[u8]) -> Option<i64> {
    let minutes = match zone {
        b"WET" | b"UCT" => 0,
        b"CET" | b"WEST" | b"BST" | b"MET" | b"WAT" => 60,
        b"CEST" | b"EET" | b"MEST" | b"SAST" | b"CAT" => 120,
        b"EEST" | b"MSK" | b"EAT" => 180,
        b"GST" => 240,
        b"PKT" => 300,
        b"IST" => 330,
        b"WIB" => 420,
        b"SGT" | b"HKT" | b"AWST" | b"PHT" => 480,
        b"JST" | b"KST" => 540,
        b"ACST" => 570,
        b"AEST" => 600,
        b"ACDT" => 630,
        b"AEDT" => 660,
        b"NZST" => 720,
        b"NZDT" => 780,
        b"NST" => -210,
        b"NDT" => -150,
        b"BRT" | b"ART" | b"ADT" => -180,
        b"AST" | b"EDT" => -240,
        b"EST" | b"CDT" => -300,
        b"CST" | b"MDT" => -360,
        b"MST" | b"PDT" => -420,
        b"PST" | b"AKDT" => -480,
        b"AKST" => -540,
        b"HST" => -600,
        _ => return None,
    };
    Some(minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: impl Fn(&mut TimestampReader) -> Option<i64>, zone: Option<&str>, expect: &str) {
        let zone = zone.map(|name| TimeZone::get(name).unwrap());
        let us = read(&mut TimestampReader::new(zone)).unwrap();
        assert_eq!(jiff::Timestamp::from_microsecond(us).unwrap().to_string(), expect);
    }

    #[test]
    fn postgres_spellings() {
        let read = |text: &'static str| {
            move |reader: &mut TimestampReader| reader.postgres(text.as_bytes()).map(|t| t.0)
        };
        check(
            read("2026-11-23 00:27:18.272 UTC ["),
            None,
            "2026-11-23T00:27:18.272Z",
        );
        check(read("2026-11-23 00:27:18 CEST:"), None, "2026-11-22T22:27:18Z");
        check(
            read("2026-11-23 00:27:18.5 +0330 "),
            None,
            "2026-11-22T20:57:18.5Z",
        );
        check(
            read("2026-07-01 00:27:18 CST "),
            Some("Asia/Shanghai"),
            "2026-06-30T16:27:18Z",
        );
        check(read("2026-11-23 00:27:18 XYZ "), None, "2026-11-23T00:27:18Z");
    }

    #[test]
    fn mysql_spellings() {
        let short =
            |text: &'static str| move |reader: &mut TimestampReader| reader.mysql_short(text.as_bytes());
        check(short("261123  0:24:30"), None, "2026-11-23T00:24:30Z");
        check(
            short("130601  8:01:06.058915"),
            None,
            "2013-06-01T08:01:06.058915Z",
        );
        check(
            short("180925 15:05:04"),
            Some("Europe/Berlin"),
            "2018-09-25T13:05:04Z",
        );
        let long =
            |text: &'static str| move |reader: &mut TimestampReader| reader.mysql_long(text.as_bytes());
        check(long("2026-11-23  0:24:31"), None, "2026-11-23T00:24:31Z");
        check(
            long("2026-11-23 00:24:28.582921"),
            None,
            "2026-11-23T00:24:28.582921Z",
        );
        let iso = |text: &'static str| move |reader: &mut TimestampReader| reader.iso(text.as_bytes());
        check(
            iso("2024-12-22T09:35:35.523732+08:00"),
            None,
            "2024-12-22T01:35:35.523732Z",
        );
        check(
            iso("2023-05-12T08:00:06.278162Z"),
            None,
            "2023-05-12T08:00:06.278162Z",
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        let mut reader = TimestampReader::new(None);
        for text in [
            "",
            "2026-13-01 00:00:00 UTC",
            "2026-11-23 25:00:00 UTC",
            "2026-11-23 00:00:00",
            "hello world, this is long",
        ] {
            assert_eq!(reader.postgres(text.as_bytes()), None, "{text}");
        }
        for text in [
            "",
            "991",
            "261399 10:00:00",
            "261123 10:00",
            "261123 24:00:00",
            "261123 99999999999999999:00:00",
        ] {
            assert_eq!(reader.mysql_short(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn durations_keep_every_microsecond() {
        assert_eq!(decimal_us(b"3.888", 1_000), Some(3_888));
        assert_eq!(decimal_us(b"2", 1_000_000), Some(2_000_000));
        assert_eq!(decimal_us(b"0.0000015", 1_000_000), Some(2));
        assert_eq!(decimal_us(b"99999999999999999999", 1), None);
        assert_eq!(decimal_us(b"9223372036854.999999", 1_000_000), None);
        assert_eq!(decimal_us(b"1e5", 1), None);
        assert_eq!(decimal_us(b"", 1), None);
    }

    #[test]
    fn epochs() {
        assert_eq!(epoch(b"1795393638.272 LOG"), Some((1_795_393_638_272_000, 14)));
        assert_eq!(epoch(b"2026-11-23"), None);
    }
}
