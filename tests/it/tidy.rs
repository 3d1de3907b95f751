//! The house rules that neither compiler nor clippy knows: who may depend on whom, what names are banned, how long a function may
//! be, what text must not hold. Reads manifests and source text only; never builds, never touches the network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

const FUNCTION_LINES_AIM: usize = 70;
const FUNCTION_LINES_MAX: usize = 100;
const FILE_CODE_LINES_MAX: usize = 600;

/// Workspace crate → workspace crates it may depend on. Arrows go down, never up, never sideways.
const ARROWS: [(&str, &[&str]); 7] = [
    (
        "slowlake",
        &[
            "slowlake-ingest",
            "slowlake-parse",
            "slowlake-store",
            "slowlake-sql",
            "slowlake-analyze",
        ],
    ),
    (
        "slowlake-analyze",
        &["slowlake-sql", "slowlake-store", "slowlake-parse"],
    ),
    ("slowlake-sql", &["slowlake-store", "slowlake-parse"]),
    ("slowlake-store", &["slowlake-parse"]),
    ("slowlake-parse", &[]),
    ("slowlake-ingest", &[]),
    // Makes lakes for tests and benchmarks.
    ("slowlake-fleet", &["slowlake-store"]),
];

/// Third-party crate → folders whose crate may use it. A name that ends in `*` stands for all that begin so.
const FENCES: [(&str, &[&str]); 24] = [
    ("nom", &["parse"]),
    ("deltalake*", &["store"]),
    ("object_store", &["store"]),
    ("parquet", &["store"]),
    ("arrow*", &["store", "sql", "analyze"]),
    ("datafusion*", &["store", "sql", "analyze"]),
    ("sqlparser", &["sql"]),
    ("ballista*", &["sql"]),
    ("rdkafka*", &["ingest"]),
    ("tokio_postgres*", &["ingest"]),
    ("mysql_async", &["ingest"]),
    ("rustls*", &["ingest", "sql", "src"]),
    ("tokio_rustls", &["sql", "src"]),
    ("pgwire", &["sql"]),
    ("tonic", &["sql"]),
    ("flate2", &["ingest"]),
    ("liblzma", &["ingest"]),
    ("axum", &["src"]),
    ("hyper*", &["src"]),
    ("utoipa", &["src"]),
    ("clap*", &["src"]),
    ("anyhow", &["src"]),
    ("indicatif", &["src"]),
    ("maud", &["src"]),
];

const BANNED_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "prelude"];

/// Crates that must be in the lock file in exactly one version: types of two versions do not fit together.
const SINGLE_VERSIONS: [&str; 3] = ["arrow", "datafusion", "parquet"];

#[test]
fn crate_arrows_go_down_only() {
    let mut complaints = Vec::new();
    for package in packages() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name.as_str()) else {
            complaints.push(format!(
                "{}: a crate without a place; add it to ARROWS in tests/it/tidy.rs",
                package.name
            ));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
        {
            if !allowed.contains(&dependency.name.as_str()) {
                complaints.push(format!(
                    "{}: must not depend on {}; move the code down or convert the type in src",
                    package.manifest_path, dependency.name
                ));
            }
        }
    }
    report(complaints);
}

#[test]
fn third_party_crates_stay_inside_their_fences() {
    let mut complaints = Vec::new();
    for package in packages() {
        let folder = folder_of(&package);
        let used = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development);
        for dependency in used {
            if let Some(allowed) =
                fence(&dependency.name).filter(|allowed| !allowed.contains(&folder.as_str()))
            {
                let name = &dependency.name;
                complaints.push(format!(
                    "{}: {name} belongs to {allowed:?} only",
                    package.manifest_path
                ));
            }
        }
    }
    // A fenced crate can also be reached through another's re-export, which no manifest shows.
    for file in sources().iter().filter(|file| !file.is_test) {
        for (number, line) in file.code_lines() {
            for name in paths_used(line) {
                if fence(name).is_some_and(|allowed| !allowed.contains(&file.folder())) {
                    complaints.push(file.at(number, &format!("`{name}::` is outside its fence; see FENCES")));
                }
            }
        }
    }
    report(complaints);
}

#[test]
fn heavy_crates_are_locked_in_one_version() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in lock.split("[[package]]") {
        let value = |key: &str| {
            entry
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_suffix('"'))
        };
        if let (Some(name), Some(version)) = (value("name = \""), value("version = \"")) {
            versions.entry(name).or_default().insert(version);
        }
    }
    let mut complaints = Vec::new();
    for name in SINGLE_VERSIONS {
        let found = versions.get(name).cloned().unwrap_or_default();
        if found.len() != 1 {
            complaints.push(format!(
                "Cargo.lock: {name} in versions {found:?}; exactly one must remain"
            ));
        }
    }
    report(complaints);
}

