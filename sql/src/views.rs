//! The views and their contract. Each is one file under `views/`: a header comment that says what a row is and what each column
//! holds, then the query. The header is not decoration: `\d` prints it and a test compares it with the query's columns.

/// One view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Name in SQL.
    pub name: &'static str,
    /// The whole file.
    pub sql: &'static str,
}

/// Every view, by name.
pub const VIEWS: &[View] = &[
    View {
        name: "executions",
        sql: include_str!("views/executions.sql"),
    },
    View {
        name: "findings",
        sql: include_str!("views/findings.sql"),
    },
    View {
        name: "ledger",
        sql: include_str!("views/ledger.sql"),
    },
    View {
        name: "metrics",
        sql: include_str!("views/metrics.sql"),
    },
    View {
        name: "queries",
        sql: include_str!("views/queries.sql"),
    },
    View {
        name: "rejects",
        sql: include_str!("views/rejects.sql"),
    },
    View {
        name: "replication_lag",
        sql: include_str!("views/replication_lag.sql"),
    },
    View {
        name: "rollup_day",
        sql: include_str!("views/rollup_day.sql"),
    },
    View {
        name: "rollup_hour",
        sql: include_str!("views/rollup_hour.sql"),
    },
    View {
        name: "server_events",
        sql: include_str!("views/server_events.sql"),
    },
];

impl View {
    /// The view of that name.
    pub fn find(name: &str) -> Option<View> {
        VIEWS.iter().find(|view| view.name == name).copied()
    }

    /// What one row is: the prose above the columns, as one line.
    pub fn description(&self) -> String {
        let prose: Vec<&str> = self.header().take_while(|line| !line.is_empty()).collect();
        prose.join(" ")
    }

    /// The first sentence of [`View::description`].
    pub fn summary(&self) -> String {
        let description = self.description();
        match description.split_once(". ") {
            Some((first, _)) => first.to_owned(),
            None => description.trim_end_matches('.').to_owned(),
        }
    }

    /// `(column, what it holds)` in the order of the view.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.header()
            .skip_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(": "))
    }

    /// The lines of the header comment, without the comment marks.
    fn header(&self) -> impl Iterator<Item = &'static str> {
        self.sql
            .lines()
            .map_while(|line| line.strip_prefix("--"))
            .map(str::trim)
    }
}
