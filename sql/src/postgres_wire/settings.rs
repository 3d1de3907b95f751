//! What a client may set for its own connection, and what it is told of the server. Nothing here is shared: whatever would hold for others is
//! refused.

use std::collections::BTreeMap;
use std::time::Duration;

use pgwire::error::{PgWireError, PgWireResult};

use crate::postgres_wire::catalog::{POSTGRES_VERSION, POSTGRES_VERSION_NUMBER};
use crate::postgres_wire::failure::{error, error_with_hint, state};

/// A setting of PostgreSQL's.
struct Known {
    name: &'static str,
    /// What it is when nobody has set it.
    usual: &'static str,
    takes: Takes,
    /// Whether clients are told of each change.
    is_reported: bool,
}

/// What a setting may be set to.
enum Takes {
    /// Anything: it changes nothing.
    Anything,
    /// Any name, which the audit says; cut as PostgreSQL cuts names.
    Name,
    /// What it is already, in one of these spellings.
    Only(&'static [&'static str]),
    /// What begins so.
    Beginning(&'static str),
    /// Any time zone, though all times are in UTC.
    Zone,
    /// A duration up to the server's own limit.
    Timeout,
    /// Nothing: it is the server's.
    Nothing,
}

/// The longest name, bytes: longer ones are cut.
const NAME_BYTES_MAX: usize = 63;
/// The longest value of another setting, bytes.
const VALUE_BYTES_MAX: usize = 1_000;

const ON: Takes = Takes::Only(&["on", "true", "yes", "1"]);

/// All that is known, by name in lower case.
const KNOWN: &[Known] = &[
    own("application_name", "", Takes::Name, true),
    own("bytea_output", "hex", Takes::Only(&["hex"]), false),
    own(
        "client_encoding",
        "UTF8",
        Takes::Only(&["utf8", "utf-8", "unicode"]),
        true,
    ),
    own("client_min_messages", "notice", Takes::Anything, false),
    own("DateStyle", "ISO, MDY", Takes::Beginning("iso"), true),
    own(
        "default_transaction_isolation",
        "repeatable read",
        Takes::Anything,
        false,
    ),
    own("default_transaction_read_only", "on", ON, true),
    own("extra_float_digits", "1", Takes::Anything, false),
    own("idle_in_transaction_session_timeout", "0", Takes::Anything, false),
    own("in_hot_standby", "off", Takes::Nothing, true),
    own("integer_datetimes", "on", Takes::Nothing, true),
    own("IntervalStyle", "postgres", Takes::Only(&["postgres"]), true),
    own("is_superuser", "off", Takes::Nothing, true),
    own("jit", "off", Takes::Anything, false),
    own("lc_collate", "C", Takes::Nothing, false),
    own("lock_timeout", "0", Takes::Anything, false),
    own("max_identifier_length", "63", Takes::Nothing, false),
    own("max_index_keys", "32", Takes::Nothing, false),
    own("row_security", "on", Takes::Anything, false),
    own("search_path", "public", Takes::Anything, true),
    own("server_encoding", "UTF8", Takes::Nothing, true),
    own("server_version", POSTGRES_VERSION, Takes::Nothing, true),
    own(
        "server_version_num",
        POSTGRES_VERSION_NUMBER,
        Takes::Nothing,
        false,
    ),
    own("standard_conforming_strings", "on", ON, true),
    own("statement_timeout", "0", Takes::Timeout, false),
    own("TimeZone", "UTC", Takes::Zone, true),
    own("transaction_isolation", "repeatable read", Takes::Anything, false),
    own("transaction_read_only", "on", ON, false),
];

const fn own(name: &'static str, usual: &'static str, takes: Takes, is_reported: bool) -> Known {
    Known {
        name,
        usual,
        takes,
        is_reported,
    }
}

/// What a setting is when nobody has set it; `None` if there is no such setting.
pub(super) fn usual(name: &str) -> Option<&'static str> {
    find(name).map(|known| known.usual)
}

/// A setting's name in its own spelling, if it is known.
pub(super) fn spelled(name: &str) -> &str {
    find(name).map_or(name, |known| known.name)
}

fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// A name as far as it counts.
pub(super) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}

/// What was set, by name.
type Values = BTreeMap<&'static str, String>;

/// The settings of one connection.
#[derive(Debug, Default)]
pub(super) struct Settings {
    set: Values,
    /// What holds again after the transaction at hand, since its first `SET LOCAL`.
    later: Option<Values>,
}

/// A setting and its value, of which the client is told.
type Reported = (&'static str, String);

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) reported: Option<Reported>,
    /// What the client should know beside that.
    pub(super) notice: Option<&'static str>,
}

const ALWAYS_UTC: &str = "all times are in UTC here, whatever the time zone of the session";

