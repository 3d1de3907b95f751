//! Files are written and rotated in every way, and each byte is read once: by a reader that, like the real one, keeps how far it came and
//! may be started anew at any moment.

mod scene;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::*;

use self::scene::*;
use super::*;

#[test]
fn a_growing_file_from_its_first_byte_on() {
    let mut scene = Scene::new(&["a.log"]);
    scene.check(&[]);
    scene.append("a.log", "");
    scene.check(&[]);
    scene.append("a.log", "o");
    scene.check(&["o"]);
    scene.append("a.log", "ne\ntwo\n");
    scene.check(&["one\ntwo\n"]);
}

#[test]
fn renamed_and_created() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    let mut writer = OpenOptions::new().append(true).open(scene.path("a.log")).unwrap();
    scene.rename("a.log", "a.log.1");
    scene.append("a.log", "two\n");
    // The writer has not noticed yet.
    writer.write_all(b"late\n").unwrap();
    scene.check(&["one\nlate\n", "two\n"]);
    // It is found again although it was finished.
    writer.write_all(b"later\n").unwrap();
    scene.check(&["one\nlate\nlater\n", "two\n"]);
    assert_eq!(scene.follower.counts().rotations, 1);
}

#[test]
fn copied_and_cut_off() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    scene.append("a.log", "unread\n");
    scene.copy_truncate("a.log", "a.log.1");
    scene.append("a.log", "two, longer than all before\n");
    scene.check(&["one\nunread\n", "two, longer than all before\n"]);
    let counts = scene.follower.counts();
    assert_eq!((counts.truncations, counts.truncations_without_copy), (1, 0));
}

#[test]
fn cut_off_without_a_copy_is_counted() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    File::create(scene.path("a.log")).unwrap();
    scene.append("a.log", "two\n");
    scene.check(&["one\n", "two\n"]);
    assert_eq!(scene.follower.counts().truncations_without_copy, 1);
}

#[test]
fn removed_while_open() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.step(1, 1);
    let mut writer = OpenOptions::new().append(true).open(scene.path("a.log")).unwrap();
    fs::remove_file(scene.path("a.log")).unwrap();
    writer.write_all(b"last\n").unwrap();
    scene.check(&["one\nlast\n"]);
    scene.append("a.log", "two\n");
    scene.check(&["one\nlast\n", "two\n"]);
}

#[test]
fn rotated_several_times_while_nobody_looked() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log.1", "history\n");
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    scene.append("a.log", "more\n");
    scene.rename("a.log.1", "a.log.2");
    for text in ["two\n", "three\n", "four\n"] {
        for n in (1..5).rev() {
            let (from, to) = (format!("a.log.{n}"), format!("a.log.{}", n + 1));
            if scene.path(&from).exists() {
                scene.rename(&from, &to);
            }
        }
        scene.rename("a.log", "a.log.1");
        scene.append("a.log", text);
    }
    scene.gzip("a.log.2");
    scene.restart();
    scene.check(&["one\nmore\n", "two\n", "three\n", "four\n"]);
}

#[test]
fn compressed_while_nobody_looked() {
    let mut scene = Scene::new(&["a.log"]);
    let long = "one, and much more than that\n".repeat(100);
    scene.append("a.log", &long);
    scene.check(&[&long]);
    scene.append("a.log", "unread\n");
    scene.rename("a.log", "a.log.1");
    scene.gzip("a.log.1");
    scene.append("a.log", "two\n");
    scene.restart();
    scene.check(&[&format!("{long}unread\n"), "two\n"]);
    // Now that it was read to its end it is left alone.
    scene.restart();
    scene.read();
    assert_eq!(scene.follower.generations().len(), 1);
}

/// While archives get other names, another one may be found where one was looked for.
#[test]
fn an_archive_at_the_path_of_another() {
    let scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    for (name, text) in [("a.log.1", "first\n"), ("a.log.2", "second, and longer\n")] {
        scene.append(name, &text.repeat(100));
        scene.gzip(name);
    }
    let looked = look(&scene.options.arguments).candidates;
    let candidate = looked.iter().find(|it| it.path.ends_with("a.log.1.gz")).unwrap();
    let mut generation = Generation::open(candidate).unwrap();
    assert!(generation.says_size(600) && !generation.says_size(601));
    scene.rename("a.log.1.gz", "aside");
    scene.rename("a.log.2.gz", "a.log.1.gz");
    let mut buffer = Vec::new();
    generation.read_at(0, &mut buffer, 10).unwrap();
    assert_eq!(
        buffer, b"",
        "its prefix was read; from the beginning again it is not there"
    );
    assert!(!Generation::open(candidate).unwrap().is_open());
}

