//! Runs the regression detector over hour buckets in a CSV file and prints what it would have reported, look by look, as JSON lines
//! `{"server", "fingerprint", "look_hour", "onset_hour", "effect"}`: for measuring it against fleets of which the truth is known.
//!
//! `detect --buckets FILE [--from-hour HOUR] [--look-every HOURS]`, where FILE has a first line
//! `server,fingerprint,hour,calls,total_us,sumsq_us2` and hour 0 is a Monday at midnight. The first look is at `--from-hour` (default:
//! after four weeks), and sees the hours before it.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Display;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use slowlake_analyze::{Fleet, HourBucket, watch};

const HEADER: &str = "server,fingerprint,hour,calls,total_us,sumsq_us2";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("detect: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let fleet = Fleet::new(read(&options.buckets)?);
    let begin = Instant::now();
    let looks: Vec<i64> = (options.from_hour..=fleet.end_hour())
        .step_by(options.look_every)
        .collect();
    let n_looks = looks.len();
    let watched = watch(&fleet, options.from_hour, looks, NonZero::<usize>::MIN);
    let series_looks = (n_looks * fleet.n_series()).max(1);
    // The looks that calibrate the detector are part of what it costs.
    let each_us = begin.elapsed().as_secs_f64() * 1e6 / series_looks as f64;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for found in watched.slower.iter().flat_map(|look| &look.regressions) {
        writeln!(
            out,
            r#"{{"server":{},"fingerprint":{},"look_hour":{},"onset_hour":{},"effect":{:.4}}}"#,
            found.server, found.fingerprint, found.look_hour, found.onset_hour, found.effect
        )
        .map_err(in_words("standard output"))?;
    }
    out.flush().map_err(in_words("standard output"))?;
    eprintln!(
        "{} series, {n_looks} looks, {each_us:.1} µs a series and look",
        fleet.n_series()
    );
    Ok(())
}

struct Options {
    buckets: String,
    from_hour: i64,
    look_every: usize,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            buckets: String::new(),
            from_hour: 28 * 24,
            look_every: 24,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--buckets" => options.buckets = value,
                "--from-hour" => options.from_hour = value.parse().map_err(in_words(&name))?,
                "--look-every" => options.look_every = value.parse().map_err(in_words(&name))?,
                _ => return Err(format!("there is no option {name}")),
            }
        }
        if options.buckets.is_empty() || options.look_every == 0 {
            return Err("usage: detect --buckets FILE [--from-hour HOUR] [--look-every HOURS]".to_owned());
        }
        Ok(options)
    }
}

fn read(path: &str) -> Result<Vec<HourBucket>, String> {
    let file = std::fs::File::open(path).map_err(in_words(path))?;
    let mut lines = BufReader::new(file).lines();
    let header = lines
        .next()
        .transpose()
        .map_err(in_words(path))?
        .unwrap_or_default();
    if header.trim_end() != HEADER {
        return Err(format!("{path}: the first line is {header:?}, not {HEADER:?}"));
    }
    let row = |(i, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(in_words(path))?;
        bucket(&line).map_err(|error| format!("{path}, line {}: {error}", i + 2))
    };
    lines.enumerate().map(row).collect()
}

fn bucket(line: &str) -> Result<HourBucket, String> {
    let mut fields = line.trim_end().split(',');
    let bucket = HourBucket {
        server: next(&mut fields)?,
        fingerprint: next(&mut fields)?,
        hour: next(&mut fields)?,
        calls: next(&mut fields)?,
        total_us: next(&mut fields)?,
        sumsq_us2: next(&mut fields)?,
    };
    match fields.next() {
        None => Ok(bucket),
        Some(field) => Err(format!("one field too many: {field:?}")),
    }
}

fn next<'a, T: FromStr<Err: Display>>(fields: &mut impl Iterator<Item = &'a str>) -> Result<T, String> {
    let field = fields.next().ok_or("a field is missing")?;
    field.parse().map_err(|error| format!("{field:?}: {error}"))
}

fn in_words<E: Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
