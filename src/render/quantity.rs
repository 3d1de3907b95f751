//! Numbers for people: durations, counts, bytes, shares, times, each with its unit and in one way only.

/// `340 µs`, `9.8 ms`, `1.20 s`, `3 m 51 s`, `14 h 22 m`, `6 d 23 h`.
pub(crate) fn duration(us: i64) -> String {
    match us {
        i64::MIN..0 => format!("-{}", duration(us.saturating_neg())),
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(us as f64 / 1e3)),
        1_000_000..60_000_000 => format!("{} s", three_digits(us as f64 / 1e6)),
        _ => {
            let seconds = us / 1_000_000;
            match seconds {
                0..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
                3_600..86_400 => format!("{} h {:02} m", seconds / 3_600, seconds % 3_600 / 60),
                _ => format!("{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3_600),
            }
        }
    }
}

/// `2 410 118`
pub(crate) fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if n < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1.31 GB`
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{} kB", three_digits(n as f64 / 1e3)),
        1_000_000..1_000_000_000 => format!("{} MB", three_digits(n as f64 / 1e6)),
        _ => format!("{} GB", three_digits(n as f64 / 1e9)),
    }
}

/// `31.4 %`; what is neither nothing nor everything is never shown as such.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "< 0.1 %".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        "99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// `+31.4 %`, `−3.0 %`; more than tenfold as `× 12`.
pub(crate) fn signed_percent(change: f64) -> String {
    let percent = change * 100.0;
    if change >= 9.995 {
        return format!("× {:.0}", change + 1.0);
    }
    match percent {
        _ if percent.abs() < 0.05 => "0.0 %".to_owned(),
        _ if percent < 0.0 => format!("−{:.1} %", -percent),
        _ => format!("+{percent:.1} %"),
    }
}

/// `0.0012`, `0.31`, `4.2`, `87.0`, `1 240`: three digits behind zeros.
pub(crate) fn decimals(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.01 => format!("{value:.4}"),
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 1000.0 => format!("{value:.1}"),
        _ => count(value.round() as i64),
    }
}

/// The same with a sign.
pub(crate) fn signed_decimals(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value < 0.0 => format!("−{}", decimals(-value)),
        _ => format!("+{}", decimals(value)),
    }
}

/// `2026-11-16`, UTC.
pub(crate) fn day(us: i64) -> String {
    time(us).chars().take(10).collect()
}

/// `2026-11-16 00:00:03`, UTC.
pub(crate) fn time(us: i64) -> String {
    match jiff::Timestamp::from_microsecond(us) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// `1 query shape`, `3 query shapes`.
pub(crate) fn plural(n: i64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0 µs"),
            (340, "340 µs"),
            (9_804, "9.80 ms"),
            (220_000, "220 ms"),
            (999_999, "1000 ms"),
            (1_200_000, "1.20 s"),
            (231_000_000, "3 m 51 s"),
            (51_720_000_000, "14 h 22 m"),
            (604_799_000_000, "6 d 23 h"),
        ];
        for (us, expect) in cases {
            assert_eq!(duration(us), expect);
        }
    }

    #[test]
    fn counts_bytes_and_shares() {
        assert_eq!(
            (count(2_410_118), count(-1_000), count(7)),
            ("2 410 118".to_owned(), "-1 000".to_owned(), "7".to_owned())
        );
        assert_eq!(
            (bytes(999), bytes(1_310_000_000)),
            ("999 B".to_owned(), "1.31 GB".to_owned())
        );
        assert_eq!(
            (percent(0.0), percent(0.0001), percent(0.314)),
            ("0.0 %".to_owned(), "< 0.1 %".to_owned(), "31.4 %".to_owned())
        );
        assert_eq!(
            [0.314, -0.03, 0.0001, 11.0].map(signed_percent),
            ["+31.4 %", "−3.0 %", "0.0 %", "× 12"]
        );
        assert_eq!(
            [0.0012, 0.3141, -4.2, 87.04, 1240.0].map(signed_decimals),
            ["+0.0012", "+0.31", "−4.20", "+87.0", "+1 240"]
        );
        assert_eq!(
            (percent(0.99999), percent(1.0)),
            ("99.9 %".to_owned(), "100.0 %".to_owned())
        );
    }
}
