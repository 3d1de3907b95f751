//! Fingerprints of statements, with one set of analyzers for everything that a thread aggregates, and the texts of statements that are only
//! in events. Knows no log.

use slowlake_parse::statement::{Analyzer, Dialect, Fingerprint};

use crate::digest::bounded::{Merge, Sums};
use crate::pipeline::StatementOptions;

/// Analyzers of both dialects, made when first needed.
#[derive(Default)]
pub(crate) struct Analyzers {
    options: StatementOptions,
    postgres: Option<Analyzer>,
    mysql: Option<Analyzer>,
}

impl Analyzers {
    pub(crate) fn new(options: StatementOptions) -> Analyzers {
        Analyzers {
            options,
            postgres: None,
            mysql: None,
        }
    }

    /// The analyzer for a server's SQL.
    pub(crate) fn of(&mut self, dialect: Dialect) -> &mut Analyzer {
        let analyzer = match dialect {
            Dialect::Postgres => &mut self.postgres,
            Dialect::Mysql => &mut self.mysql,
        };
        analyzer.get_or_insert_with(|| Analyzer::new(self.options.of(dialect)))
    }
}

/// Normalized texts by fingerprint.
#[derive(Default)]
pub(crate) struct Texts {
    texts: Sums<Fingerprint, Text>,
}

/// What both dialects write alike may be printed differently: the smaller text is it.
#[derive(Default)]
struct Text(Option<String>);

impl Merge for Text {
    fn merge(&mut self, other: Text) {
        self.0 = match (self.0.take(), other.0) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

impl Texts {
    /// The fingerprint of a statement, whose text is kept; `None` without a statement.
    pub(crate) fn fingerprint(
        &mut self,
        analyzers: &mut Analyzers,
        dialect: Dialect,
        statement: &[u8],
    ) -> Option<Fingerprint> {
        if statement.is_empty() {
            return None;
        }
        let analyzer = analyzers.of(dialect);
        let fingerprint = analyzer.fingerprint(statement);
        if !self.texts.knows(&fingerprint) {
            let normalized = analyzer.analyze(statement).normalized.to_owned();
            self.texts.of(fingerprint).merge(Text(Some(normalized)));
        }
        Some(fingerprint)
    }

    pub(crate) fn merge(&mut self, other: Texts) {
        self.texts.merge(other.texts);
    }

    /// All that are known.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Fingerprint, String)> {
        let (texts, _) = self.texts.finish();
        texts
            .into_iter()
            .filter_map(|(fingerprint, text)| Some((fingerprint, text.0?)))
    }
}
