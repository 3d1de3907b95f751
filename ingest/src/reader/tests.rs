//! Every compression, whole, in several members, cut and damaged; chunk limits; positions.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::*;

const ALL: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Xz,
];

/// Text like a log's: it compresses, but several archive blocks are needed for it.
fn content(n_lines: u32) -> Vec<u8> {
    let mut text = Vec::new();
    let mut state = 1u32;
    for line in 0..n_lines {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writeln!(
            text,
            "2026-01-02 03:04:05.{:03} UTC [{line}] LOG:  duration: {state} ms",
            line % 1000
        )
        .unwrap();
    }
    text
}

fn pack(compression: Compression, content: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => content.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
    }
}

struct Stored {
    folder: TempDir,
    path: PathBuf,
}

impl Stored {
    fn new(bytes: &[u8]) -> Stored {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        std::fs::write(&path, bytes).unwrap();
        Stored { folder, path }
    }

    fn source(&self) -> Source {
        Source {
            location: Location::File(self.path.clone()),
            name: "db.log".to_owned(),
            compression: Compression::None,
            bytes_on_disk: None,
        }
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.source()).unwrap()
    }
}

/// Reads to the end or to the first error.
fn read_all(reader: &mut Reader, limit: usize) -> (Vec<u8>, Option<IngestError>) {
    let (mut all, mut chunk) = (Vec::new(), b"left over from another source".to_vec());
    loop {
        assert_eq!(reader.position(), all.len() as u64);
        match reader.read_chunk(&mut chunk, limit) {
            Ok(0) => return (all, None),
            Ok(n_bytes) => {
                assert_eq!(n_bytes, chunk.len());
                assert!(n_bytes <= limit);
                all.extend_from_slice(&chunk);
            }
            Err(error) => {
                assert!(chunk.is_empty());
                return (all, Some(error));
            }
        }
    }
}

#[track_caller]
fn check(stored: &[u8], expect: &[u8]) {
    let stored_file = Stored::new(stored);
    let mut reader = stored_file.reader();
    let (all, error) = read_all(&mut reader, 1 << 20);
    assert!(error.is_none(), "{error:?}");
    assert!(all == expect, "{} bytes instead of {}", all.len(), expect.len());
    assert_eq!(reader.bytes_read_on_disk(), stored.len() as u64);
}

#[test]
fn every_compression_is_read_whole_and_told_by_content() {
    let text = content(20_000);
    for compression in ALL {
        check(&pack(compression, &text), &text);
        check(&pack(compression, b""), b"");
        let stored = Stored::new(&pack(compression, &text));
        assert_eq!(stored.reader().compression(), compression);
    }
}

#[test]
fn members_one_after_the_other_are_one_stream() {
    let text = content(3000);
    let (head, tail) = text.split_at(text.len() / 3);
    for compression in ALL {
        let members = [
            pack(compression, head),
            pack(compression, b""),
            pack(compression, tail),
        ];
        check(&members.concat(), &text);
    }
    let skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd";
    let zstd = |part| pack(Compression::Zstd, part);
    check(
        &[
            skippable,
            zstd(head).as_slice(),
            skippable,
            &zstd(tail),
            skippable,
        ]
        .concat(),
        &text,
    );
    let padded = [
        pack(Compression::Xz, head),
        vec![0; 8],
        pack(Compression::Xz, tail),
        vec![0; 4],
    ]
    .concat();
    check(&padded, &text);
    check(
        &[pack(Compression::Gzip, &text), vec![0; 300_000]].concat(),
        &text,
    );
}

#[test]
fn chunk_limits_do_not_change_the_bytes() {
    let text = content(1500);
    for compression in ALL {
        let stored = Stored::new(&pack(compression, &text));
        for limit in [1, 2, 3, 7, 1000, 4096, 65_536, 1 << 20] {
            let (all, error) = read_all(&mut stored.reader(), limit);
            assert!(
                error.is_none() && all == text,
                "{compression} in chunks of {limit}: {error:?}"
            );
        }
    }
}

