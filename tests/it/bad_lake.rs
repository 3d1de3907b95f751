//! What is wrong with lakes and disks in the field: the answer is a sentence and an exit status, and never a lake that is worse than before.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use slowlake_store::SCHEMA_VERSION;

use crate::bad_input::{SLOW_LOG, STDERR_LOG, execution, failed};
use crate::binary::{Binary, corpus};
use crate::lake::{Lake, skip};

#[test]
fn a_folder_of_other_files_is_no_lake() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    std::fs::create_dir(lake.path()).unwrap();
    std::fs::write(lake.path().join("thesis.tex"), "mine").unwrap();
    let words = ["is not a lake", "thesis.tex", "hint: "];
    failed(lake.try_ingest(&["x.log"]), &words);
    failed(
        lake.binary.run(&["sql", "--lake", "lake", "-c", "SELECT 1"]),
        &words,
    );
    assert_eq!(
        std::fs::read_dir(lake.path()).unwrap().count(),
        1,
        "nothing was put there"
    );
}

#[test]
fn a_file_is_no_lake() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    lake.binary.write("lake", "mine");
    failed(lake.try_ingest(&["x.log"]), &["error: ", "lake"]);
    failed(
        lake.binary.run(&["sql", "--lake", "lake", "-c", "SELECT 1"]),
        &["error: ", "lake"],
    );
    assert_eq!(std::fs::read_to_string(lake.path()).unwrap(), "mine");
}

#[test]
fn a_lake_that_does_not_exist_is_no_lake() {
    let binary = Binary::new();
    failed(
        binary.run(&["sql", "--lake", "nowhere", "-c", "SELECT 1"]),
        &["there is no lake at", "nowhere", "hint: "],
    );
    failed(
        binary.run(&["sql", "-c", "SELECT 1"]),
        &["no lake was named", "hint: "],
    );
    assert!(!binary.path("nowhere").exists());
}

#[test]
fn a_delta_table_of_others_is_no_lake() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    std::fs::create_dir_all(lake.path().join("_delta_log")).unwrap();
    let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let log = format!(
        "{}\n{{\"metaData\":{{\"id\":\"7d0c2ba3-0c1e-4a5e-9d5e-3f1f6a1b2c3d\",\"format\":{{\"provider\":\"parquet\",\"options\":{{}}}},\
         \"schemaString\":\"{schema}\",\"partitionColumns\":[],\"configuration\":{{}},\"createdTime\":1795392000000}}}}\n",
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#
    );
    std::fs::write(lake.path().join("_delta_log/00000000000000000000.json"), log).unwrap();
    let words = [
        "is a Delta table but not a slowlake lake",
        "slowlake.schema_version",
        "hint: ",
    ];
    failed(lake.try_ingest(&["x.log"]), &words);
    failed(
        lake.binary.run(&["sql", "--lake", "lake", "-c", "SELECT 1"]),
        &words,
    );
    assert_eq!(
        std::fs::read_dir(lake.path().join("_delta_log")).unwrap().count(),
        1,
        "nothing was committed"
    );
}

#[test]
fn a_lake_of_a_later_version_is_left_alone() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    lake.ingest(&["x.log"]);
    let log = std::fs::read_to_string(first_log(&lake)).unwrap();
    let newer = log.replace(
        &format!("\"slowlake.schema_version\":\"{SCHEMA_VERSION}\""),
        "\"slowlake.schema_version\":\"99\"",
    );
    assert_ne!(log, newer);
    std::fs::write(first_log(&lake), newer).unwrap();
    let words = [
        "newer slowlake",
        "slowlake.schema_version is 99",
        &format!("knows up to {SCHEMA_VERSION}"),
        "hint: ",
    ];
    lake.binary.append("x.log", execution("SELECT 2"));
    failed(lake.try_ingest(&["x.log"]), &words);
    failed(
        lake.binary.run(&["sql", "--lake", "lake", "-c", "SELECT 1"]),
        &words,
    );
}

