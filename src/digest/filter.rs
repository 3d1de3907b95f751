//! Which entries count: by time, by who, by what the statement says. Never looks at a byte that nobody asked about.

use regex::bytes::RegexSet;
use slowlake_parse::{Execution, LogEntry};

/// What an entry must be like. Several values of one kind are alternatives; an entry that does not say is not like any of them.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// From (within) to (outside), µs since 1970 UTC.
    pub(crate) window: Option<(i64, i64)>,
    pub(crate) databases: Vec<String>,
    pub(crate) users: Vec<String>,
    pub(crate) applications: Vec<String>,
    pub(crate) clients: Vec<String>,
    /// Names of servers as the log's wrapper says them; logs without are of the server that was asked for.
    pub(crate) servers: Vec<String>,
    /// One of them must match the statement.
    pub(crate) include: Option<RegexSet>,
    /// None of them may match the statement.
    pub(crate) exclude: Option<RegexSet>,
}

impl Filter {
    pub(crate) fn wants_execution(&self, execution: &Execution<'_>) -> bool {
        let origin = [
            execution.database,
            execution.user,
            execution.application,
            execution.client,
        ];
        self.wants_time(execution.start_us.or(execution.end_us))
            && self.wants_origin(origin, execution.host)
            && self.wants_statement(execution.statement)
    }

    pub(crate) fn wants_event(&self, entry: &LogEntry<'_>) -> bool {
        let origin = [entry.database, entry.user, entry.application, entry.client];
        self.wants_time(entry.time_us)
            && self.wants_origin(origin, entry.host)
            && self.wants_statement(entry.statement)
    }

    fn wants_time(&self, time_us: Option<i64>) -> bool {
        self.window
            .is_none_or(|(from_us, to_us)| time_us.is_some_and(|us| (from_us..to_us).contains(&us)))
    }

    fn wants_origin(&self, origin: [&[u8]; 4], host: &[u8]) -> bool {
        let wanted = [&self.databases, &self.users, &self.applications, &self.clients];
        let is_one_of = |names: &[String], name: &[u8]| {
            names.is_empty() || names.iter().any(|wanted| wanted.as_bytes() == name)
        };
        wanted
            .iter()
            .zip(origin)
            .all(|(names, name)| is_one_of(names, name))
            && (host.is_empty() || is_one_of(&self.servers, host))
    }

    fn wants_statement(&self, statement: &[u8]) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(statement))
            && !self.exclude.as_ref().is_some_and(|set| set.is_match(statement))
    }
}

#[cfg(test)]
mod tests {
    use slowlake_parse::Span;
    use slowlake_parse::statement::Dialect;

    use super::*;

    #[test]
    fn each_part_can_refuse() {
        let wants = |change: &dyn Fn(&mut Filter)| {
            let mut execution = Execution::new(Span { start: 0, end: 1 }, Dialect::Postgres, 7);
            execution.start_us = Some(100);
            (execution.database, execution.user) = (b"shop", b"web");
            (execution.host, execution.statement) = (b"db-7", b"SELECT 1 FROM t");
            let mut filter = Filter::default();
            change(&mut filter);
            filter.wants_execution(&execution)
        };
        let set = |pattern: &str| RegexSet::new([pattern]).ok();
        let list = |name: &str| vec!["other".to_owned(), name.to_owned()];
        assert!(wants(&|_| {}));
        assert!(wants(&|filter| filter.window = Some((100, 101))));
        assert!(!wants(&|filter| filter.window = Some((99, 100))));
        assert!(wants(&|filter| filter.databases = list("shop")));
        assert!(!wants(&|filter| filter.users = list("shop")));
        assert!(!wants(&|filter| filter.applications = list("psql")));
        assert!(wants(&|filter| filter.servers = list("db-7")));
        assert!(!wants(&|filter| filter.servers = list("db-8")));
        assert!(wants(&|filter| filter.include = set("(?i)from t")));
        assert!(!wants(&|filter| filter.include = set("from t")));
        assert!(!wants(&|filter| filter.exclude = set("SELECT")));
    }
}
