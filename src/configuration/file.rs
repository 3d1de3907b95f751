//! `[[source.file]]`: the logs of one server that are to be followed.

use std::collections::HashMap;

use slowlake_ingest::FollowOptions;

use crate::command::follow::StartName;
use crate::command::reading::{FormatName, PrefixConflict};
use crate::configuration::section::Section;
use crate::configuration::{Defaults, Mistake, refuse_texts, zone};
use crate::ingestion::{TextPolicy, Texts};
use crate::pipeline::{CHUNK_BYTES, ReadOptions, StatementOptions};

/// Logs of one server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Files {
    /// The server's name, if it is not to be found out.
    pub(crate) server: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) read: ReadOptions,
    pub(crate) texts: Texts,
    pub(crate) follow: FollowOptions,
}

impl Files {
    /// Reads one; of what is a mistake it has something or other. `owners` has who named each path before.
    pub(super) fn of(
        mut section: Section<'_>,
        defaults: &Defaults,
        owners: &mut HashMap<String, String>,
        mistakes: &mut Vec<Mistake>,
    ) -> Files {
        let files = Files {
            server: section.text("server"),
            cluster: section.text("cluster").or_else(|| defaults.cluster.clone()),
            texts: texts(&mut section, defaults),
            follow: follow(&mut section),
            read: reading(&mut section, defaults),
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

/// Which texts are kept: as the source says, else as the defaults do.
pub(super) fn texts(section: &mut Section<'_>, defaults: &Defaults) -> Texts {
    let policy: Option<TextPolicy> = section.choice("statement_text");
    let redact = section.flag("redact");
    match (policy, redact) {
        (Some(_), Some(true)) => {
            refuse_texts(section);
            Texts::Redacted
        }
        (Some(policy), _) => Texts::Kept(policy),
        (None, Some(true)) => Texts::Redacted,
        (None, None) if defaults.redact => Texts::Redacted,
        (None, _) => Texts::Kept(defaults.statement_text.unwrap_or(TextPolicy::Sampled)),
    }
}

fn follow(section: &mut Section<'_>) -> FollowOptions {
    let paths = section.texts("paths");
    if paths.is_none() && !section.has("paths") {
        section.wrong("paths", "missing", "name files, folders or patterns");
    }
    let start = section.choice("start").unwrap_or(StartName::Lake);
    let options = FollowOptions {
        start: start.resolve(),
        polls: section.flag("poll").unwrap_or(false),
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

/// How logs are read.
pub(super) fn reading(section: &mut Section<'_>, defaults: &Defaults) -> ReadOptions {
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
    let zone = zone(section).or_else(|| defaults.zone.clone());
    let mut flag = |key| section.flag(key).unwrap_or(false);
    ReadOptions {
        grammar: format.grammar(),
        prefix,
        zone,
        chunk_bytes: CHUNK_BYTES,
        statement: StatementOptions {
            group_numbered_tables: flag("group_numbered_tables"),
            ansi_quotes: flag("ansi_quotes"),
            no_backslash_escapes: flag("no_backslash_escapes"),
            keep_unions: flag("keep_unions"),
        },
    }
}
