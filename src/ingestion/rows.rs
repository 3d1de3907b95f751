//! Executions, rejects and books to rows of the lake: fingerprints them, decides which texts travel along, and converts field by field. Reads
//! the clock for one thing only: when a range was read.

use std::borrow::Cow;

use hashbrown::HashSet;
use serde_json::{Map, json};
use slowlake_parse::statement::{Analyzer, Dialect, Options};
use slowlake_parse::{Execution, Format, Reject, Tally};
use slowlake_store::{LedgerRow, MAX_STATEMENT_BYTES, Place, QueryRow, RejectRow, RowBuilder, Rows};

use crate::batch::Batch;
use crate::ingestion::offset_i64;
use crate::ingestion::reading::Round;
use crate::ingestion::resume::Resume;
use crate::ingestion::sampling::{Sampler, TextPolicy};
use crate::summary::dialect_name;

const DAY_US: i64 = 86_400_000_000;

/// Makes rows of one server's logs.
pub(crate) struct RowMaker {
    server: String,
    cluster: Option<String>,
    builder: RowBuilder,
    sampler: Sampler,
    /// Queries whose normalized text is in the lake, by day.
    texts: HashSet<(i64, i64)>,
    postgres: Analyzer,
    mysql: Analyzer,
}

impl RowMaker {
    pub(crate) fn new(server: String, cluster: Option<String>, policy: TextPolicy) -> RowMaker {
        RowMaker {
            server,
            cluster,
            builder: RowBuilder::new(),
            sampler: Sampler::new(policy),
            texts: HashSet::new(),
            postgres: Analyzer::new(Options::new(Dialect::Postgres)),
            mysql: Analyzer::new(Options::new(Dialect::Mysql)),
        }
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// What was made has not been committed: it is made again, texts and all.
    pub(crate) fn forget(&mut self) {
        self.builder = RowBuilder::new();
        self.texts.clear();
        self.sampler.forget();
    }

    /// Adds rows of a batch of `source`.
    pub(crate) fn batch(&mut self, batch: &Batch, source: &str) {
        let mut rows = SourceRows { maker: self, source };
        batch.executions(|execution| rows.execution(execution));
        for reject in batch.rejects() {
            rows.reject(&reject);
        }
    }

    /// Adds the books of one round.
    pub(crate) fn ledger_row(&mut self, resume: &Resume, format: &Format, round: &Round) {
        let Round {
            range,
            ledger,
            context,
        } = round;
        let tally = |tally: Tally| json!({ "records": tally.records, "bytes": tally.bytes });
        let detail = json!({
            "format": format.to_string(),
            "rejected": ledger.rejected().map(|(reason, t)| (reason.name().to_owned(), tally(t))).collect::<Map<_, _>>(),
            "skipped": ledger.skipped().map(|(kind, t)| (kind.name().to_owned(), tally(t))).collect::<Map<_, _>>(),
            "context": context.iter().map(|span| [span.start, span.end]).collect::<Vec<_>>(),
        })
        .to_string();
        let rejected = ledger.rejected_total();
        let read_at_us = jiff::Timestamp::now().as_microsecond();
        self.builder.push_ledger(&LedgerRow {
            place: Place {
                ts_us: Some(read_at_us),
                ..place(&resume.source, range.start, &self.server, self.cluster.as_deref())
            },
            app_id: &resume.app_id,
            source_identity: &resume.identity,
            range_end: offset_i64(range.end),
            bytes_in: offset_i64(range.bytes()),
            bytes_parsed: offset_i64(ledger.bytes_parsed()),
            bytes_rejected: offset_i64(rejected.bytes),
            bytes_skipped: offset_i64(ledger.skipped_total().bytes),
            entries_query: offset_i64(ledger.executions().records),
            rejects: offset_i64(rejected.records),
            detail: Some(&detail),
        });
    }

    /// All rows added since the last time.
    pub(crate) fn finish(&mut self) -> Rows {
        self.builder.finish()
    }
}

/// Rows of one source.
struct SourceRows<'m> {
    maker: &'m mut RowMaker,
    source: &'m str,
}