#[test]
fn names_say_what_is_inside() {
    let mut complaints = Vec::new();
    for path in files() {
        let relative = path.strip_prefix(root()).unwrap();
        let is_mod = relative.file_name().is_some_and(|name| name == "mod.rs");
        let banned = relative
            .iter()
            .filter_map(|part| Path::new(part).file_stem()?.to_str())
            .find(|stem| BANNED_NAMES.contains(&stem.to_ascii_lowercase().as_str()));
        if is_mod {
            complaints.push(format!(
                "{}: no mod.rs; name it after its folder, beside it",
                relative.display()
            ));
        } else if let Some(name) = banned {
            complaints.push(format!(
                "{}: `{name}` says nothing; name it by its content",
                relative.display()
            ));
        }
    }
    report(complaints);
}

#[test]
fn modules_begin_with_their_responsibility() {
    let is_silent = |file: &&SourceFile| !file.text.starts_with("//! ");
    let complaint = |file: &SourceFile| {
        file.at(
            1,
            "must begin with `//!`: what it is responsible for, what it never does",
        )
    };
    report(sources().iter().filter(is_silent).map(complaint).collect());
}

#[test]
fn functions_and_files_stay_readable() {
    let mut complaints = Vec::new();
    for file in sources() {
        for function in functions(&file.code) {
            let n_lines = function.n_lines;
            if n_lines > FUNCTION_LINES_MAX {
                let advice = format!(
                    "`{}` has {n_lines} lines, at most {FUNCTION_LINES_MAX}; split it",
                    function.name
                );
                complaints.push(file.at(function.line, &advice));
            } else if n_lines > FUNCTION_LINES_AIM {
                let note = format!(
                    "note: `{}` has {n_lines} lines, aim at {FUNCTION_LINES_AIM}",
                    function.name
                );
                println!("{}", file.at(function.line, &note));
            }
        }
        let n_lines = file
            .code_lines()
            .filter(|(_, line)| !line.trim().is_empty())
            .count();
        if !file.is_test && n_lines > FILE_CODE_LINES_MAX {
            let advice =
                format!("{n_lines} lines of code, at most {FILE_CODE_LINES_MAX}; split it by content");
            complaints.push(file.at(1, &advice));
        }
    }
    report(complaints);
}

#[test]
fn no_code_is_left_half_done() {
    let mut complaints = Vec::new();
    for file in sources() {
        for (number, line) in (1..).zip(file.code.lines()) {
            let mut forbid = |what: &str, advice: &str| {
                if line.contains(what) {
                    complaints.push(file.at(number, &format!("`{what}` is forbidden; {advice}")));
                }
            };
            forbid(
                "#[ignore",
                "assert today's behaviour, or gate the test by the environment and say so",
            );
            forbid("dbg!(", "remove it");
            forbid("todo!(", "write it or return an error");
            forbid("unimplemented!(", "write it or return an error");
        }
    }
    report(complaints);
}

#[test]
fn the_environment_is_read_in_one_place() {
    let mut complaints = Vec::new();
    for file in sources()
        .iter()
        .filter(|file| !file.is_test && file.name != "src/settings.rs")
    {
        for (number, line) in file.code_lines() {
            if line.contains("std::env") || line.contains("env::var") {
                complaints.push(file.at(
                    number,
                    "the environment is read in src/settings.rs only; pass the value in",
                ));
            }
        }
    }
    report(complaints);
}

#[test]
fn text_is_clean() {
    // In pieces, so that this file does not hold what it forbids.
    let forbidden: Vec<(String, &str)> = [
        (["/ro", "ot/"], "a path of somebody's machine"),
        (["/ho", "me/"], "a path of somebody's machine"),
        (["/Us", "ers/"], "a path of somebody's machine"),
        (["crates", ".io"], "a registry's host name"),
        (["pypi", ".org"], "a registry's host name"),
        (["npmjs", ".org"], "a registry's host name"),
        (["<<<<", "<<< "], "a merge conflict"),
        ([">>>>", ">>> "], "a merge conflict"),
    ]
    .map(|(pieces, what)| (pieces.concat(), what))
    .into();
    let mut complaints = Vec::new();
    for path in files() {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let is_output = name.ends_with(".lock") || name.ends_with(".snap");
        let Some(text) = fs::read(&path)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
        else {
            continue;
        };
        for (number, line) in (1..).zip(text.split('\n')).filter(|_| !is_output) {
            if line.ends_with([' ', '\t', '\r']) {
                complaints.push(format!("{name}:{number}: ends in white space; remove it"));
            }
            if name.ends_with(".rs") && line.contains('\t') {
                complaints.push(format!(
                    "{name}:{number}: a tab; indent with spaces, write \\t in literals"
                ));
            }
            for (word, what) in forbidden.iter().filter(|(word, _)| line.contains(word.as_str())) {
                complaints.push(format!("{name}:{number}: `{word}` is {what}; remove it"));
            }
        }
        if !is_output && !text.is_empty() && !text.ends_with('\n') {
            complaints.push(format!("{name}: must end in a line break"));
        }
    }
    report(complaints);
}

#[track_caller]
fn report(complaints: Vec<String>) {
    assert!(
        complaints.is_empty(),
        "{} against the house rules:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's own crates, without asking for anybody else's.
fn packages() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()]);
    command.exec().unwrap().packages
}

