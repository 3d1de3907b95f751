//! Asks one server a few times and prints what was told, one JSON object a line: for looking at a server, and for `tests/collectors/run`.
//!
//! Usage: `sample postgres|mysql HOST-OR-SOCKET PORT USER [KEY=VALUE]...` with keys `database`, `password_file`, `ca_file`, `tls=off`,
//! `samples`, `seconds` between them, `detail_seconds`, `timeout_seconds`. A line that is written to standard input is waited for before each
//! sample with `seconds=0`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use slowlake_ingest::{Collector, CollectorConfig, Engine, IngestError, Password, Sample, Tls};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((config, samples, pause)) = configuration(&arguments) else {
        eprintln!("usage: sample postgres|mysql HOST-OR-SOCKET PORT USER [KEY=VALUE]...");
        return ExitCode::from(2);
    };
    match run(config, samples, pause).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sample: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(2)
        }
    }
}

fn configuration(arguments: &[String]) -> Option<(CollectorConfig, u32, Duration)> {
    let [engine, host, port, user, options @ ..] = arguments else {
        return None;
    };
    let engine = match engine.as_str() {
        "postgres" => Engine::Postgres,
        "mysql" => Engine::Mysql,
        _ => return None,
    };
    let mut config = CollectorConfig::new(engine, host, user);
    config.port = port.parse().ok()?;
    let (mut samples, mut pause) = (1, Duration::ZERO);
    let seconds = |value: &str| Some(Duration::from_secs_f64(value.parse().ok()?));
    for option in options {
        let (key, value) = option.split_once('=')?;
        match key {
            "database" => config.database = value.to_owned(),
            "password_file" => config.password = Password::File(value.into()),
            "ca_file" => {
                config.tls = Tls::Verify {
                    ca_file: Some(value.into()),
                }
            }
            "tls" if value == "off" => config.tls = Tls::Off,
            "samples" => samples = value.parse().ok()?,
            "seconds" => pause = seconds(value)?,
            "detail_seconds" => config.detail_interval = seconds(value)?,
            "timeout_seconds" => config.timeout = seconds(value)?,
            _ => return None,
        }
    }
    Some((config, samples, pause))
}

async fn run(config: CollectorConfig, samples: u32, pause: Duration) -> Result<(), IngestError> {
    let mut collector = Collector::connect(config).await?;
    for number in 0..samples {
        if number > 0 && pause.is_zero() {
            let mut line = String::new();
            if std::io::stdin()
                .lock()
                .read_line(&mut line)
                .is_ok_and(|bytes| bytes == 0)
            {
                break;
            }
        } else if number > 0 {
            tokio::time::sleep(pause).await;
        }
        let told = match collector.sample(now_us()).await {
            Ok(told) => told,
            Err(error) => vec![Sample::gap(now_us(), &error)],
        };
        for sample in &told {
            println!("{}", json(number, sample));
        }
        println!("{{\"sample\": {number}, \"metric\": \"end\"}}");
        // A reader that is gone wants no more.
        if std::io::stdout().flush().is_err() {
            break;
        }
    }
    Ok(())
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn json(number: u32, sample: &Sample) -> String {
    let mut fields = vec![
        format!("\"sample\": {number}"),
        format!("\"ts_us\": {}", sample.ts_us),
        format!("\"metric\": {}", quoted(sample.metric)),
    ];
    let texts = [
        ("object", &sample.object),
        ("database", &sample.database),
        ("user", &sample.user),
        ("statement", &sample.statement),
    ];
    for (name, text) in texts {
        fields.extend(text.as_ref().map(|text| format!("\"{name}\": {}", quoted(text))));
    }
    let numbers = [
        ("duration_us", sample.duration_us),
        ("size_bytes", sample.size_bytes),
    ];
    for (name, number) in numbers {
        fields.extend(number.map(|number| format!("\"{name}\": {number}")));
    }
    let attributes: Vec<String> = sample
        .attributes
        .iter()
        .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
        .collect();
    fields.push(format!("\"attributes\": {{{}}}", attributes.join(", ")));
    format!("{{{}}}", fields.join(", "))
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter < ' ' => quoted += &format!("\\u{:04x}", u32::from(letter)),
            letter => quoted.push(letter),
        }
    }
    quoted + "\""
}