impl SourceRows<'_> {
    fn execution(&mut self, execution: &Execution<'_>) {
        let maker = &mut *self.maker;
        let analyzer = match execution.dialect {
            Dialect::Postgres => &mut maker.postgres,
            Dialect::Mysql => &mut maker.mysql,
        };
        let fingerprint = analyzer.fingerprint(execution.statement).get();
        let day = execution.start_us.unwrap_or(0).div_euclid(DAY_US);
        let analysis = maker
            .texts
            .insert((fingerprint, day))
            .then(|| analyzer.analyze(execution.statement));
        let tables: Option<Vec<&str>> =
            analysis.map(|analysis| analysis.tables.iter().map(String::as_str).collect());
        let keeps = maker.sampler.keeps(
            fingerprint,
            execution.start_us,
            execution.query_time_us,
            execution.span.start,
        );
        let [user, database, application, client] = [
            execution.user,
            execution.database,
            execution.application,
            execution.client,
        ]
        .map(String::from_utf8_lossy);
        let statement = keeps.then(|| lossy(execution.statement));
        let parameters = keeps
            .then(|| lossy(execution.parameters))
            .filter(|text| !text.is_empty());
        let attributes: Vec<(Cow<'_, str>, Cow<'_, str>)> = execution
            .attributes
            .iter()
            .map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
            .collect();
        let attributes: Vec<(&str, &str)> = attributes
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        maker.builder.push_query(&QueryRow {
            place: Place {
                ts_us: execution.start_us,
                dialect: Some(dialect_name(execution.dialect)),
                ..place(
                    self.source,
                    execution.span.start,
                    &maker.server,
                    maker.cluster.as_deref(),
                )
            },
            fingerprint: Some(fingerprint),
            database: known(&database),
            user: known(&user),
            application: known(&application),
            client: known(&client),
            normalized: analysis.map(|analysis| analysis.normalized),
            verb: analysis.map(|analysis| analysis.verb),
            tables: tables.as_deref(),
            statement: statement.as_deref(),
            parameters: parameters.as_deref(),
            attributes: &attributes,
            ..numbers(execution)
        });
    }

    fn reject(&mut self, reject: &Reject<'_>) {
        let RowMaker {
            server,
            cluster,
            builder,
            ..
        } = &mut *self.maker;
        let place = place(self.source, reject.span.start, server, cluster.as_deref());
        builder.push_reject(&RejectRow {
            place,
            reason: reject.reason.name(),
            raw: reject.raw,
        });
    }
}

fn place<'p>(source: &'p str, offset: u64, server: &'p str, cluster: Option<&'p str>) -> Place<'p> {
    Place {
        source,
        source_offset: offset_i64(offset),
        server: Some(server),
        cluster,
        ..Place::default()
    }
}

/// The fields that are numbers, flags and names of their own.
fn numbers(execution: &Execution<'_>) -> QueryRow<'static> {
    QueryRow {
        end_ts_us: execution.end_us,
        query_time_us: Some(execution.query_time_us),
        lock_time_us: execution.lock_time_us,
        rows_sent: execution.rows_sent,
        rows_examined: execution.rows_examined,
        rows_affected: execution.rows_affected,
        bytes_sent: execution.bytes_sent,
        bytes_received: execution.bytes_received,
        session_id: execution.session_id,
        server_query_id: execution.server_query_id,
        error_code: execution.error_code,
        killed: execution.killed,
        command: Some(execution.command.name()),
        full_scan: execution.plan.full_scan,
        full_join: execution.plan.full_join,
        tmp_table: execution.plan.tmp_table,
        tmp_table_on_disk: execution.plan.tmp_table_on_disk,
        filesort: execution.plan.filesort,
        filesort_on_disk: execution.plan.filesort_on_disk,
        query_cache_hit: execution.plan.query_cache_hit,
        tmp_tables: execution.tmp_tables,
        tmp_disk_tables: execution.tmp_disk_tables,
        tmp_table_bytes: execution.tmp_table_bytes,
        merge_passes: execution.merge_passes,
        truncated: Some(execution.truncated),
        ..QueryRow::default()
    }
}

fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

/// Text as far as the lake keeps it.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&text[..text.len().min(MAX_STATEMENT_BYTES)])
}
