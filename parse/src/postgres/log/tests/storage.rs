//! Temporary files, checkpoints, autovacuum.

use super::{check, log};
use crate::LogKind;

#[test]
fn temporary_files() {
    check(
        log("temporary file: path \"base/pgsql_tmp/pgsql_tmp4711.3\", size 73400320"),
        LogKind::TemporaryFile,
        "object=base/pgsql_tmp/pgsql_tmp4711.3\nsize_bytes=73400320",
    );
}

#[test]
fn checkpoints_of_every_version() {
    check(
        log("checkpoint starting: immediate force wait"),
        LogKind::CheckpointStart,
        "reasons=immediate,force,wait",
    );
    check(
        log("restartpoint starting: time"),
        LogKind::RestartpointStart,
        "reasons=time",
    );
    let common = "buffers=943
                  buffers_permille=58
                  {slru}
                  wal_added=1
                  wal_removed=2
                  wal_recycled=3
                  write_us=11000
                  sync_us=14000
                  sync_files=303
                  sync_longest_us=5000
                  sync_average_us=1000
                  distance_bytes=4456448
                  estimate_bytes=5480448";
    let numbers = "write=0.011 s, sync=0.014 s, total=0.027 s; sync files=303, longest=0.005 s, average=0.001 s; \
                   distance=4352 kB, estimate=5352 kB";
    let expect = |slru: &str| format!("duration_us=27000\n{}", common.replace("{slru}", slru));
    for added in ["WAL file(s)", "transaction log file(s)"] {
        check(
            log(&format!(
                "checkpoint complete: wrote 943 buffers (5.8%); 1 {added} added, 2 removed, 3 recycled; {numbers}"
            )),
            LogKind::Checkpoint,
            &expect(""),
        );
    }
    check(
        log(&format!(
            "restartpoint complete: wrote 943 buffers (5.8%); 1 WAL file(s) added, 2 removed, 3 recycled; {numbers}; \
             lsn=0/1950928, redo lsn=0/1950888"
        )),
        LogKind::Restartpoint,
        &format!("{}\nlsn=0/1950928\nredo_lsn=0/1950888", expect("")),
    );
    check(
        log(&format!(
            "checkpoint complete: time wal: wrote 943 buffers (5.8%), wrote 7 SLRU buffers; 1 WAL file(s) added, 2 removed, \
             3 recycled; {numbers}"
        )),
        LogKind::Checkpoint,
        &expect("slru_buffers=7").replace("buffers=943", "reasons=time,wal\nbuffers=943"),
    );
    check(
        log("checkpoints are occurring too frequently (3 seconds apart)"),
        LogKind::CheckpointsTooFrequent,
        "interval_us=3000000",
    );
}

#[test]
fn vacuums_of_earlier_versions() {
    check(
        log(
            "automatic vacuum of table \"shop.public.stock\": index scans: 1\n\
             pages: 0 removed, 41 remain, 2 skipped due to pins, 3 skipped frozen\n\
             tuples: 7 removed, 20 remain, 4 are dead but not yet removable, oldest xmin: 765\n\
             buffer usage: 52 hits, 4 misses, 5 dirtied\n\
             avg read rate: 0.500 MB/s, avg write rate: 2.000 MB/s\n\
             system usage: CPU: user: 0.01 s, system: 0.02 s, elapsed: 1.50 s",
        ),
        LogKind::Autovacuum,
        "object=shop.public.stock
         duration_us=1500000
         index_scans=1
         pages_removed=0
         pages_remain=41
         pages_skipped_pins=2
         pages_skipped_frozen=3
         tuples_removed=7
         tuples_remain=20
         tuples_dead=4
         cutoff_xid=765
         buffer_hits=52
         buffer_reads=4
         buffer_dirtied=5
         read_bytes_per_s=524288
         write_bytes_per_s=2097152
         cpu_user_us=10000
         cpu_system_us=20000",
    );
}