#[test]
fn an_archive_that_is_still_being_packed() {
    let hour = Duration::from_secs(3_600);
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.append("a.log.1", &"earlier, and longer\n".repeat(100));
    scene.gzip("a.log.1");
    let packed = fs::read(scene.path("a.log.1.gz")).unwrap();
    (scene.options.start, scene.options.grace) = (Start::Beginning, hour);
    scene.restart();
    for n_bytes in [0, packed.len() / 2, packed.len()] {
        fs::write(scene.path("a.log.1.gz"), &packed[..n_bytes]).unwrap();
        scene.check(&["one\n"]);
    }
    let file = File::options()
        .write(true)
        .open(scene.path("a.log.1.gz"))
        .unwrap();
    file.set_modified(SystemTime::now() - 2 * hour).unwrap();
    scene.check(&["one\n", &"earlier, and longer\n".repeat(100)]);
}

#[test]
fn archives_of_what_was_read_are_left_alone() {
    let mut scene = Scene::new(&["a.log*"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    scene.rename("a.log", "a.log.1");
    scene.append("a.log", "two\n");
    scene.check(&["one\n", "two\n"]);
    scene.gzip("a.log.1");
    scene.check(&["one\n", "two\n"]);
    scene.restart();
    scene.check(&["one\n", "two\n"]);
}

#[test]
fn a_copy_is_not_read_twice() {
    let mut scene = Scene::new(&["*.log"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    // A copy that is being made has less than what it is a copy of, at first.
    scene.append("b.log", "on");
    scene.check(&["one\n"]);
    scene.append("b.log", "e\n");
    scene.check(&["one\n"]);
    scene.append("c.log", "on");
    scene.check(&["one\n"]);
    scene.append("c.log", "ly\n");
    scene.check(&["one\n", "only\n"]);
}

#[test]
fn a_link_that_moves_on() {
    let mut scene = Scene::new(&["current"]);
    scene.append("db-20261123.log", "one\n");
    symlink(scene.path("db-20261123.log"), scene.path("current")).unwrap();
    scene.check(&["one\n"]);
    scene.append("db-20261123.log", "late\n");
    scene.append("db-20261124.log", "two\n");
    scene.append("db-20261125.log", "three\n");
    fs::remove_file(scene.path("current")).unwrap();
    symlink(scene.path("db-20261125.log"), scene.path("current")).unwrap();
    scene.restart();
    scene.check(&["one\nlate\n", "two\n", "three\n"]);
}

#[test]
fn an_inode_that_was_given_away_again() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.check(&["one\n"]);
    // Closed, so that nothing keeps its inode.
    scene.follower.close_quiet(0);
    // The same inode with another content, as when a file system gives it away again.
    fs::write(scene.path("a.log"), "another file, and longer\n").unwrap();
    scene.check(&["one\n", "another file, and longer\n"]);
}

#[test]
fn start_at_the_end() {
    let mut scene = Scene::starting(&["*.log"], Start::End);
    scene.append("a.log", "old\nhalf a li");
    scene.check(&["half a li"]);
    scene.append("b.log", "new\n");
    scene.append("a.log", "ne\n");
    scene.check(&["half a line\n", "new\n"]);
}

#[test]
fn start_with_history() {
    for (start, expect) in [
        (Start::Known, vec!["now\n"]),
        (Start::Beginning, vec!["older\n", "old\n", "now\n"]),
    ] {
        let mut scene = Scene::starting(&["a.log"], start);
        scene.append("a.log.2", "older\n");
        scene.gzip("a.log.2");
        scene.append("a.log.1", "old\n");
        scene.append("a.log", "now\n");
        scene.check(&expect);
    }
}

#[test]
fn what_cannot_be_read_is_told_once_and_tried_again() {
    let mut scene = Scene::new(&["a.log", "missing.log"]);
    scene.append("a.log", "one\n");
    fs::remove_file(scene.path("a.log")).unwrap();
    fs::create_dir(scene.path("a.log")).unwrap();
    let socket = scene.path("a.log").join("socket");
    scene.read();
    let messages = |failures: Vec<IngestError>| failures.len();
    assert_eq!(messages(scene.follower.take_failures()), 2);
    scene.read();
    assert_eq!(messages(scene.follower.take_failures()), 0, "told already");
    fs::write(socket, "in a folder\n").unwrap();
    scene.append("missing.log", "here\n");
    scene.read();
    assert_eq!(scene.kept.len(), 2);
}

#[test]
fn a_file_that_is_missing_while_it_is_rotated_is_no_failure() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    scene.read();
    scene.rename("a.log", "a.log.1");
    scene.read();
    assert!(scene.follower.take_failures().is_empty());
    let long_ago = Instant::now().checked_sub(2 * MISSING).unwrap();
    let met = scene.follower.met_before.values_mut();
    assert_eq!(met.map(|met| met.since = long_ago).count(), 1);
    scene.read();
    assert_eq!(scene.follower.take_failures().len(), 1);
}

#[test]
fn a_file_without_permission_is_tried_again() {
    let mut scene = Scene::new(&["a.log"]);
    scene.append("a.log", "one\n");
    fs::set_permissions(scene.path("a.log"), fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(scene.path("a.log")).is_ok() {
        // The superuser reads everything.
        return;
    }
    scene.check(&[]);
    assert_eq!(scene.follower.take_failures().len(), 1);
    fs::set_permissions(scene.path("a.log"), fs::Permissions::from_mode(0o600)).unwrap();
    scene.check(&["one\n"]);
}

#[test]
fn many_files_with_few_descriptors() {
    let mut scene = Scene::new(&["."]);
    for n in 0..1_000 {
        scene.append(&format!("{n}.log"), &format!("{n} begins\n"));
    }
    scene.read();
    for n in (0..1_000).step_by(3) {
        scene.append(&format!("{n}.log"), "goes on\n");
    }
    scene.rename("3.log", "3-renamed.log");
    scene.read();
    assert_eq!(scene.kept.len(), 1_000);
    for kept in &scene.kept {
        let text = String::from_utf8(kept.bytes.clone()).unwrap();
        let n: usize = text.split(' ').next().unwrap().parse().unwrap();
        let more = if n.is_multiple_of(3) { "goes on\n" } else { "" };
        assert_eq!(text, format!("{n} begins\n{more}"));
    }
    let open = scene.follower.generations.values().filter(|it| it.is_open());
    assert!(open.count() <= scene.options.open_files_max);
}

#[test]
fn arguments_that_cannot_be_followed() {
    let error = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
        Follower::new(FollowOptions::new(arguments))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error(&[]), "no file, directory or pattern was named");
    assert_eq!(error(&["-"]), "standard input cannot be followed");
    assert!(error(&["a[.log"]).starts_with("a[.log: not a valid pattern"));
}

#[test]
fn a_wait_ends_when_a_folder_changes_or_somebody_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let mut follower = Follower::new(FollowOptions::new(vec![path.to_str().unwrap().to_owned()])).unwrap();
    follower.scan(&mut |_| None);
    assert!(follower.is_told);
    let long = Duration::from_secs(3_600);
    fs::write(&path, "one\n").unwrap();
    // Would last longer than any test may, were it not told.
    follower.watch.wait(long);
    follower.scan(&mut |_| None);
    assert_eq!(
        follower.generations().len(),
        1,
        "found at once, before the next look is due"
    );
    while follower.watch.take_names_changed() {}
    follower.waker().wake();
    follower.watch.wait(long);
}

#[derive(Debug, Clone)]
enum Act {
    Append(u16),
    Rename,
    CopyTruncate,
    Read,
    ReadLittle,
    Restart,
    Gzip,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..3_000u16).prop_map(Act::Append),
        2 => Just(Act::Rename),
        2 => Just(Act::CopyTruncate),
        3 => Just(Act::Read),
        2 => Just(Act::ReadLittle),
        2 => Just(Act::Restart),
        1 => Just(Act::Gzip),
    ]
}