fn folder_of(package: &Package) -> String {
    let folder = package
        .manifest_path
        .parent()
        .and_then(|folder| folder.strip_prefix(root()).ok());
    match folder.map(|folder| folder.as_str()) {
        Some("") | None => "src".to_owned(),
        Some(folder) => folder.to_owned(),
    }
}

/// The folders that may use a crate; `None` if all may.
fn fence(name: &str) -> Option<&'static [&'static str]> {
    let is_meant = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name
            .strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_'])),
        None => name == pattern,
    };
    FENCES
        .iter()
        .find(|(pattern, _)| is_meant(pattern))
        .map(|(_, allowed)| *allowed)
}

/// The names followed by `::` in a line of code: `a` and `b` in `a::b::c`.
fn paths_used(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("::").filter_map(move |(at, _)| {
        let head = &line[..at];
        let start = head.rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
        (start < at).then(|| &head[start..])
    })
}

/// Every file of the project except the build, the history and the recorded logs.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let mut children: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        children.sort();
        for child in children {
            let name = child.file_name().unwrap().to_string_lossy();
            if child.is_symlink()
                || matches!(&*name, "target" | ".git" | "__pycache__")
                || child.ends_with("tests/corpus")
            {
                continue;
            }
            if child.is_dir() {
                walk(&child, found)
            } else {
                found.push(child)
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found
}

/// A Rust source file.
struct SourceFile {
    /// Its path below the root.
    name: String,
    text: String,
    /// The text with comments blanked and the insides of literals replaced, line by line at the same place.
    code: String,
    /// Whether all of it is test or benchmark code.
    is_test: bool,
}

impl SourceFile {
    /// The numbered lines of code before the test module at the end.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(
            self.code
                .lines()
                .take_while(|line| !line.starts_with("#[cfg(test)]")),
        )
    }

    /// `src` or the member crate's folder.
    fn folder(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.name)
    }
}

fn sources() -> Vec<SourceFile> {
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str()?.to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let is_test = name.ends_with("/tests.rs")
            || name
                .split('/')
                .any(|part| matches!(part, "tests" | "benches" | "examples" | "fuzz"));
        Some(SourceFile {
            code: blank(&text),
            name,
            text,
            is_test,
        })
    };
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files().into_iter().filter(is_rust).filter_map(read).collect()
}

/// Replaces comments by spaces and the insides of literals by `_`, keeping every line break.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (n_bytes, fill) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), ' ')
        } else if rest.starts_with("/*") {
            (block_comment(rest), ' ')
        } else if let Some(n_bytes) = raw_string(rest).filter(|_| !after_name) {
            (n_bytes, '_')
        } else if first == '"' {
            (quoted(rest, '"'), '_')
        } else if first == '\'' && is_character(rest) {
            (quoted(rest, '\''), '_')
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        out.extend(rest[..n_bytes].chars().map(|c| if c == '\n' { c } else { fill }));
        rest = &rest[n_bytes..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a raw string literal at the start of the text.
fn raw_string(text: &str) -> Option<usize> {
    let body = ["br", "cr", "r"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let n_hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[n_hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(n_hashes));
    let n_before = text.len() - inside.len();
    Some(
        inside
            .find(&end)
            .map_or(text.len(), |at| n_before + at + end.len()),
    )
}

/// The length of a literal from its opening to its closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character literal, not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    line: usize,
    n_lines: usize,
}

/// The functions with a body in blanked code.
fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name: String = code[at + 3..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let Some(end) = body_end(&code[at..]).filter(|_| !name.is_empty()) else {
            continue;
        };
        let line = 1 + code[..at].matches('\n').count();
        found.push(Function {
            name,
            line,
            n_lines: 1 + code[at..at + end].matches('\n').count(),
        });
    }
    found
}

/// Where the body of the function at the start of the code ends; `None` for a declaration without one.
fn body_end(code: &str) -> Option<usize> {
    let (mut depth, mut in_body) = (0, false);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' => {
                in_body |= depth == 0;
                depth += 1;
            }
            '}' => {
                depth -= 1;
                if in_body && depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn blanking_keeps_code_and_lines() {
    let check = |text: &str, expect: &str| assert_eq!(blank(text), expect);
    check("a // b\nc", "a     \nc");
    check("a /* { /* } */ */ b", "a                 b");
    check(r#"f("}\"{", 'x', '\'')"#, "f(______, ___, ____)");
    check("r#\"a\"\nb\"# + for", "_____\n___ + for");
    check("fn a<'a>(b: &'a str) { '}' }", "fn a<'a>(b: &'a str) { ___ }");
    check("b\"//\" br\"\\\" c", "b____ _____ c");
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let code = "trait T { fn declared(&self) -> [u8; 4]; }\nfn a(b: [u8; 2]) -> u8 {\n    {\n    }\n}\n\nfn b() {}\nstruct F(fn(u8));\n";
    let measured: Vec<_> = functions(code)
        .into_iter()
        .map(|f| (f.name, f.line, f.n_lines))
        .collect();
    assert_eq!(measured, [("a".to_owned(), 2, 4), ("b".to_owned(), 7, 1)]);
}