#[test]
fn vacuums_of_the_latest_version() {
    check(
        log(
            "automatic aggressive vacuum to prevent wraparound of table \"a.b.c\": index scans: 0\n\
             pages: 5 removed, 303 remain, 10 scanned (3.30% of total), 6 eagerly scanned\n\
             tuples: 828 removed, 667 remain, 24 are dead but not yet removable\n\
             tuples missed: 11 dead from 2 pages not removed due to cleanup lock contention\n\
             removable cutoff: 3949, which was 301 XIDs old when operation ended\n\
             new relfrozenxid: 3948, which is 1136 XIDs ahead of previous value\n\
             new relminmxid: 371, which is 22 MXIDs ahead of previous value\n\
             frozen: 8 pages from table (2.64% of total) had 99 tuples frozen\n\
             visibility map: 12 pages set all-visible, 9 pages set all-frozen (3 were all-visible)\n\
             index scan bypassed: 7 pages from table (1.49% of total) have 9 dead item identifiers\n\
             index \"c_pkey\": pages: 258 in total, 2 newly deleted, 255 currently deleted, 240 reusable\n\
             delay time: 3.125 ms\n\
             I/O timings: read: 0.842 ms, write: 1.000 ms\n\
             avg read rate: 0.000 MB/s, avg write rate: 0.000 MB/s\n\
             buffer usage: 573 hits, 1 reads, 2 dirtied\n\
             WAL usage: 35 records, 6 full page images, 8042 bytes, 4 buffers full\n\
             system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.25 s",
        ),
        LogKind::Autovacuum,
        "object=a.b.c
         duration_us=250000
         aggressive=1
         wraparound=1
         index_scans=0
         pages_removed=5
         pages_remain=303
         pages_scanned=10
         pages_eagerly_scanned=6
         pages_scanned_permille=33
         tuples_removed=828
         tuples_remain=667
         tuples_dead=24
         tuples_missed=11
         tuples_missed_pages=2
         cutoff_xid=3949
         cutoff_age=301
         relfrozenxid=3948
         relfrozenxid_advance=1136
         relminmxid=371
         relminmxid_advance=22
         frozen_pages=8
         frozen_tuples=99
         all_visible_pages=12
         all_frozen_pages=9
         were_all_visible_pages=3
         index_scan=bypassed
         dead_item_pages=7
         dead_items=9
         index_pages_c_pkey=258
         index_newly_deleted_c_pkey=2
         index_deleted_c_pkey=255
         index_reusable_c_pkey=240
         delay_us=3125
         read_us=842
         write_us=1000
         read_bytes_per_s=0
         write_bytes_per_s=0
         buffer_hits=573
         buffer_reads=1
         buffer_dirtied=2
         wal_records=35
         wal_images=6
         wal_bytes=8042
         wal_buffers_full=4
         cpu_user_us=0
         cpu_system_us=0",
    );
    check(
        log(
            "automatic vacuum of table \"a.b.c\": index scans: 2\nindex scan needed: 9 pages from table (2.97% of total) had 1000 dead item identifiers removed",
        ),
        LogKind::Autovacuum,
        "object=a.b.c\nindex_scans=2\nindex_scan=needed\ndead_item_pages=9\ndead_items=1000",
    );
}

#[test]
fn analyses_of_every_version() {
    check(
        log(
            "automatic analyze of table \"a.b.c\" system usage: CPU: user: 0.10 s, system: 0.00 s, elapsed: 0.30 s",
        ),
        LogKind::Autoanalyze,
        "object=a.b.c\nduration_us=300000\ncpu_user_us=100000\ncpu_system_us=0",
    );
    check(
        log("automatic analyze of table \"a.b.c\" system usage: CPU 0.01s/0.20u sec elapsed 0.33 sec"),
        LogKind::Autoanalyze,
        "object=a.b.c\nduration_us=330000\ncpu_user_us=200000\ncpu_system_us=10000",
    );
    check(
        log(
            "automatic analyze of table \"a.b.c\"\nbuffer usage: 9 hits, 8 misses, 7 dirtied\nsystem usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.01 s",
        ),
        LogKind::Autoanalyze,
        "object=a.b.c\nduration_us=10000\nbuffer_hits=9\nbuffer_reads=8\nbuffer_dirtied=7\ncpu_user_us=0\ncpu_system_us=0",
    );
}
