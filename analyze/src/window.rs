//! Stretches of time, in µs since 1970 UTC, and how people write them. Never asks a clock.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Serialize;

use crate::error::AnalyzeError;

/// From one moment up to, not including, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimeWindow {
    from_us: i64,
    to_us: i64,
}

impl TimeWindow {
    /// The window from `from_us` up to `to_us`, both µs since 1970 UTC.
    ///
    /// # Errors
    /// [`AnalyzeError::EmptyWindow`] unless `from_us < to_us`.
    pub fn new(from_us: i64, to_us: i64) -> Result<TimeWindow, AnalyzeError> {
        if from_us < to_us {
            return Ok(TimeWindow { from_us, to_us });
        }
        Err(AnalyzeError::EmptyWindow {
            from: printed(from_us),
            to: printed(to_us),
        })
    }

    /// The window between two written times; times without a zone are UTC, days begin at midnight.
    ///
    /// # Errors
    /// [`AnalyzeError::Time`] if one cannot be read, [`AnalyzeError::EmptyWindow`] if they are not in order.
    pub fn between(from: &str, to: &str) -> Result<TimeWindow, AnalyzeError> {
        TimeWindow::new(parse_time(from)?, parse_time(to)?)
    }

    /// The last `length` (`7d`, `36h`, `90m`) before `now_us`, µs since 1970 UTC.
    ///
    /// # Errors
    /// [`AnalyzeError::Time`] if the length cannot be read or is not above zero.
    pub fn last(length: &str, now_us: i64) -> Result<TimeWindow, AnalyzeError> {
        let length_us = parse_length(length)?;
        let begin_us = now_us.checked_sub(length_us).ok_or_else(|| no_length(length))?;
        TimeWindow::new(begin_us, now_us)
    }

    /// Begin, µs since 1970 UTC.
    pub fn begin_us(self) -> i64 {
        self.from_us
    }

    /// End, µs since 1970 UTC, not part of the window.
    pub fn end_us(self) -> i64 {
        self.to_us
    }
}

/// A point in time as people write it, µs since 1970 UTC; without a zone it is UTC, a day is its begin.
///
/// # Errors
/// [`AnalyzeError::Time`] if it cannot be read.
pub fn parse_time(text: &str) -> Result<i64, AnalyzeError> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_microsecond());
    }
    let civil = text
        .parse::<civil::DateTime>()
        .or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from));
    let time = civil
        .ok()
        .and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
    time.map(Timestamp::as_microsecond)
        .ok_or_else(|| AnalyzeError::Time {
            text: text.to_owned(),
            what: "time",
        })
}

/// A length of time as people write it (`7d`, `36h`, `10s`), µs. Days are 24 hours, weeks 7 of them; months and years have no length.
///
/// # Errors
/// [`AnalyzeError::Time`] if it cannot be read or is not above zero.
pub fn parse_length(text: &str) -> Result<i64, AnalyzeError> {
    let read = || {
        let span: Span = text.trim().parse().ok()?;
        if span.get_years() != 0 || span.get_months() != 0 {
            return None;
        }
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
        i64::try_from(SignedDuration::as_micros(&length)).ok()
    };
    read().filter(|us| *us > 0).ok_or_else(|| no_length(text))
}

fn no_length(text: &str) -> AnalyzeError {
    AnalyzeError::Time {
        text: text.to_owned(),
        what: "length of time",
    }
}

fn printed(us: i64) -> String {
    match Timestamp::from_microsecond(us) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{us} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_US: i64 = 1_794_787_200_000_000;

    #[test]
    fn times_as_people_write_them() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                parse_time(text).map(printed).map_err(|error| error.to_string()),
                Ok(expected.to_owned())
            );
        };
        check("2026-11-16", "2026-11-16T00:00:00Z");
        check(" 2026-11-16 10:30 ", "2026-11-16T10:30:00Z");
        check("2026-11-16T10:30:00.5Z", "2026-11-16T10:30:00.5Z");
        check("2026-11-16T10:30:00+02:00", "2026-11-16T08:30:00Z");
        assert_eq!(
            parse_time("monday").map_err(|error| error.to_string()),
            Err("\"monday\" is no time".to_owned())
        );
    }

    #[test]
    fn lengths_as_people_write_them() {
        let check = |text: &str, expected: Option<i64>| {
            let window = TimeWindow::last(text, NOW_US).ok();
            assert_eq!(
                window.map(|window| (NOW_US - window.begin_us()) / 1_000_000),
                expected,
                "{text}"
            );
        };
        check("7d", Some(7 * 86_400));
        check("1w", Some(7 * 86_400));
        check("36h", Some(36 * 3_600));
        check("90m", Some(5_400));
        check("1d 12h", Some(36 * 3_600));
        check("0s", None);
        check("-7d", None);
        check("1mo", None);
        check("", None);
        check("7", None);
    }

    #[test]
    fn a_window_is_not_empty() {
        let error = TimeWindow::between("2026-11-17", "2026-11-16").map_err(|error| error.to_string());
        let expected =
            "the window ends at 2026-11-16T00:00:00Z, which is not after its begin at 2026-11-17T00:00:00Z";
        assert_eq!(error, Err(expected.to_owned()));
        assert!(TimeWindow::between("2026-11-16", "2026-11-17").is_ok());
    }
}
