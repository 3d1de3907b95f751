//! One table of the configuration file, asked for its keys one by one: what is there but was not asked for is a mistake, and so is a value
//! of another type. Knows no key by itself.

use std::ops::{Range, RangeInclusive};

use clap::ValueEnum;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::configuration::Mistake;

/// Below this likeness (0 to 1) two names have nothing to do with each other.
const LIKENESS_MIN: f64 = 0.5;

/// A table, and what has been asked for and found wrong in it.
pub(super) struct Section<'f> {
    text: &'f str,
    /// `lake`, `files[1]`; empty for the file itself.
    name: String,
    /// Where it begins, bytes.
    begin: usize,
    table: &'f DeTable<'f>,
    asked: Vec<&'static str>,
    mistakes: Vec<Mistake>,
}

impl<'f> Section<'f> {
    /// The whole file.
    pub(super) fn root(text: &'f str, table: &'f DeTable<'f>) -> Section<'f> {
        Section::new(text, String::new(), 0, table)
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is such a key, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
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

    /// Yes or no; no where it is not there.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.ask(key) else { return false };
        let flag = value
            .as_bool()
            .or_else(|| self.other_type(key, value, "yes or no", "write true or false, without quotes"));
        flag.unwrap_or(false)
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
    pub(super) fn table(&mut self, key: &'static str) -> Option<Section<'f>> {
        let value = self.ask(key)?;
        match value.as_table() {
            Some(table) => Some(Section::new(
                self.text,
                key.to_owned(),
                self.span(key).start,
                table,
            )),
            None => self.other_type(key, value, "a table", &format!("write [{key}] above its keys")),
        }
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Section<'f>> {
        let Some(value) = self.ask(key) else {
            return Vec::new();
        };
        let tables = value.as_array().and_then(|list| {
            let tables = (1..).zip(list.iter()).map(|(number, table)| {
                let name = format!("{key}[{number}]");
                Some(Section::new(
                    self.text,
                    name,
                    table.span().start,
                    table.get_ref().as_table()?,
                ))
            });
            tables.collect()
        });
        let hint = format!("write [[{key}]] above the keys of each");
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
        let key_name = match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        };
        Mistake {
            line: line_of(self.text, self.span(key).start),
            key: key_name,
            what,
            hint: Some(hint.to_owned()),
        }
    }

    /// Hands over what was wrong; what has not been asked for is.
    pub(super) fn finish(self, mistakes: &mut Vec<Mistake>) {
        for (key, _) in self.table.iter() {
            let key = key.get_ref().as_ref();
            if self.asked.contains(&key) {
                continue;
            }
            let hint = match nearest(key, self.asked.iter().copied()) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("there are {}", self.asked.join(", ")),
            };
            mistakes.push(self.mistake(key, "no such key".to_owned(), &hint));
        }
        mistakes.extend(self.mistakes);
    }

    fn new(text: &'f str, name: String, begin: usize, table: &'f DeTable<'f>) -> Section<'f> {
        Section {
            text,
            name,
            begin,
            table,
            asked: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'f DeValue<'f>> {
        self.asked.push(key);
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

/// The name most like `name`, if any is.
fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(name, candidate);
    let best = known
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= LIKENESS_MIN).then_some(best)
}
