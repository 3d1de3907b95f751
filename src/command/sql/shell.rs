//! The shell: prompt, history, lines that become statements, Ctrl-C for the statement and Ctrl-D for the shell. Runs nothing
//! itself.

use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::complete::Completions;
use super::runner::{Fed, Next, Runner, feed};
use crate::output;
use crate::render::quantity::{bytes, count};
use crate::settings::Settings;

const PROMPT: &str = "slowlake=> ";
const PROMPT_MORE: &str = "slowlake-> ";
/// Statements that the history keeps.
const HISTORY_MAX: usize = 10_000;

/// Talks until the person leaves.
pub(super) fn run(runner: &mut Runner, settings: &Settings) -> anyhow::Result<()> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .build();
    let mut editor: Editor<Completions, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Completions::new(runner.session().function_names())));
    let history = history_file(settings.state_folder.as_deref());
    if let Some(path) = &history {
        // There is none at the first time.
        let _ = editor.load_history(path);
    }
    greet(runner);
    talk(runner, &mut editor)?;
    if let Some(path) = &history
        && let Err(error) = editor.append_history(path)
    {
        output::say(
            "warning",
            &format!("the history is not kept: {}: {error}", path.display()),
        );
    }
    Ok(())
}

fn talk(runner: &mut Runner, editor: &mut Editor<Completions, FileHistory>) -> anyhow::Result<()> {
    let mut waiting = String::new();
    loop {
        let line = match editor.readline(if waiting.is_empty() { PROMPT } else { PROMPT_MORE }) {
            Ok(line) => line,
            // As in psql: the statement that is being typed goes, the shell stays.
            Err(ReadlineError::Interrupted) => {
                waiting.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let line = match (waiting.is_empty(), line.trim().trim_end_matches(';')) {
            (true, "quit" | "exit") => "\\q".to_owned(),
            (true, "help") => "\\?".to_owned(),
            _ => line,
        };
        let together = format!("{waiting}{line}\n");
        match feed(&together, &line) {
            Fed::Command(command) => {
                remember(editor, command.trim());
                if command.trim().starts_with("\\r") {
                    waiting.clear();
                }
                match runner.command(command) {
                    Ok(Next::Go) => {}
                    Ok(Next::Quit) => return Ok(()),
                    Err(error) => say(&error),
                }
            }
            Fed::Statements { complete, rest } => {
                if !complete.is_empty() {
                    remember(editor, together.trim());
                }
                for sql in complete {
                    let done = runner.refresh().and_then(|()| runner.statement(sql));
                    if let Err(error) = done {
                        say(&error);
                        break;
                    }
                }
                waiting = if rest.is_empty() {
                    String::new()
                } else {
                    format!("{rest}\n")
                };
            }
        }
    }
}

/// An error, its hint on a line of its own.
fn say(error: &anyhow::Error) {
    output::say("error", &format!("{error:#}"));
}

fn remember(editor: &mut Editor<Completions, FileHistory>, text: &str) {
    // A history that is full or of no use is no reason to stop.
    let _ = editor.add_history_entry(text);
}

fn history_file(folder: Option<&Path>) -> Option<PathBuf> {
    let folder = folder?;
    std::fs::create_dir_all(folder).ok()?;
    Some(folder.join("history"))
}

fn greet(runner: &Runner) {
    let lake = runner.lake();
    let size = match lake.statistics() {
        Ok(lake) => format!("{} rows in {}", count(lake.rows as i64), bytes(lake.bytes)),
        Err(_) => "of unknown size".to_owned(),
    };
    output::say("lake", &format!("{}, {size}", lake.location()));
    output::say("help", "\\? lists the commands, \\d the views, \\q leaves");
}