#[test]
fn a_limit_of_zero_is_not_taken_for_the_end() {
    let stored = Stored::new(b"ab");
    let mut chunk = Vec::new();
    assert_eq!(stored.reader().read_chunk(&mut chunk, 0).unwrap(), 1);
}

#[test]
fn a_cut_archive_yields_what_is_there_and_then_the_error() {
    let text = content(20_000);
    for compression in &ALL[1..] {
        let packed = pack(*compression, &text);
        for cut in [MAGIC_BYTES, packed.len() / 3, packed.len() / 2, packed.len() - 1] {
            let stored = Stored::new(&packed[..cut]);
            let mut reader = stored.reader();
            let (all, error) = read_all(&mut reader, 10_000);
            assert!(text.starts_with(&all), "{compression} cut at {cut}");
            let Some(IngestError::Truncated { disk_offset, .. }) = &error else {
                panic!("{compression} cut at {cut}: {error:?}");
            };
            assert_eq!(*disk_offset, cut as u64);
            // Nearly everything up to the cut: at most one bzip2 block (100 kB at this level) or zstd block is missing.
            let expect = (text.len() as f64 * cut as f64 / packed.len() as f64) as usize;
            assert!(
                all.len() + 260_000 > expect,
                "{compression} cut at {cut}: {} of {expect}",
                all.len()
            );
            assert!(reader.read_chunk(&mut Vec::new(), 10).is_err(), "the error stays");
        }
    }
}

/// The bytes before the damage must not depend on how much is read at a time: a decompressor that forgets what it wrote in its last
/// call would lose up to a whole chunk.
#[test]
fn a_damaged_archive_yields_every_byte_before_the_damage() {
    let text = content(20_000);
    for compression in &ALL[1..] {
        let mut packed = pack(*compression, &text);
        for at in [packed.len() / 2, packed.len() * 3 / 4] {
            packed[at..at + 40].fill(0xa5);
            let stored = Stored::new(&packed);
            let (by_byte, error) = read_all(&mut stored.reader(), 1);
            let Some(IngestError::Damaged {
                name, disk_offset, ..
            }) = &error
            else {
                panic!("{compression}: {error:?}");
            };
            assert_eq!(name, "db.log");
            assert!(
                (at as u64 / 4..=packed.len() as u64).contains(disk_offset),
                "{compression}: {error:?}"
            );
            assert!(by_byte.len() > 100_000, "{compression}: {}", by_byte.len());
            for limit in [1000, 1 << 20] {
                let (all, _) = read_all(&mut stored.reader(), limit);
                let n_lost = by_byte.len() as i64 - all.len() as i64;
                assert!(
                    all == by_byte,
                    "{compression} in chunks of {limit}: {n_lost} bytes lost"
                );
            }
        }
    }
}

#[test]
fn a_wrong_checksum_comes_after_all_bytes() {
    let text = content(3000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut packed = pack(compression, &text);
        let at = packed.len() - if compression == Compression::Gzip { 8 } else { 4 };
        packed[at] ^= 1;
        let (all, error) = read_all(&mut Stored::new(&packed).reader(), 1 << 20);
        assert!(all == text, "{compression}: {} of {}", all.len(), text.len());
        assert!(
            matches!(error, Some(IngestError::Damaged { .. })),
            "{compression}: {error:?}"
        );
    }
}

#[test]
fn what_follows_an_archive_and_is_none_is_an_error_with_its_place() {
    let text = content(100);
    for compression in &ALL[1..] {
        let packed = pack(*compression, &text);
        let stored = Stored::new(&[packed.as_slice(), b"and now for something else"].concat());
        let (all, error) = read_all(&mut stored.reader(), 1 << 20);
        assert!(all == text);
        let Some(IngestError::Damaged { disk_offset, .. }) = error else {
            panic!("{compression}: {error:?}")
        };
        assert!(disk_offset >= packed.len() as u64 && disk_offset <= packed.len() as u64 + 26);
    }
}

