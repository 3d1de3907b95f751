//! The body of an answer: rows as they come, encoded a few at a time, so that neither a large result nor a slow reader fills memory.

use std::ops::Range;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures::stream;
use slowlake_sql::{ArrowEncoder, QueryResult, Rows};
use tokio::time::{Instant, timeout_at};

use crate::render::rows::{RowsEncoder, RowsForm};
use crate::serving::http::accept::{ARROW, CSV, Form};
use crate::serving::http::answering::{Record, Watch};
use crate::serving::http::connections::Peer;
use crate::serving::http::limits::Admitted;
use crate::serving::http::problem::Problem;

/// Rows that are encoded at once: what is in memory for a reader who does not read.
const ROWS_AT_ONCE: usize = 256;
/// How long after its time an answer may be stuck in a connection until that is cut.
const STUCK_MAX: Duration = Duration::from_secs(10);

/// How much an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) deadline: Instant,
    /// The time from the beginning to the deadline.
    pub(super) timeout: Duration,
    /// It ends after so many rows.
    pub(super) rows_asked: u64,
    /// It fails beyond so many rows.
    pub(super) rows_max: u64,
}

/// An answer that has its first rows.
pub(super) struct Answer {
    result: QueryResult,
    encoder: Encoder,
    limits: Limits,
    /// Rows that came, and how many of them are encoded.
    waiting: Option<(Rows, usize)>,
    rows: u64,
    stage: Stage,
}

enum Encoder {
    Text(RowsEncoder),
    Arrow(Box<ArrowEncoder>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Rows,
    /// The last line says what went wrong.
    Broken,
    End,
}

/// What a body is made of besides the answer: given back when it is over, however it is.
struct Sending {
    answer: Answer,
    record: Record,
    _admitted: Admitted,
    _watch: Watch,
}

/// Why a body has no end.
#[derive(Debug, thiserror::Error)]
#[error("the answer breaks off")]
struct BrokenOff;

impl Answer {
    /// Waits for the first rows.
    pub(super) async fn begin(
        mut result: QueryResult,
        form: Form,
        limits: Limits,
    ) -> Result<Answer, Problem> {
        let encoder = match form {
            ARROW => Encoder::Arrow(Box::new(ArrowEncoder::new(&result)?)),
            CSV => Encoder::Text(RowsEncoder::new(RowsForm::Csv, result.columns())),
            _ => Encoder::Text(RowsEncoder::new(RowsForm::Json, result.columns())),
        };
        let waiting = result.next().await?.map(|rows| (rows, 0));
        Ok(Answer {
            result,
            encoder,
            limits,
            waiting,
            rows: 0,
            stage: Stage::Begin,
        })
    }

    /// The answer as the body of a response. Dropping that stops the work.
    pub(super) fn into_body(self, record: Record, admitted: Admitted, peer: Peer) -> Body {
        let sending = Sending {
            _watch: Watch::start(self.limits.deadline + STUCK_MAX, peer),
            answer: self,
            record,
            _admitted: admitted,
        };
        Body::from_stream(stream::try_unfold(sending, async |mut sending| {
            let chunk = sending.next().await?;
            Ok::<_, BrokenOff>(chunk.map(|chunk| (Bytes::from(chunk), sending)))
        }))
    }

    /// The next bytes, never none; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut out = Vec::new();
        if self.stage == Stage::Begin {
            self.stage = Stage::Rows;
            if let Encoder::Text(encoder) = &self.encoder {
                encoder
                    .begin(&mut out)
                    .map_err(|error| Problem::internal(&error))?;
            }
        }
        while self.stage == Stage::Rows && out.is_empty() {
            let left = self.limits.rows_asked - self.rows;
            match self.waiting.take() {
                Some((rows, done)) if done < rows.len() && left > 0 => {
                    let n = ROWS_AT_ONCE.min(rows.len() - done);
                    let n = usize::try_from(left).map_or(n, |left| n.min(left));
                    self.encode(&rows, done..done + n, &mut out)?;
                    self.waiting = Some((rows, done + n));
                }
                _ if left == 0 => self.end(&mut out)?,
                _ => match timeout_at(self.limits.deadline, self.result.next()).await {
                    Ok(Ok(Some(rows))) => self.waiting = Some((rows, 0)),
                    Ok(Ok(None)) => self.end(&mut out)?,
                    Ok(Err(error)) => return Err(Problem::from(error)),
                    Err(_) => return Err(Problem::timeout(self.limits.timeout)),
                },
            }
        }
        Ok((!out.is_empty()).then_some(out))
    }

    fn encode(&mut self, rows: &Rows, range: Range<usize>, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.rows += range.len() as u64;
        if self.rows > self.limits.rows_max {
            let detail = format!(
                "the answer has more than {} rows, the limit",
                self.limits.rows_max
            );
            return Err(Problem::new(StatusCode::BAD_REQUEST, "too_many_rows", detail));
        }
        match &mut self.encoder {
            Encoder::Text(encoder) => encoder
                .rows(rows, range, out)
                .map_err(|error| Problem::internal(&error))?,
            Encoder::Arrow(encoder) => {
                encoder.rows(rows, range)?;
                out.append(&mut encoder.take());
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.stage = Stage::End;
        match &mut self.encoder {
            Encoder::Text(encoder) => encoder.end(out),
            Encoder::Arrow(encoder) => {
                encoder.end()?;
                out.append(&mut encoder.take());
            }
        }
        Ok(())
    }
}

impl Sending {
    /// The next bytes. After a failure the last line says what it was, and then the body breaks off.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        if self.answer.stage == Stage::Broken {
            // Gives the connection the time to send that line.
            tokio::task::yield_now().await;
            return Err(BrokenOff);
        }
        let next = self.answer.next().await;
        self.record.set_rows(self.answer.rows);
        let problem = match next {
            Ok(None) => {
                self.record.succeeded();
                return Ok(None);
            }
            Ok(chunk) => return Ok(chunk),
            Err(problem) => problem,
        };
        self.answer.stage = Stage::Broken;
        self.record.failed(problem.code());
        match self.answer.encoder {
            Encoder::Text(_) => Ok(Some(format!("\n{}\n", problem.line()).into_bytes())),
            Encoder::Arrow(_) => Err(BrokenOff),
        }
    }
}
