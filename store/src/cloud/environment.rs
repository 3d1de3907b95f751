//! The environment's variables that say how storage in a cloud is reached, and with which credentials. Never reads the environment itself,
//! never shows a value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Variables of the environment by name: those that the stores of the clouds read, `AWS_…`, `GOOGLE_…`, `AZURE_…` and where the user's folder
/// is. Made by collecting names and values; others and empty ones are left out. Printing it shows the names alone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Environment(BTreeMap<String, String>);

const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
const NAMES: [&str; 3] = ["HOME", "USERPROFILE", "IDENTITY_ENDPOINT"];

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variables whose names begin so, with their values.
    pub(super) fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first of these names that has a value.
    pub(super) fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.get(name).is_some())
    }

    /// The user's folder.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.get("HOME")
            .or_else(|| self.get("USERPROFILE"))
            .map(PathBuf::from)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Environment {
        let is_read = |(name, value): &(String, String)| {
            let has_prefix = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            (has_prefix || NAMES.contains(&name.as_str())) && !value.is_empty()
        };
        Environment(variables.into_iter().filter(is_read).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