#[test]
fn a_window_above_the_limit_is_refused_with_the_limit() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder
        .set_parameter(zstd::zstd_safe::CParameter::WindowLog(28))
        .unwrap();
    encoder.write_all(&content(10)).unwrap();
    let stored = Stored::new(&encoder.finish().unwrap());
    let (_, error) = read_all(&mut stored.reader(), 1 << 20);
    let error = error.unwrap();
    assert!(matches!(error, IngestError::WindowTooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("limit of 134217728 bytes") && error.hint().is_some());
}

#[test]
fn skipping_lands_where_reading_would() {
    let text = content(20_000);
    for compression in ALL {
        let stored = Stored::new(&pack(compression, &text));
        for offset in [0, 1, 300_000, text.len()] {
            let mut reader = stored.reader();
            reader.skip_to(offset as u64).unwrap();
            assert_eq!(reader.position(), offset as u64);
            let mut chunk = Vec::new();
            reader.read_chunk(&mut chunk, 100).unwrap();
            assert_eq!(
                chunk,
                &text[offset..(offset + 100).min(text.len())],
                "{compression} from {offset}"
            );
        }
        let error = stored.reader().skip_to(text.len() as u64 + 1).unwrap_err();
        let IngestError::TooShort { wanted, found, .. } = error else {
            panic!("{compression}: {error:?}")
        };
        assert_eq!((wanted, found), (text.len() as u64 + 1, text.len() as u64));
    }
}

#[test]
fn going_back_works_in_plain_files_only() {
    let text = content(100);
    for compression in ALL {
        let stored = Stored::new(&pack(compression, &text));
        let mut reader = stored.reader();
        reader.skip_to(50).unwrap();
        let back = reader.skip_to(10);
        assert_eq!(back.is_ok(), compression == Compression::None, "{back:?}");
    }
}

#[test]
fn a_plain_file_may_grow_after_its_end() {
    let stored = Stored::new(b"one\n");
    let mut reader = stored.reader();
    assert_eq!(read_all(&mut reader, 100).0, b"one\n");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&stored.path)
        .unwrap()
        .write_all(b"two\n")
        .unwrap();
    let mut chunk = Vec::new();
    assert_eq!(reader.read_chunk(&mut chunk, 100).unwrap(), 4);
    assert_eq!((chunk.as_slice(), reader.position()), (b"two\n".as_slice(), 8));
}

#[test]
fn a_named_pipe_is_read_like_a_file_packed_or_not() {
    let text = content(5000);
    for compression in [Compression::None, Compression::Gzip] {
        let mut stored = Stored::new(b"");
        stored.path = stored.folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&stored.path)
                .status()
                .unwrap()
                .success()
        );
        let (path, packed) = (stored.path.clone(), pack(compression, &text));
        let writer = std::thread::spawn(move || std::fs::write(path, packed));
        let mut reader = stored.reader();
        assert_eq!(reader.compression(), compression);
        reader.skip_to(1000).unwrap();
        let mut rest = Vec::new();
        let mut chunk = Vec::new();
        while reader.read_chunk(&mut chunk, 70_000).unwrap() > 0 {
            rest.extend_from_slice(&chunk);
        }
        assert!(rest == text[1000..]);
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn sockets_devices_and_directories_are_refused() {
    let mut stored = Stored::new(b"");
    let _listener = std::os::unix::net::UnixListener::bind(stored.folder.path().join("socket")).unwrap();
    for (path, kind) in [
        (stored.folder.path().join("socket"), "socket"),
        (PathBuf::from("/dev/null"), "device"),
        (stored.folder.path().to_owned(), "directory"),
    ] {
        stored.path = path;
        let Err(error) = Reader::open(&stored.source()) else {
            panic!("{kind} opened")
        };
        assert!(error.to_string().contains(kind), "{error}");
    }
}

#[test]
fn a_reader_can_be_given_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Reader>();
    is_send::<IngestError>();
}
