//! One table of the configuration file, asked for its keys one by one: a key that the table does not have is a mistake, and so is a value
//! of another type. Knows no key by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use clap::ValueEnum;
use jiff::Span;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::configuration::Mistake;
use crate::configuration::key::Table;

/// Below this likeness (0 to 1) two names have nothing to do with each other.
const LIKENESS_MIN: f64 = 0.5;

/// A table, and what has been asked for and found wrong in it.
pub(super) struct Section<'f> {
    text: &'f str,
    /// `serve`, `source.file[1]`; empty for the file itself.
    name: String,
    /// Where it begins, bytes.
    begin: usize,
    table: &'f DeTable<'f>,
    keys: &'static Table,
    mistakes: Vec<Mistake>,
}

impl<'f> Section<'f> {
    /// The whole file.
    pub(super) fn root(text: &'f str, table: &'f DeTable<'f>, keys: &'static Table) -> Section<'f> {
        Section {
            text,
            name: String::new(),
            begin: 0,
            table,
            keys,
            mistakes: Vec::new(),
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is such a key, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The line of a key; of its table, if it is not there.
    pub(super) fn line(&self, key: &str) -> usize {
        line_of(self.text, self.span(key).start)
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.ask(key)?;
        match value.as_str() {
            Some("") => {
                self.wrong(key, "empty", "remove the key, or give it a value");
                None
            }
            Some(text) => Some(text.to_owned()),
            None => self.other_type(key, value, "a text", "put it between quotes"),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        const HINT: &str = "write [\"…\", \"…\"]";
        let value = self.ask(key)?;
        let Some(list) = value.as_array() else {
            return self.other_type(key, value, "a list of texts", HINT);
        };
        let texts: Option<Vec<String>> = list
            .iter()
            .map(|text| text.get_ref().as_str().map(str::to_owned))
            .collect();
        if texts.is_none() {
            self.wrong(key, "not all of the list are texts", HINT);
        }
        texts
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.ask(key)?;
        value
            .as_bool()
            .or_else(|| self.other_type(key, value, "yes or no", "write true or false, without quotes"))
    }

    /// A duration within limits: a text such as `10s` or `35d`. A year has 365 days here, a month 30.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        limits: RangeInclusive<Duration>,
        example: &str,
    ) -> Option<Duration> {
        let value = self.ask(key)?;
        let hint = format!(
            "give a duration from {} to {}, such as \"{example}\"",
            duration_text(*limits.start()),
            duration_text(*limits.end()),
        );
        let Some(text) = value.as_str() else {
            return self.other_type(key, value, "a duration", &hint);
        };
        let Some(duration) = parse_duration(text) else {
            self.wrong(key, &format!("{text:?} is no duration"), &hint);
            return None;
        };
        let fits = limits.contains(&duration);
        if !fits {
            self.wrong(key, "out of its limits", &hint);
        }
        fits.then_some(duration)
    }

    /// An address and a port to listen at.
    pub(super) fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        let text = self.text(key)?;
        let address = text.parse().ok();
        if address.is_none() {
            let what = format!("{text:?} is no address with a port");
            self.wrong(
                key,
                &what,
                "write it like \"127.0.0.1:8433\", or \"0.0.0.0:8433\" for all of this machine's",
            );
        }
        address
    }

    /// A whole number within limits.
    pub(super) fn number(&mut self, key: &'static str, limits: RangeInclusive<u64>) -> Option<u64> {
        let value = self.ask(key)?;
        let hint = format!("give a number from {} to {}", limits.start(), limits.end());
        let Some(number) = value.as_integer() else {
            return self.other_type(key, value, "a whole number", &hint);
        };
        let number = u64::from_str_radix(number.as_str(), number.radix()).ok();
        let number = number.filter(|number| limits.contains(number));
        if number.is_none() {
            self.wrong(key, "out of its limits", &hint);
        }
        number
    }

    /// One of several words.
    pub(super) fn choice<T: ValueEnum>(&mut self, key: &'static str) -> Option<T> {
        let word = self.text(key)?;
        let chosen = T::from_str(&word, false).ok();
        if chosen.is_none() {
            let values = T::value_variants()
                .iter()
                .filter_map(ValueEnum::to_possible_value);
            let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
            let hint = match nearest(&word, names.iter().map(String::as_str)) {
                Some(name) => format!("did you mean {name:?}?"),
                None => format!("it is one of {}", names.join(", ")),
            };
            self.wrong(key, &format!("there is no {word:?}"), &hint);
        }
        chosen
    }

