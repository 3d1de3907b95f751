//! Runs statements and backslash commands one after the other, for scripts and for the shell alike. Holds what they change: form
//! of output, where it goes, the snapshot that is read.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use slowlake_sql::{Column, FUNCTIONS, QueryResult, Rows, Session, SqlError, VIEWS, View, statements};
use slowlake_store::Lake;
use tokio::runtime::Runtime;

use super::backslash::{self, Backslash, COMMANDS};
use super::print::{Output, Printer, Style};
use super::table::Table;
use crate::command::lake::{sql_error, store_error};
use crate::output;
use crate::render::quantity::{bytes, count, duration};

/// Files that include files, at most so deep.
const INCLUDE_DEPTH_MAX: usize = 16;
/// A statement that runs longer shows how far it is.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// See the module documentation.
pub(super) struct Runner {
    runtime: Runtime,
    lake: Lake,
    session: Session,
    style: Style,
    output: Output,
    mode: Mode,
    include_depth: usize,
}

/// What there is around a runner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// A person types the statements, so that Ctrl-C stops one of them instead of the process.
    pub(super) is_interactive: bool,
    /// Somebody watches standard error.
    pub(super) shows_progress: bool,
    /// Columns of the terminal, if there is one.
    pub(super) columns: usize,
}

/// Whether to go on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    Quit,
}

/// What a line of a script or a shell came to.
pub(super) enum Fed<'s> {
    /// Statements to run, and the rest that waits for more lines.
    Statements { complete: Vec<&'s str>, rest: &'s str },
    /// A backslash command.
    Command(&'s str),
}

/// What is to be done now that `line` has come behind `waiting`, which ends in a line break; `together` is both.
pub(super) fn feed<'s>(together: &'s str, line: &'s str) -> Fed<'s> {
    if line.trim_start().starts_with('\\') {
        return Fed::Command(line);
    }
    let found = statements(together);
    let rest = found
        .last()
        .filter(|last| !last.terminated)
        .map_or("", |last| last.text);
    let complete = found
        .iter()
        .filter(|statement| statement.terminated)
        .map(|statement| statement.text);
    Fed::Statements {
        complete: complete.collect(),
        rest,
    }
}

impl Runner {
    /// A runner at the beginning; whoever has a lake has a session over it.
    pub(super) fn new(
        runtime: Runtime,
        (lake, session): (Lake, Session),
        style: Style,
        output: Output,
        mode: Mode,
    ) -> Runner {
        Runner {
            runtime,
            lake,
            session,
            style,
            output,
            mode,
            include_depth: 0,
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn lake(&self) -> &Lake {
        &self.lake
    }

    /// Runs a whole script; the first error ends it. The last statement needs no semicolon.
    pub(super) fn script(&mut self, script: &str) -> anyhow::Result<()> {
        let mut waiting = String::new();
        for line in script.lines() {
            let together = format!("{waiting}{line}\n");
            match feed(&together, line) {
                Fed::Command(command) => {
                    if self.command(command)? == Next::Quit {
                        return Ok(());
                    }
                }
                Fed::Statements { complete, rest } => {
                    complete.iter().try_for_each(|sql| self.statement(sql))?;
                    waiting.clear();
                    if !rest.is_empty() {
                        waiting.push_str(rest);
                        waiting.push('\n');
                    }
                }
            }
        }
        match waiting.trim() {
            "" => Ok(()),
            last => self.statement(last),
        }
    }

    /// Runs the script in a file.
    pub(super) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.include_depth >= INCLUDE_DEPTH_MAX {
            anyhow::bail!(
                "{}: files include each other {INCLUDE_DEPTH_MAX} deep",
                path.display()
            );
        }
        let script =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.include_depth += 1;
        let done = self.script(&script).with_context(|| path.display().to_string());
        self.include_depth -= 1;
        done
    }

    /// Everything written so far goes out.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.output.flush()
    }

