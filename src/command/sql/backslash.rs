//! The commands of the shell that begin with a backslash, as people know them from psql. Reads one line; never runs anything.

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Backslash {
    /// `\?`
    Help,
    /// `\q`
    Quit,
    /// `\d` and `\dv`
    Views,
    /// `\d NAME`
    Columns(String),
    /// `\df`
    Functions,
    /// `\timing [on|off]`; `None` turns it over.
    Timing(Option<bool>),
    /// `\x [on|off]`
    Expanded(Option<bool>),
    /// `\human [on|off]`
    Human(Option<bool>),
    /// `\o [FILE]`
    Output(Option<String>),
    /// `\i FILE`
    Include(String),
    /// `\r`
    Reset,
}

/// Every command with what it does, for `\?` and completion.
pub(super) const COMMANDS: &[(&str, &str)] = &[
    ("\\?", "this list"),
    ("\\d", "the views; \\d NAME the columns of one"),
    ("\\df", "the functions that are not in every SQL"),
    ("\\dv", "the views"),
    ("\\human", "[on|off] durations with units instead of microseconds"),
    ("\\i", "FILE runs the statements of a file"),
    (
        "\\o",
        "[FILE] writes answers to a file, without one to the terminal again",
    ),
    ("\\q", "leaves, like Ctrl-D"),
    ("\\r", "forgets the statement that is being typed"),
    ("\\timing", "[on|off] tells how long each statement took"),
    ("\\x", "[on|off] one line a value instead of one line a row"),
];

/// Reads a line that begins with a backslash; the error says what is wrong with it.
pub(super) fn parse(line: &str) -> Result<Backslash, String> {
    // A semicolon comes by habit.
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = Some(argument.trim().trim_matches('"')).filter(|argument| !argument.is_empty());
    let switch = || match argument {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(other) => Err(format!("{name} takes on, off or nothing, not \"{other}\"")),
    };
    match name {
        "\\?" | "\\h" => Ok(Backslash::Help),
        "\\q" => Ok(Backslash::Quit),
        "\\d" | "\\d+" | "\\dt" | "\\dv" => {
            Ok(argument.map_or(Backslash::Views, |name| Backslash::Columns(name.to_owned())))
        }
        "\\df" => Ok(Backslash::Functions),
        "\\timing" => switch().map(Backslash::Timing),
        "\\x" => switch().map(Backslash::Expanded),
        "\\human" => switch().map(Backslash::Human),
        "\\o" => Ok(Backslash::Output(argument.map(str::to_owned))),
        "\\i" => match argument {
            Some(path) => Ok(Backslash::Include(path.to_owned())),
            None => Err("\\i takes the name of a file".to_owned()),
        },
        "\\r" => Ok(Backslash::Reset),
        _ => Err(format!("{name} is no command; \\? lists them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Backslash, &str>) {
        assert_eq!(parse(line), expected.map_err(str::to_owned), "{line}");
    }

    #[test]
    fn commands_and_their_arguments() {
        check("\\q", Ok(Backslash::Quit));
        check(" \\d ;", Ok(Backslash::Views));
        check("\\d executions;", Ok(Backslash::Columns("executions".to_owned())));
        check(
            "\\d \"executions\"",
            Ok(Backslash::Columns("executions".to_owned())),
        );
        check("\\timing", Ok(Backslash::Timing(None)));
        check("\\x on", Ok(Backslash::Expanded(Some(true))));
        check("\\human off", Ok(Backslash::Human(Some(false))));
        check("\\x maybe", Err("\\x takes on, off or nothing, not \"maybe\""));
        check("\\o", Ok(Backslash::Output(None)));
        check("\\o a b.txt", Ok(Backslash::Output(Some("a b.txt".to_owned()))));
        check("\\i", Err("\\i takes the name of a file"));
        check("\\copy", Err("\\copy is no command; \\? lists them"));
    }

    #[test]
    fn every_command_of_the_list_is_one() {
        for (name, _) in COMMANDS {
            assert!(
                parse(&format!("{name} file")).is_ok() || parse(name).is_ok(),
                "{name}"
            );
        }
    }
}
