//! What people type, and what is found for it.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;

/// A folder with files of the given names, each holding its own name.
fn folder(files: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

/// Discovers arguments relative to the folder (`-` and absolute ones as they are).
fn find(folder: &TempDir, arguments: &[&str]) -> Result<Discovery, IngestError> {
    let absolute = |argument: &&str| match *argument {
        "-" => "-".to_owned(),
        "" => folder.path().to_str().unwrap().to_owned(),
        relative => folder.path().join(relative).to_str().unwrap().to_owned(),
    };
    discover(&arguments.iter().map(absolute).collect::<Vec<_>>())
}

#[track_caller]
fn check(folder: &TempDir, arguments: &[&str], expect: &[&str]) -> Discovery {
    let discovery = find(folder, arguments).unwrap();
    let prefix = format!("{}/", folder.path().display());
    let names: Vec<&str> = discovery
        .sources
        .iter()
        .map(|s| s.name.strip_prefix(&prefix).unwrap_or(&s.name))
        .collect();
    assert_eq!(names, expect);
    discovery
}

#[track_caller]
fn check_error(folder: &TempDir, arguments: &[&str], expect: &str) {
    let error = find(folder, arguments).unwrap_err();
    let message = error
        .to_string()
        .replace(&format!("{}", folder.path().display()), "DIR");
    assert_eq!(message, expect);
    assert!(error.hint().is_some(), "{message}");
}

#[test]
fn files_stay_in_the_order_of_the_arguments() {
    let folder = folder(&["b.log", "a.log"]);
    let discovery = check(
        &folder,
        &["b.log", "-", "a.log", "-"],
        &["b.log", "<stdin>", "a.log"],
    );
    assert_eq!(discovery.sources[0].bytes_on_disk, Some(5));
    assert_eq!(discovery.sources[1], Source::stdin());
}

#[test]
fn a_directory_stands_for_its_visible_files_sorted() {
    let folder = folder(&[
        "z.log",
        "sub/deep/c.log",
        "sub/a.log",
        ".hidden",
        ".git/config",
        "sub-b.log",
    ]);
    symlink("nowhere", folder.path().join(".dangling")).unwrap();
    let discovery = check(
        &folder,
        &[""],
        &["sub/a.log", "sub/deep/c.log", "sub-b.log", "z.log"],
    );
    assert!(discovery.failures.is_empty());
    check(&folder, &[".hidden", ".git"], &[".hidden", ".git/config"]);
}

#[test]
fn patterns_are_tried_when_no_such_file_exists() {
    let folder = folder(&[
        "db-1.log",
        "db-2.log",
        "db-[x].log",
        ".db-3.log",
        "sub/db-4.log",
        "other",
    ]);
    check(&folder, &["db-?.log"], &["db-1.log", "db-2.log"]);
    check(&folder, &["db-[x].log"], &["db-[x].log"]);
    check(&folder, &["*.log"], &["db-1.log", "db-2.log", "db-[x].log"]);
    check(
        &folder,
        &["**/*.log"],
        &["db-1.log", "db-2.log", "db-[x].log", "sub/db-4.log"],
    );
    check(&folder, &["s*"], &["sub/db-4.log"]);
}

#[test]
fn the_same_file_is_read_once() {
    let folder = folder(&["a.log", "b.log", "sub/c.log"]);
    symlink("a.log", folder.path().join("link-to-a")).unwrap();
    fs::hard_link(
        folder.path().join("b.log"),
        folder.path().join("second-name-of-b"),
    )
    .unwrap();
    check(
        &folder,
        &["link-to-a", "a.log", "*.log", "a.log"],
        &["link-to-a", "b.log"],
    );
    check(&folder, &[""], &["a.log", "b.log", "sub/c.log"]);
    check(&folder, &["sub/c.log", "sub", "sub"], &["sub/c.log"]);
}

#[test]
fn circles_of_links_end() {
    let folder = folder(&["sub/a.log"]);
    symlink("..", folder.path().join("sub/up")).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    let discovery = check(&folder, &[""], &["sub/a.log"]);
    assert_eq!(discovery.failures.len(), 1, "{:?}", discovery.failures);
}

#[test]
fn a_failure_stands_beside_the_others() {
    let folder = folder(&["a.log", "secret.log", "packed.zip"]);
    fs::write(folder.path().join("packed.zip"), b"PK\x03\x04...").unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    let secret = folder.path().join("secret.log");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    let discovery = find(&folder, &["", "gone.log"]).unwrap();
    let failures: Vec<String> = discovery
        .failures
        .iter()
        .map(|failure| failure.to_string())
        .collect();
    let is = |index: usize, end: &str| assert!(failures[index].ends_with(end), "{failures:?}");
    is(0, "dangling: a symbolic link to something that does not exist");
    is(1, "packed.zip: a zip archive, which is not supported");
    is(failures.len() - 1, "gone.log: no such file or directory");
    // A superuser reads it all the same.
    if fs::File::open(&secret).is_err() {
        assert_eq!(discovery.sources.len(), 1);
        is(2, "secret.log: cannot open: Permission denied (os error 13)");
        assert!(discovery.failures[2].hint().unwrap().contains("group"));
    }
}

#[test]
fn nothing_found_is_an_error_that_says_what_to_do() {
    let folder = folder(&[".hidden"]);
    check_error(&folder, &["gone.log"], "DIR/gone.log: no such file or directory");
    check_error(&folder, &[""], "DIR: no file in this directory");
    check_error(&folder, &["*.log"], "DIR/*.log: no file matches this pattern");
    let error = find(&folder, &["a[b"]).unwrap_err();
    assert!(
        error.to_string().contains("a[b: not a valid pattern: "),
        "{error}"
    );
    check_error(
        &folder,
        &["gone.log", ""],
        "nothing to read: DIR/gone.log: no such file or directory; DIR: no file in this directory",
    );
    let error = discover(&[]).unwrap_err();
    assert!(matches!(error, IngestError::NothingNamed) && error.hint().is_some());
}

#[test]
fn devices_and_sockets_are_refused_by_name_and_passed_over_in_directories() {
    let folder = folder(&["a.log"]);
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let discovery = check(&folder, &["", "socket", "/dev/null"], &["a.log"]);
    let kinds: Vec<_> = discovery.failures.iter().map(ToString::to_string).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds[0].ends_with("socket: a socket, which cannot be read as a log"));
    assert_eq!(kinds[1], "/dev/null: a device, which cannot be read as a log");
}

#[test]
fn named_pipes_and_empty_files_are_sources() {
    let folder = folder(&["a.log"]);
    fs::write(folder.path().join("empty"), b"").unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let discovery = check(&folder, &["pipe", "empty"], &["pipe", "empty"]);
    assert_eq!(discovery.sources[0].bytes_on_disk, None);
    assert_eq!(discovery.sources[1].bytes_on_disk, Some(0));
    check(&folder, &[""], &["a.log", "empty"]);
}

#[test]
fn compression_is_told_by_content_not_by_name() {
    let folder = folder(&["plain.gz"]);
    fs::write(
        folder.path().join("packed.log"),
        zstd::encode_all(&b"text"[..], 1).unwrap(),
    )
    .unwrap();
    let discovery = check(&folder, &[""], &["packed.log", "plain.gz"]);
    let compressions: Vec<_> = discovery
        .sources
        .iter()
        .map(|source| source.compression)
        .collect();
    assert_eq!(compressions, [Compression::Zstd, Compression::None]);
}