    /// Runs one statement and writes its answer.
    pub(super) fn statement(&mut self, sql: &str) -> anyhow::Result<()> {
        let Runner {
            runtime,
            session,
            style,
            output,
            mode,
            ..
        } = self;
        let began = Instant::now();
        let done = runtime.block_on(async {
            tokio::select! {
                done = answer(session, sql, *style, output, mode.shows_progress.then_some(began)) => done,
                _ = tokio::signal::ctrl_c(), if mode.is_interactive => Err(anyhow::anyhow!("canceled")),
            }
        });
        self.output.flush()?;
        done?;
        if self.style.timing {
            output::say(
                "time",
                &duration(i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX)),
            );
        }
        Ok(())
    }

    /// Looks whether the lake has a newer snapshot and reads that from now on.
    pub(super) fn refresh(&mut self) -> anyhow::Result<()> {
        let before = self.lake.version();
        self.runtime.block_on(self.lake.refresh()).map_err(store_error)?;
        if self.lake.version() != before {
            self.runtime
                .block_on(self.session.refresh(&self.lake))
                .map_err(sql_error)?;
        }
        Ok(())
    }

    /// Runs one backslash command.
    pub(super) fn command(&mut self, line: &str) -> anyhow::Result<Next> {
        match backslash::parse(line).map_err(anyhow::Error::msg)? {
            Backslash::Quit => return Ok(Next::Quit),
            // What is being typed is the caller's.
            Backslash::Reset => {}
            Backslash::Help => self.list(
                &["command", "what it does"],
                COMMANDS.iter().map(|(name, text)| vec![*name, *text]),
            )?,
            Backslash::Views => {
                let summaries: Vec<(&str, String)> =
                    VIEWS.iter().map(|view| (view.name, view.summary())).collect();
                self.list(
                    &["view", "content"],
                    summaries.iter().map(|(name, summary)| vec![*name, summary]),
                )?;
            }
            Backslash::Functions => {
                let rows = FUNCTIONS
                    .iter()
                    .map(|function| vec![function.name, function.signature, function.description]);
                self.list(&["function", "takes and gives", "what it is"], rows)?;
            }
            Backslash::Columns(name) => self.columns(&name)?,
            Backslash::Timing(to) => self.style.timing = switch("timing", self.style.timing, to),
            Backslash::Expanded(to) => {
                self.style.expanded = switch("expanded output", self.style.expanded, to)
            }
            Backslash::Human(to) => self.style.human = switch("durations with units", self.style.human, to),
            Backslash::Output(path) => {
                self.output = Output::open(path.as_deref().map(Path::new), self.mode.columns)?
            }
            Backslash::Include(path) => self.file(Path::new(&path))?,
        }
        self.output.flush()?;
        Ok(Next::Go)
    }

    /// The columns of a view, with type and meaning.
    fn columns(&mut self, name: &str) -> anyhow::Result<()> {
        let sql = format!("SELECT * FROM \"{}\" LIMIT 0", name.replace('"', "\"\""));
        let result = self
            .runtime
            .block_on(self.session.query(&sql))
            .map_err(sql_error)?;
        let meanings: Vec<(&str, &str)> = match View::find(name) {
            Some(view) => view.columns().collect(),
            None => slowlake_store::columns()
                .map(|column| (column.name, column.meaning))
                .collect(),
        };
        let meaning = |name: &str| {
            meanings
                .iter()
                .find(|(column, _)| *column == name)
                .map_or("", |(_, meaning)| *meaning)
        };
        let rows = result
            .columns()
            .iter()
            .map(|column| vec![column.name.as_str(), &column.sql_type, meaning(&column.name)]);
        self.list(&["column", "type", "what it holds"], rows)
    }

    /// A small table of texts.
    fn list<'r>(&mut self, names: &[&str], rows: impl Iterator<Item = Vec<&'r str>>) -> anyhow::Result<()> {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            sql_type: "TEXT".to_owned(),
            is_number: false,
        };
        let columns: Vec<Column> = names.iter().map(column).collect();
        let rows: Vec<Vec<String>> = rows
            .map(|row| row.into_iter().map(str::to_owned).collect())
            .collect();
        let table = Table::fit(&columns, &rows, None);
        let mut text = String::new();
        table.head(&columns, &mut text);
        rows.iter().for_each(|row| table.row(row, &mut text));
        text.push('\n');
        self.output.write(&text)
    }
}

async fn answer(
    session: &Session,
    sql: &str,
    style: Style,
    output: &mut Output,
    progress_since: Option<Instant>,
) -> anyhow::Result<()> {
    let mut result = session.query(sql).await.map_err(sql_error)?;
    let mut printer = Printer::begin(result.columns(), style, output)?;
    while let Some(rows) = next_rows(&mut result, progress_since).await.map_err(sql_error)? {
        printer.rows(&rows)?;
    }
    printer.end()
}

/// Waits for rows; when that takes long, a line on standard error tells how much has been read.
async fn next_rows(
    result: &mut QueryResult,
    progress_since: Option<Instant>,
) -> Result<Option<Rows>, SqlError> {
    let Some(began) = progress_since else {
        return result.next().await;
    };
    let mut bar: Option<ProgressBar> = None;
    loop {
        // The timer ends the wait, not the work: the stream goes on where it was.
        if let Ok(rows) = tokio::time::timeout(PROGRESS_EVERY, result.next()).await {
            return rows;
        }
        if began.elapsed() >= PROGRESS_AFTER {
            let read = result.progress();
            let rows = count(i64::try_from(read.rows).unwrap_or(i64::MAX));
            let message = format!(
                "{} s   {rows} rows, {} read",
                began.elapsed().as_secs(),
                bytes(read.bytes as u64)
            );
            bar.get_or_insert_with(progress_line).set_message(message);
        }
    }
}

/// A line that goes away when it is dropped, also by Ctrl-C.
fn progress_line() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner()
        .with_style(style)
        .with_finish(ProgressFinish::AndClear)
}

/// The new state of a switch, said to the person who turned it.
fn switch(what: &str, is_on: bool, to: Option<bool>) -> bool {
    let to = to.unwrap_or(!is_on);
    output::say(what, if to { "on" } else { "off" });
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(waiting: &str, line: &str, expected: (&[&str], &str)) {
        match feed(&format!("{waiting}{line}\n"), line) {
            Fed::Command(command) => assert_eq!((&[command][..], "\\"), expected),
            Fed::Statements { complete, rest } => assert_eq!((&complete[..], rest), expected),
        }
    }

    #[test]
    fn lines_make_statements() {
        check("", "select 1;", (&["select 1"], ""));
        check("", "select", (&[], "select"));
        check(
            "select\n",
            "1; select 2; select",
            (&["select\n1", "select 2"], "select"),
        );
        check("select '\n", "\\x'", (&["\\x'"], "\\"));
        check("", " \\d executions", (&[" \\d executions"], "\\"));
        check("", "-- nothing", (&[], ""));
    }
}