impl Settings {
    /// Sets one, without a value to what it usually is; until the end of the transaction if it `is_local`.
    ///
    /// # Errors
    /// If there is no such setting, it is not the client's to set, or it does not take the value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        is_local: bool,
        limit: Duration,
    ) -> PgWireResult<Changed> {
        let known = find(name).ok_or_else(|| unknown(name))?;
        let (value, notice) = known.take(value.unwrap_or(known.usual), limit)?;
        match (is_local, &mut self.later) {
            (true, Some(_)) | (false, None) => {}
            (true, later @ None) => *later = Some(self.set.clone()),
            (false, Some(later)) => {
                later.insert(known.name, value.to_owned());
            }
        }
        self.set.insert(known.name, value.to_owned());
        Ok(Changed {
            reported: known.is_reported.then(|| (known.name, value.to_owned())),
            notice,
        })
    }

    /// Sets everything to what it usually is, but for the name of the application; what changed of what clients are told.
    pub(super) fn reset(&mut self) -> Vec<Reported> {
        let mut values = self.later.take().unwrap_or_else(|| self.set.clone());
        values.retain(|name, _| *name == "application_name");
        self.turn_to(values)
    }

    /// Ends what was set for a transaction; what changed of what clients are told.
    pub(super) fn end_transaction(&mut self) -> Vec<Reported> {
        match self.later.take() {
            Some(values) => self.turn_to(values),
            None => Vec::new(),
        }
    }

    fn turn_to(&mut self, values: Values) -> Vec<Reported> {
        let before: Vec<Reported> = self.reported().collect();
        self.set = values;
        let both = self.reported().zip(before);
        both.filter(|(now, before)| now != before)
            .map(|(now, _)| now)
            .collect()
    }

    /// What a setting is.
    ///
    /// # Errors
    /// If there is no such setting.
    pub(super) fn show(&self, name: &str) -> PgWireResult<(&'static str, String)> {
        let known = find(name).ok_or_else(|| unknown(name))?;
        let value = self.set.get(known.name).map(String::as_str);
        Ok((known.name, value.unwrap_or(known.usual).to_owned()))
    }

    /// What the client says that it is.
    pub(super) fn application(&self) -> &str {
        self.set.get("application_name").map_or("", String::as_str)
    }

    /// The longest that a statement may take.
    pub(super) fn statement_timeout(&self, limit: Duration) -> Duration {
        let asked = self.set.get("statement_timeout");
        // It was looked at when it was set.
        let asked = asked.and_then(|text| timeout(text, limit).ok().flatten());
        asked.unwrap_or(limit)
    }

    /// All of which a client is told when it comes in.
    pub(super) fn reported(&self) -> impl Iterator<Item = Reported> {
        let value = |known: &Known| {
            self.set
                .get(known.name)
                .map_or(known.usual, String::as_str)
                .to_owned()
        };
        KNOWN
            .iter()
            .filter(|known| known.is_reported)
            .map(move |known| (known.name, value(known)))
    }
}

impl Known {
    /// What it is after it was set to a value, and what the client should know of that.
    fn take<'a>(&self, value: &'a str, limit: Duration) -> PgWireResult<(&'a str, Option<&'static str>)> {
        let is = |other: &&str| other.eq_ignore_ascii_case(value);
        let taken = match &self.takes {
            Takes::Name => cut(value),
            _ if value.len() > VALUE_BYTES_MAX => {
                let what = format!(
                    "a value of {} bytes for {}; {VALUE_BYTES_MAX} are the most",
                    value.len(),
                    self.name
                );
                return Err(error(state::VALUE, what));
            }
            Takes::Anything => value,
            Takes::Only(spellings) if spellings.iter().any(is) => self.usual,
            Takes::Beginning(start) if value.to_ascii_lowercase().starts_with(start) => value,
            Takes::Zone => {
                let is_utc = ["UTC", "Etc/UTC", "GMT", "Z", "0"].iter().any(is);
                return Ok((self.usual, (!is_utc).then_some(ALWAYS_UTC)));
            }
            Takes::Timeout => {
                timeout(value, limit)?;
                value
            }
            Takes::Only(_) | Takes::Beginning(_) => {
                let what = format!(
                    "{} is \"{}\" here and cannot be \"{value}\"",
                    self.name, self.usual
                );
                return Err(error(state_of_only(self), what));
            }
            Takes::Nothing => {
                let what = format!("{} is the server's and cannot be set", self.name);
                return Err(error(state::PRIVILEGE, what));
            }
        };
        Ok((taken, None))
    }
}

/// What is read-only stays so: that is another refusal than a value that is not known.
fn state_of_only(known: &Known) -> &'static str {
    match known.name.ends_with("read_only") {
        true => state::READ_ONLY,
        false => state::VALUE,
    }
}

fn unknown(name: &str) -> PgWireError {
    match name.to_ascii_lowercase().starts_with("datafusion.") {
        true => error(
            state::PRIVILEGE,
            format!("{name} holds for all connections and cannot be set"),
        ),
        false => error(state::NO_SETTING, format!("there is no setting \"{name}\"")),
    }
}

