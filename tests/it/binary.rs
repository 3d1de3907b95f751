//! The binary under test: a temporary folder of its own, runs with arguments, and what came out. Knows no command and no format; the
//! tests say what is to be expected.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder to run the binary in. It is the current folder of every run and goes away at the end.
pub(crate) struct Binary {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit status; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Binary {
    /// The program's path.
    pub(crate) const PATH: &'static str = env!("CARGO_BIN_EXE_slowlake");

    pub(crate) fn new() -> Binary {
        Binary {
            folder: TempDir::with_prefix("slowlake-it-").expect("a temporary folder"),
        }
    }

    /// The temporary folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the temporary folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the temporary folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path
    }

    /// Adds to the end of a file in the temporary folder.
    pub(crate) fn append(&self, name: &str, content: impl AsRef<[u8]>) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(self.path(name))
            .expect("a file to append to");
        file.write_all(content.as_ref())
            .expect("room in the temporary folder");
    }

    /// The program, not yet run: in the temporary folder, with an environment that says nothing.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(Binary::PATH);
        self.settle(&mut command);
        command.args(arguments);
        command
    }

    /// Runs the program without standard input.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Run {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the program to start")
            .into()
    }

    /// Runs the program with `input` as its standard input.
    pub(crate) fn run_with<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S], input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program to start");
        let mut stdin = child.stdin.take().expect("a pipe was asked for");
        std::thread::scope(|scope| {
            // A program that has read enough closes its end: no error of ours.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().expect("the program to end").into()
        })
    }

    /// Runs a line of `sh` in the temporary folder; the program is `$SLOWLAKE`.
    pub(crate) fn sh(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        self.settle(&mut command);
        command.env("SLOWLAKE", Binary::PATH).args(["-c", line]);
        command.stdin(Stdio::null()).output().expect("sh to start").into()
    }

    fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.folder())
            .env("COLUMNS", "120")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC");
        command.env_remove("SLOWLAKE_LAKE").env_remove("RUST_LOG");
    }
}

impl Run {
    /// The same run, if it ended with `code`; else a panic that shows what it said.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Run {
        let Run {
            code: found,
            stdout,
            stderr,
        } = &self;
        assert_eq!(
            *found,
            Some(code),
            "exit status; standard output:\n{stdout}\nstandard error:\n{stderr}"
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let Run { stdout, stderr, .. } = self;
        serde_json::from_str(stdout)
            .unwrap_or_else(|error| panic!("{error}: not JSON: {stdout}\nstandard error:\n{stderr}"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// A file of the repository, `tests/corpus/…` for one.
pub(crate) fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A recorded log, decompressed: `postgres/15/mixed.stderr.log` for one.
pub(crate) fn corpus(name: &str) -> Vec<u8> {
    let path = repository_file("tests/corpus").join(format!("{name}.zst"));
    let output = Command::new("zstd")
        .args(["-dcq"])
        .arg(&path)
        .output()
        .expect("zstd to start");
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{}: cannot be decompressed",
        path.display()
    );
    output.stdout
}
