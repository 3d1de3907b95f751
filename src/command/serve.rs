//! `slowlake serve`: answers PostgreSQL clients and HTTP over a lake until it is told to stop. Reads no source.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tracing::info;

use crate::clustering::ClusterArguments;
use crate::command::lake::{location, serving_runtime};
use crate::command::run::{read, say_mistakes};
use crate::configuration::Configuration;
use crate::exit_code::ExitCode;
use crate::service::meter::Meters;
use crate::service::{Signal, signals};
use crate::serving::tls::TlsFiles;
use crate::serving::{SecretsFile, ServeSettings, Serving};
use crate::settings::Settings;
use crate::telemetry::{self, LogFormat, LogLevel};

/// Where PostgreSQL clients connect when nobody says where.
const POSTGRES_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5433);

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The lake: a directory or URL [default: the environment's SLOWLAKE_LAKE]
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
    /// Where PostgreSQL clients connect [default: 127.0.0.1:5433, unless --http is given]
    #[arg(long, value_name = "ADDRESS")]
    postgres: Option<SocketAddr>,
    /// Where HTTP is spoken, 127.0.0.1:8433 for one
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Users of PostgreSQL clients, a line each: "name" "password or SCRAM verifier" [default: the environment's SLOWLAKE_USERS]
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Tokens of HTTP clients, a line each: "name" "token or its SHA-256" [default: the environment's SLOWLAKE_TOKENS]
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Certificate of the servers, PEM; connections without TLS are refused then
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take PostgreSQL connections without TLS although there is a certificate
    #[arg(long, requires = "tls_cert")]
    allow_plaintext: bool,
    /// A configuration file, of which [serve], [cluster], [log] and the lake are read; docs/configuration.md has all keys
    #[arg(short = 'c', long = "configuration", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: &ServeArguments, settings: &Settings) -> anyhow::Result<ExitCode> {
    let configuration = match arguments.file.as_deref() {
        None => None,
        Some(file) => match read(file)? {
            Ok(configuration) => Some(configuration),
            Err(mistakes) => {
                say_mistakes(file, &mistakes);
                return Ok(ExitCode::Failed);
            }
        },
    };
    let log = configuration.as_ref().map(|it| it.log);
    let (level, format) = log.map_or((LogLevel::Info, LogFormat::Text), |log| (log.level, log.format));
    telemetry::start_service(settings, level, format);
    let lake = configuration.as_ref().and_then(|it| it.lake.as_ref());
    let location = location(
        arguments.lake.as_ref().or(settings.lake.as_ref()).or(lake),
        settings,
    )?;
    let of_file = configuration.as_ref().and_then(|it| it.cluster.as_ref());
    let settings = &arguments.cluster.resolve(of_file, settings)?;
    let serve = arguments.over(configuration);
    let runtime = Arc::new(serving_runtime(settings)?);
    // From now on nothing that it is told is lost.
    let told = signals(&runtime)?;
    let serving = runtime.block_on(Serving::start(&location, &serve, settings, Meters::new()))?;
    // There is nothing to read again: users and certificates hold until the end.
    while told.recv() == Ok(Signal::Reload) {}
    info!("told to stop: lets statements come to their end");
    runtime.block_on(serving.stop());
    Ok(ExitCode::Ok)
}

impl ServeArguments {
    /// What was typed, over what the file says.
    fn over(&self, configuration: Option<Configuration>) -> ServeSettings {
        let mut serve = configuration.map(|it| it.serve).unwrap_or_default();
        serve.postgres = self.postgres.or(serve.postgres);
        serve.http = self.http.or(serve.http);
        if !serve.listens() {
            serve.postgres = Some(POSTGRES_DEFAULT);
        }
        serve.users = self.users.clone().map(SecretsFile::Typed).or(serve.users);
        serve.tokens = self.tokens.clone().map(SecretsFile::Typed).or(serve.tokens);
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            serve.tls = Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            });
        }
        serve.allows_plaintext |= self.allow_plaintext;
        serve
    }
}
