//! The one shape of every layer: a line of the source in, what stood in it out. A layer knows one way to wrap lines and nothing of its
//! neighbours; how pieces become lines again is decided in [`queue`](super::queue).

use std::fmt;

use jiff::tz::TimeZone;

use crate::entry::SkipKind;
use crate::timestamp::TimestampReader;
use crate::wrapper::azure::Azure;
use crate::wrapper::cloudwatch::CloudWatch;
use crate::wrapper::cnpg::Cnpg;
use crate::wrapper::cri::Cri;
use crate::wrapper::docker::Docker;
use crate::wrapper::journald::Journald;
use crate::wrapper::logplex::Logplex;
use crate::wrapper::loki::Loki;
use crate::wrapper::otlp::Otlp;
use crate::wrapper::shipper::Shipper;
use crate::wrapper::syslog::Syslog;

/// What stood in a wrapper. Unknown is `None`, empty or 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece<'p> {
    pub(super) text: &'p [u8],
    /// Why it is nothing of a database, if it is not.
    pub(super) skip: Option<SkipKind>,
    pub(super) host: &'p [u8],
    /// Which of the host's files, containers or processes wrote it: lines of one lane follow each other.
    pub(super) lane: u64,
    /// When it was written, µs since 1970 UTC.
    pub(super) time_us: Option<i64>,
    pub(super) pid: Option<i64>,
    pub(super) glue: Glue,
    /// It shows that the daemon wrote the tabs of its message as `#011`; in this piece they are tabs again.
    pub(super) had_escapes: bool,
}

/// How a piece goes with what its lane wrote before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Glue {
    /// It is whole lines; whether the first goes on with the line before, its text tells.
    #[default]
    Lines,
    /// The line goes on in the next piece of the lane.
    Partial,
    /// `[message-part]` of syslog.
    Chunk { message: u64, part: u64 },
    /// It stood in no wrapper.
    Stray,
}

impl<'p> Piece<'p> {
    pub(super) fn skip(kind: SkipKind) -> Piece<'p> {
        Piece {
            skip: Some(kind),
            ..Piece::default()
        }
    }

    /// What is known of a piece that stood in this one.
    pub(super) fn around<'i>(&self, inner: Piece<'i>) -> Piece<'i>
    where
        'p: 'i,
    {
        Piece {
            host: if inner.host.is_empty() {
                self.host
            } else {
                inner.host
            },
            lane: self.lane ^ inner.lane,
            time_us: inner.time_us.or(self.time_us),
            pid: inner.pid.or(self.pid),
            glue: match inner.glue {
                Glue::Lines => self.glue,
                glue => glue,
            },
            ..inner
        }
    }
}

/// One way to wrap lines.
pub(super) trait Layer: fmt::Debug + Send {
    /// Hands out what stands in a line, which has no line end; `false` when the line is not wrapped in this way.
    fn open(&mut self, line: &[u8], out: &mut dyn FnMut(Piece<'_>)) -> bool;
}

/// What others put around the lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrapper {
    /// Lines of a syslog daemon: BSD, ISO times, or RFC 5424; also the text of `journalctl`.
    Syslog,
    /// Lines of Heroku's log router.
    Logplex,
    /// Docker's json-file.
    Docker,
    /// The container runtime interface of Kubernetes.
    Cri,
    /// JSON of the systemd journal.
    Journald,
    /// Events of a log shipper as JSON: Filebeat, Fluent Bit, Fluentd, Vector, Logstash, entries of Google Cloud.
    Shipper,
    /// Pushes to Loki.
    Loki,
    /// OpenTelemetry's logs as JSON.
    Otlp,
    /// Batches of CloudWatch Logs.
    CloudWatch,
    /// Diagnostic logs of Azure.
    Azure,
    /// JSON of CloudNativePG.
    Cnpg,
}

impl Wrapper {
    /// All of them; of two that fit a line the first tells more about it.
    pub const ALL: [Wrapper; 11] = [
        Wrapper::Docker,
        Wrapper::Cri,
        Wrapper::Cnpg,
        Wrapper::Azure,
        Wrapper::CloudWatch,
        Wrapper::Loki,
        Wrapper::Otlp,
        Wrapper::Journald,
        Wrapper::Logplex,
        Wrapper::Syslog,
        Wrapper::Shipper,
    ];

    /// Takes this wrapper off. `zone` is that of times that carry none.
    pub(super) fn layer(self, zone: Option<TimeZone>) -> Box<dyn Layer> {
        let time = TimestampReader::new(zone);
        match self {
            Wrapper::Syslog => Box::new(Syslog::new(time)),
            Wrapper::Logplex => Box::new(Logplex::new(time)),
            Wrapper::Docker => Box::new(Docker::new(time)),
            Wrapper::Cri => Box::new(Cri::new(time)),
            Wrapper::Journald => Box::new(Journald::default()),
            Wrapper::Shipper => Box::new(Shipper::new(time)),
            Wrapper::Loki => Box::new(Loki::default()),
            Wrapper::Otlp => Box::new(Otlp::default()),
            Wrapper::CloudWatch => Box::new(CloudWatch::default()),
            Wrapper::Azure => Box::new(Azure::new(time)),
            Wrapper::Cnpg => Box::new(Cnpg::new(time)),
        }
    }
}

impl fmt::Display for Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrapper::Syslog => "syslog",
            Wrapper::Logplex => "logplex",
            Wrapper::Docker => "docker json-file",
            Wrapper::Cri => "Kubernetes CRI",
            Wrapper::Journald => "journald JSON",
            Wrapper::Shipper => "shipper JSON",
            Wrapper::Loki => "Loki push",
            Wrapper::Otlp => "OTLP JSON",
            Wrapper::CloudWatch => "CloudWatch Logs",
            Wrapper::Azure => "Azure diagnostics",
            Wrapper::Cnpg => "CloudNativePG",
        })
    }
}
