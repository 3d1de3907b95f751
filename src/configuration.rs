//! The configuration file of the service: text to settings, and every mistake in it by line and key, with what to do about it. Opens nothing
//! and reaches nothing.

mod section;

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use slowlake_ingest::FollowOptions;
use toml::de::DeTable;

use crate::command::follow::{COMMIT_SECONDS_DEFAULT, COMMIT_SECONDS_MAX, StartName};
use crate::command::reading::{FormatName, PrefixConflict};
use crate::configuration::section::{Section, line_of};
use crate::ingestion::{TextPolicy, Texts};
use crate::pipeline::{CHUNK_BYTES, ReadOptions, StatementOptions};

/// How many `[[files]]` one process follows: each commits on its own, and many writers keep each other waiting.
const FILES_MAX: usize = 32;

/// What the file says.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Where the lake is, if it says.
    pub(crate) lake: Option<String>,
    /// The longest time between what is read and its commit.
    pub(crate) commit_every: Duration,
    /// What to follow.
    pub(crate) files: Vec<Files>,
}

/// Logs of one server.
#[derive(Debug)]
pub(crate) struct Files {
    /// The server's name, if it is not to be found out.
    pub(crate) server: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) read: ReadOptions,
    pub(crate) texts: Texts,
    pub(crate) follow: FollowOptions,
}

/// Something in the file that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where, counted from 1.
    pub(crate) line: usize,
    /// The key, with the table it is in; empty where the text is no TOML.
    pub(crate) key: String,
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Configuration {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// All mistakes in it, in the order of their lines; only the first where the text is no TOML.
    pub(crate) fn parse(text: &str) -> Result<Configuration, Vec<Mistake>> {
        let document = DeTable::parse(text).map_err(|error| {
            vec![Mistake {
                line: line_of(text, error.span().map_or(0, |span| span.start)),
                key: String::new(),
                what: format!("not TOML: {}", error.message()),
                hint: None,
            }]
        })?;
        let mut mistakes = Vec::new();
        let mut root = Section::root(text, document.get_ref());
        let mut lake = root.table("lake");
        let files = root.tables("files");
        if files.is_empty() {
            root.wrong(
                "files",
                "nothing to follow",
                "name logs: [[files]] and paths = [\"/var/log/…\"]",
            );
        }
        if let Some(files) = files.get(FILES_MAX) {
            let what = format!("more than {FILES_MAX} of them");
            mistakes.push(files.mistake("paths", what, "run several processes, each with its own file"));
        }
        let uri = lake.as_mut().and_then(|lake| lake.text("uri"));
        let seconds = lake
            .as_mut()
            .and_then(|lake| lake.number("commit_seconds", 1..=COMMIT_SECONDS_MAX));
        let mut owners = HashMap::new();
        let files = files
            .into_iter()
            .map(|section| Files::of(section, &mut owners, &mut mistakes));
        let files = files.collect();
        for section in lake.into_iter().chain([root]) {
            section.finish(&mut mistakes);
        }
        mistakes.sort_by_key(|mistake| mistake.line);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Configuration {
            lake: uri,
            commit_every: Duration::from_secs(seconds.unwrap_or(COMMIT_SECONDS_DEFAULT)),
            files,
        })
    }
}

impl Files {
    /// Reads a `[[files]]`; of what is a mistake it has something or other. `owners` has who named each path before.
    fn of(
        mut section: Section<'_>,
        owners: &mut HashMap<String, String>,
        mistakes: &mut Vec<Mistake>,
    ) -> Files {
        let files = Files {
            server: section.text("server"),
            cluster: section.text("cluster"),
            texts: texts(&mut section),
            follow: follow(&mut section),
            read: reading(&mut section),
        };
        for path in &files.follow.arguments {
            if let Some(owner) = owners.insert(path.clone(), section.name().to_owned()) {
                let what = format!("{path:?} is in {owner} already");
                section.wrong("paths", &what, "follow each file once");
            }
        }
        section.finish(mistakes);
        files
    }
}

fn texts(section: &mut Section<'_>) -> Texts {
    let policy = section.choice("statement_text");
    if !section.flag("redact") {
        return Texts::Kept(policy.unwrap_or(TextPolicy::Sampled));
    }
    if policy.is_some() {
        section.wrong(
            "statement_text",
            "says which texts are kept, and redact that none is",
            "remove one of them",
        );
    }
    Texts::Redacted
}

fn follow(section: &mut Section<'_>) -> FollowOptions {
    let paths = section.texts("paths");
    if paths.is_none() && !section.has("paths") {
        section.wrong("paths", "missing", "name files, folders or patterns");
    }
    let start = section.choice("start").unwrap_or(StartName::Lake);
    let options = FollowOptions {
        start: start.resolve(),
        polls: section.flag("poll"),
        ..FollowOptions::new(paths.clone().unwrap_or_default())
    };
    if let (Some(_), Err(error)) = (paths, options.check()) {
        section.wrong(
            "paths",
            &error.to_string(),
            error.hint().unwrap_or("name files, folders or patterns"),
        );
    }
    options
}

fn reading(section: &mut Section<'_>) -> ReadOptions {
    let format: FormatName = section.choice("format").unwrap_or(FormatName::Auto);
    let prefix = section.text("log_line_prefix");
    match format.goes_with(prefix.is_some()) {
        Ok(()) => {}
        Err(PrefixConflict::Missing) => section.wrong(
            "format",
            "postgres-stderr cannot be read without log_line_prefix",
            "ask the server with SHOW log_line_prefix",
        ),
        Err(PrefixConflict::Unfitting) => section.wrong(
            "log_line_prefix",
            "a setting of PostgreSQL's stderr format, not of the format given",
            "remove one of them",
        ),
    }
    let zone = section.text("timezone").and_then(|name| {
        let zone = TimeZone::get(&name).ok();
        if zone.is_none() {
            section.wrong(
                "timezone",
                &format!("{name:?} is no time zone"),
                "use a name of the time zone database, for example Europe/Berlin",
            );
        }
        zone
    });
    ReadOptions {
        grammar: format.grammar(),
        prefix,
        zone,
        chunk_bytes: CHUNK_BYTES,
        statement: StatementOptions {
            group_numbered_tables: section.flag("group_numbered_tables"),
            ansi_quotes: section.flag("ansi_quotes"),
            no_backslash_escapes: section.flag("no_backslash_escapes"),
            keep_unions: section.flag("keep_unions"),
        },
    }
}

#[cfg(test)]
mod tests;