    /// A table.
    pub(super) fn table(&mut self, key: &'static str, keys: &'static Table) -> Option<Section<'f>> {
        let value = self.ask(key)?;
        let begin = self.span(key).start;
        let path = self.path(key);
        match value.as_table() {
            Some(table) => Some(self.inner(path, begin, table, keys)),
            None => self.other_type(key, value, "a table", &format!("write [{path}] above its keys")),
        }
    }

    /// A text that is not empty, or a table.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
    pub(super) fn text_or_table(
        &mut self,
        key: &'static str,
        keys: &'static Table,
    ) -> Option<Result<String, Section<'f>>> {
        match self.ask(key)?.as_table() {
            Some(_) => self.table(key, keys).map(Err),
            None => self.text(key).map(Ok),
        }
    }

    /// A table of texts, numbers, and yes or no, under names that are not ours.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics need it"))]
    pub(super) fn properties(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let Some(value) = self.ask(key) else {
            return BTreeMap::new();
        };
        let Some(table) = value.as_table() else {
            let hint = "write { \"client.id\" = \"…\" }";
            return self.other_type(key, value, "a table", hint).unwrap_or_default();
        };
        let mut properties = BTreeMap::new();
        for (name, value) in table.iter() {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Integer(number) => number.to_string(),
                _ => {
                    let what = format!("{}: not a text, a number, true or false", name.get_ref());
                    self.wrong(key, &what, "put names with dots between quotes");
                    continue;
                }
            };
            properties.insert(name.get_ref().to_string(), text);
        }
        properties
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str, keys: &'static Table) -> Vec<Section<'f>> {
        let Some(value) = self.ask(key) else {
            return Vec::new();
        };
        let path = self.path(key);
        let tables = value.as_array().and_then(|list| {
            let tables = (1..).zip(list.iter()).map(|(number, table)| {
                let name = format!("{path}[{number}]");
                Some(self.inner(name, table.span().start, table.get_ref().as_table()?, keys))
            });
            tables.collect()
        });
        let hint = format!("write [[{path}]] above the keys of each");
        tables
            .or_else(|| self.other_type(key, value, "a list of tables", &hint))
            .unwrap_or_default()
    }

    /// Notes that what is at a key, or is not, cannot be.
    pub(super) fn wrong(&mut self, key: &'static str, what: &str, hint: &str) {
        self.mistakes.push(self.mistake(key, what.to_owned(), hint));
    }

    /// Says that what is at a key, or is not, cannot be.
    pub(super) fn mistake(&self, key: &str, what: String, hint: &str) -> Mistake {
        Mistake {
            line: self.line(key),
            key: self.path(key),
            what,
            hint: Some(hint.to_owned()),
        }
    }

    /// Hands over what was wrong, with the keys that the table does not have.
    pub(super) fn finish(self, mistakes: &mut Vec<Mistake>) {
        for (key, _) in self.table.iter() {
            let key = key.get_ref().as_ref();
            if self.keys.names().any(|name| name == key) {
                continue;
            }
            let hint = match nearest(key, self.keys.names()) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("there are {}", self.keys.names().collect::<Vec<_>>().join(", ")),
            };
            mistakes.push(self.mistake(key, "no such key".to_owned(), &hint));
        }
        mistakes.extend(self.mistakes);
    }

    /// A table in this one.
    fn inner(&self, name: String, begin: usize, table: &'f DeTable<'f>, keys: &'static Table) -> Section<'f> {
        Section {
            text: self.text,
            name,
            begin,
            table,
            keys,
            mistakes: Vec::new(),
        }
    }

    /// A key with the table it is in.
    fn path(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }

    fn ask(&self, key: &'static str) -> Option<&'f DeValue<'f>> {
        debug_assert!(
            self.keys.names().any(|name| name == key),
            "{key} is not in the reference"
        );
        self.find(key).map(|(_, value)| value)
    }

    fn find(&self, key: &str) -> Option<(Range<usize>, &'f DeValue<'f>)> {
        let is_it = |(name, _): &(&Spanned<_>, _)| -> bool {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            name == key
        };
        let (name, value) = self.table.iter().find(is_it)?;
        Some((name.span(), value.get_ref()))
    }

    /// Where a key is; where its table begins, if it is not there.
    fn span(&self, key: &str) -> Range<usize> {
        self.find(key).map_or(self.begin..self.begin, |(span, _)| span)
    }

    /// Notes that a value is of another type; `None`, for there is nothing to be had.
    fn other_type<T>(
        &mut self,
        key: &'static str,
        value: &DeValue<'_>,
        wanted: &str,
        hint: &str,
    ) -> Option<T> {
        let what = format!("a value of type {}, not {wanted}", value.type_str());
        self.wrong(key, &what, hint);
        None
    }
}

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn parse_duration(text: &str) -> Option<Duration> {
    const DAY_S: i64 = 86_400;
    let span: Span = text.parse().ok()?;
    let days = i64::from(span.get_years()) * 365
        + i64::from(span.get_months()) * 30
        + i64::from(span.get_weeks()) * 7
        + i64::from(span.get_days());
    let seconds =
        days * DAY_S + i64::from(span.get_hours()) * 3600 + span.get_minutes() * 60 + span.get_seconds();
    let milliseconds = u64::try_from(seconds * 1000 + span.get_milliseconds()).ok()?;
    Some(Duration::from_millis(milliseconds))
}

/// A duration in the largest unit of which it has a whole number.
fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(365 * 86_400, "y"), (86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

/// The name most like `name`, if any is.
fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
    let best = known
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then_some(best)
}