/// A duration as PostgreSQL writes it, milliseconds without a unit; `None` for the server's own limit.
fn timeout(text: &str, limit: Duration) -> PgWireResult<Option<Duration>> {
    const UNITS: &[(&str, u64)] = &[
        ("ms", 1),
        ("s", 1_000),
        ("min", 60_000),
        ("h", 3_600_000),
        ("", 1),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit.trim());
    let (Ok(number), Some((_, unit_ms))) = (number.parse::<u64>(), unit) else {
        return Err(error(state::VALUE, format!("\"{text}\" is no duration")));
    };
    match Duration::from_millis(number.saturating_mul(*unit_ms)) {
        Duration::ZERO => Ok(None),
        wanted if wanted <= limit => Ok(Some(wanted)),
        _ => Err(error_with_hint(
            state::VALUE,
            format!(
                "{text} is more than the server's statement_timeout of {} s",
                limit.as_secs()
            ),
            "ask for less, or ask the operator for more",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[track_caller]
    fn check(name: &str, value: &str, expected: Result<&str, &str>) {
        let mut settings = Settings::default();
        let found = match settings.set(name, Some(value), false, LIMIT) {
            Ok(_) => Ok(settings.show(name).unwrap().1),
            Err(PgWireError::UserError(info)) => Err(info.code.clone()),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(
            found.as_deref().map_err(String::as_str),
            expected,
            "{name} = {value}"
        );
    }

    #[test]
    fn settings_are_the_clients_own_or_refused() {
        check("application_name", "x", Ok("x"));
        check("datestyle", "ISO, DMY", Ok("ISO, DMY"));
        check("datestyle", "German", Err("22023"));
        check("client_encoding", "utf-8", Ok("UTF8"));
        check("client_encoding", "LATIN1", Err("22023"));
        check("timezone", "Europe/Berlin", Ok("UTC"));
        check("default_transaction_read_only", "off", Err("25006"));
        check("transaction_read_only", "true", Ok("on"));
        check("server_version", "17", Err("42501"));
        check("datafusion.execution.batch_size", "1", Err("42501"));
        check("no_such", "1", Err("42704"));
        check("statement_timeout", "5s", Ok("5s"));
        check("statement_timeout", "61000", Err("22023"));
        check("statement_timeout", "-1", Err("22023"));
        check("statement_timeout", "99999999999999999999 h", Err("22023"));
    }

    #[test]
    fn a_timeout_holds_until_it_is_reset() {
        let mut settings = Settings::default();
        let set = |settings: &mut Settings, value| {
            settings.set("statement_timeout", value, false, LIMIT).unwrap();
        };
        set(&mut settings, Some("1500"));
        assert_eq!(settings.statement_timeout(LIMIT), Duration::from_millis(1500));
        set(&mut settings, None);
        assert_eq!(settings.statement_timeout(LIMIT), LIMIT);
        set(&mut settings, Some("1 min"));
        settings.reset();
        assert_eq!(settings.statement_timeout(LIMIT), LIMIT);
    }

    #[test]
    fn long_names_are_cut_and_long_values_refused() {
        check("application_name", &"x".repeat(1 << 20), Ok(&"x".repeat(63)));
        // Not in the middle of a character.
        check("application_name", &"€".repeat(30), Ok(&"€".repeat(21)));
        for name in ["search_path", "lock_timeout", "extra_float_digits"] {
            check(name, &"x".repeat(1_000), Ok(&"x".repeat(1_000)));
            check(name, &"x".repeat(1_001), Err("22023"));
        }
        check("DateStyle", &format!("ISO{}", " ".repeat(1_000)), Err("22023"));
        check("statement_timeout", &"0".repeat(1_001), Err("22023"));
        check("client_encoding", &"x".repeat(1 << 20), Err("22023"));
    }

    #[test]
    fn what_is_set_for_a_transaction_ends_with_it() {
        let mut settings = Settings::default();
        let set = |settings: &mut Settings, name, value, is_local| {
            settings.set(name, Some(value), is_local, LIMIT).unwrap();
        };
        set(&mut settings, "statement_timeout", "5s", false);
        set(&mut settings, "statement_timeout", "1s", true);
        set(&mut settings, "statement_timeout", "2s", true);
        set(&mut settings, "application_name", "inside", true);
        // What is set for good in between stays, unless it is set for the transaction again.
        set(&mut settings, "search_path", "a", true);
        set(&mut settings, "search_path", "b", false);
        assert_eq!(settings.statement_timeout(LIMIT), Duration::from_secs(2));
        assert_eq!(settings.application(), "inside");
        let told = settings.end_transaction();
        assert_eq!(told, [("application_name", String::new())]);
        assert_eq!(settings.statement_timeout(LIMIT), Duration::from_secs(5));
        assert_eq!(settings.show("search_path").unwrap().1, "b");
        assert_eq!(settings.end_transaction(), []);
    }

    #[test]
    fn a_reset_tells_what_it_changed() {
        let mut settings = Settings::default();
        for (name, value) in [
            ("application_name", "x"),
            ("datestyle", "ISO, DMY"),
            ("lock_timeout", "1"),
        ] {
            settings.set(name, Some(value), false, LIMIT).unwrap();
        }
        assert_eq!(settings.reset(), [("DateStyle", "ISO, MDY".to_owned())]);
        assert_eq!(settings.reset(), []);
        assert_eq!(settings.application(), "x");
    }
}