#[test]
fn a_lake_with_a_damaged_log_or_a_lost_file_fails_in_words() {
    let lake = Lake::new();
    lake.binary.write("x.log", execution("SELECT 1"));
    lake.ingest(&["x.log"]);
    let last = lake.path().join("events/_delta_log/00000000000000000001.json");
    let log = std::fs::read_to_string(&last).unwrap();
    std::fs::write(&last, &log[..log.len() / 2]).unwrap();
    let words = [
        "error: ",
        "lake is damaged: events/_delta_log/00000000000000000001.json is cut short",
        "hint: put events/_delta_log/00000000000000000001.json back",
    ];
    failed(
        lake.binary
            .run(&["sql", "--lake", "lake", "-c", "SELECT count(*) FROM executions"]),
        &words,
    );
    failed(lake.try_ingest(&["x.log"]), &words);
    std::fs::write(&last, &log).unwrap();
    lake.binary
        .sh("find lake -path '*kind=query*' -name '*.parquet' | xargs rm")
        .exits(0);
    failed(
        lake.try_ingest(&["x.log"]),
        &[
            "lake is damaged: events/event_date=",
            ".parquet",
            "is missing",
            "hint: put ",
        ],
    );
    failed(
        lake.binary.run(&[
            "sql",
            "--lake",
            "lake",
            "-c",
            "SELECT count(statement) FROM executions",
        ]),
        &["error: "],
    );
}

fn first_log(lake: &Lake) -> PathBuf {
    lake.path().join("events/_delta_log/00000000000000000000.json")
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_room() {
    let lake = Lake::new();
    std::fs::create_dir(lake.binary.path("disk")).unwrap();
    std::os::unix::fs::symlink("disk/lake", lake.path()).unwrap();
    let Some(disk) = Disk::mount(lake.binary.path("disk")) else {
        return skip(
            "a_full_disk_costs_nothing_once_there_is_room",
            "a tmpfs cannot be mounted here",
        );
    };
    std::fs::create_dir(lake.binary.path("disk/lake")).unwrap();
    lake.binary.write("p.log", corpus(STDERR_LOG));
    lake.binary.write("m.log", corpus(SLOW_LOG));
    let first = lake.ingest(&["p.log"]);
    let before = lake.checked();
    let mut n_failures = 0;
    // From nothing at all to just enough, so that every step of a commit fails once.
    for free_kib in std::iter::once(0).chain((96..=1200).step_by(16)) {
        disk.leave(free_kib);
        let run = lake.try_ingest(&["--statement-text", "all", "m.log"]);
        if run.code == Some(0) {
            break;
        }
        failed(
            run,
            &[
                "no space left for the lake at",
                "hint: make room and run the same command again",
            ],
        );
        n_failures += 1;
        assert_eq!(
            lake.checked(),
            before,
            "with {free_kib} KiB: the lake is as it was"
        );
    }
    disk.free();
    assert!(n_failures > 3, "the disk was full {n_failures} times");
    let again = lake.ingest(&["p.log", "m.log"]);
    assert_eq!(
        (again.executions, again.version),
        (0, first.version + 1),
        "the run with enough room was complete"
    );
    assert_eq!(lake.checked(), lake.digest(&["p.log", "m.log"]));
}

/// A small disk of its own, gone at the end.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    const KIB: usize = 4096;

    fn mount(folder: PathBuf) -> Option<Disk> {
        let size = format!("size={}k", Disk::KIB);
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .stderr(Stdio::null());
        command
            .status()
            .is_ok_and(|status| status.success())
            .then_some(Disk { folder })
    }

    /// Fills the disk up to so much.
    fn leave(&self, free_kib: usize) {
        self.free();
        let mut file = std::fs::File::create(self.folder.join("filler")).expect("room for nothing");
        while file.write_all(&[0; 4096]).is_ok() {}
        let blocks = file.metadata().expect("a file").len() / 4096;
        file.set_len(blocks.saturating_sub(free_kib as u64 / 4) * 4096)
            .expect("room for less");
    }

    fn free(&self) {
        // There may be none.
        let _ = std::fs::remove_file(self.folder.join("filler"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.folder).status();
    }
}