/// Puts files aside as logrotate does, and keeps all.
fn shift(scene: &Scene) {
    for n in (1..40).rev() {
        for ending in ["", ".gz"] {
            let (from, to) = (format!("a.log.{n}{ending}"), format!("a.log.{}{ending}", n + 1));
            if scene.path(&from).exists() {
                scene.rename(&from, &to);
            }
        }
    }
}

fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: everything that was written is read once, each generation in its own order.
    #[test]
    fn everything_once(acts in prop::collection::vec(act(), 1..25)) {
        let mut scene = Scene::new(&["a.log"]);
        let mut written: Vec<String> = vec![String::new()];
        let mut n = 0;
        // Following begins before the first rotation, or there would be history.
        scene.append("a.log", "begin\n");
        written[0] += "begin\n";
        scene.read();
        for act in acts {
            let has_text = !is_empty(&scene.path("a.log"));
            match act {
                Act::Append(n_bytes) => {
                    n += 1;
                    let text = format!("{n} {}\n", "x".repeat(n_bytes.into()));
                    scene.append("a.log", &text);
                    *written.last_mut().unwrap() += &text;
                }
                Act::Rename if has_text => {
                    shift(&scene);
                    scene.rename("a.log", "a.log.1");
                    written.push(String::new());
                }
                Act::CopyTruncate if has_text => {
                    shift(&scene);
                    scene.copy_truncate("a.log", "a.log.1");
                    written.push(String::new());
                }
                Act::Rename | Act::CopyTruncate => {}
                Act::Read => scene.read(),
                Act::ReadLittle => scene.step(100, 3),
                Act::Restart => scene.restart(),
                Act::Gzip if scene.path("a.log.1").exists() => scene.gzip("a.log.1"),
                Act::Gzip => {}
            }
        }
        scene.read();
        scene.restart();
        scene.read();
        let mut read: Vec<Vec<u8>> = scene.kept.iter().map(|kept| kept.bytes.clone()).collect();
        let mut expect: Vec<Vec<u8>> = written.into_iter().map(String::into_bytes).filter(|text| !text.is_empty()).collect();
        read.sort();
        expect.sort();
        prop_assert_eq!(read, expect);
    }
}
