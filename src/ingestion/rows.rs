//! Executions, events, rejects and books to rows of the lake: fingerprints them, decides which texts travel along, and converts field by
//! field. Reads the clock for one thing only: when a range was read.

use std::borrow::Cow;

use hashbrown::HashSet;
use serde_json::{Map, json};
use slowlake_parse::statement::{Analysis, Analyzer, Dialect, Tags};
use slowlake_parse::{Execution, LogEntry, LogKind, PlanFingerprint, Redactor, Tally, is_harmless};
use slowlake_store::{LedgerRow, LogRow, MAX_STATEMENT_BYTES, Place, QueryRow, RejectRow, RowBuilder, Rows};

use crate::batch::Batch;
use crate::digest::statements::Analyzers;
use crate::ingestion::mixed::{MixedBatch, Origin};
use crate::ingestion::offset_i64;
use crate::ingestion::round::Part;
use crate::ingestion::sampling::{Sampler, TextPolicy};
use crate::pipeline::StatementOptions;
use crate::plan_json;
use crate::settings::Settings;
use crate::summary::dialect_name;

const DAY_US: i64 = 86_400_000_000;
/// Queries and days whose text is known to be in the lake; beyond it the memory begins anew, and some texts travel once more.
const TEXTS_MAX: usize = 200_000;

/// Makes rows of logs.
pub(crate) struct RowMaker {
    server: ServerName,
    cluster: Option<String>,
    builder: RowBuilder,
    /// What takes literals out of everything, with analyzers of its own.
    redaction: Option<(Redactor, Analyzers)>,
    policy: TextPolicy,
    executions: Sampler,
    events: Sampler,
    /// Queries whose normalized text is in the lake, by day.
    texts: HashSet<(i64, i64)>,
    postgres: Analyzer,
    mysql: Analyzer,
}

/// Which texts of a log get into the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// All, of statements by a policy.
    Kept(TextPolicy),
    /// None that may hold a literal.
    Redacted,
}

/// What the server is called that wrote a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerName {
    /// As somebody says, whatever is in the log.
    Given(String),
    /// As the wrapper of each entry says, and like this where it does not.
    Found { otherwise: String },
}

impl ServerName {
    /// The name that was given, or what is found.
    pub(crate) fn new(given: Option<String>, settings: &Settings) -> ServerName {
        match given {
            Some(name) => ServerName::Given(name),
            None => ServerName::Found {
                otherwise: settings.host.clone(),
            },
        }
    }

    /// The name for all that no wrapper names.
    pub(crate) fn name(&self) -> &str {
        match self {
            ServerName::Given(name) | ServerName::Found { otherwise: name } => name,
        }
    }

    /// The name for an entry whose wrapper says `host`, which may be empty.
    fn of<'n>(&'n self, host: &'n str) -> &'n str {
        match self {
            ServerName::Found { .. } if !host.is_empty() => host,
            _ => self.name(),
        }
    }
}

impl RowMaker {
    pub(crate) fn new(
        server: ServerName,
        cluster: Option<String>,
        texts: Texts,
        statement: StatementOptions,
    ) -> RowMaker {
        let (policy, redaction) = match texts {
            Texts::Kept(policy) => (policy, None),
            Texts::Redacted => (
                TextPolicy::None,
                Some((Redactor::default(), Analyzers::new(statement))),
            ),
        };
        RowMaker {
            server,
            cluster,
            builder: RowBuilder::new(),
            redaction,
            policy,
            executions: Sampler::new(policy),
            events: Sampler::new(policy),
            texts: HashSet::new(),
            postgres: Analyzer::new(statement.of(Dialect::Postgres)),
            mysql: Analyzer::new(statement.of(Dialect::Mysql)),
        }
    }

    pub(crate) fn server(&self) -> &str {
        self.server.name()
    }

    /// What was made has not been committed: it is made again, texts and all.
    pub(crate) fn forget(&mut self) {
        self.builder = RowBuilder::new();
        self.texts.clear();
        self.executions.forget();
        self.events.forget();
    }

    /// Adds rows of a batch of `source`.
    pub(crate) fn batch(&mut self, batch: &Batch, source: &str) {
        let mut redaction = self.redaction.take();
        let mut rows = SourceRows {
            is_redacted: redaction.is_some(),
            maker: self,
            source,
        };
        batch.executions(|execution| rows.execution(execution, None));
        batch.logs(|entry| match &mut redaction {
            Some((redactor, own)) => {
                redactor.redact(entry, own.of(entry.dialect), |entry| rows.event(entry, None));
            }
            None => rows.event(entry, None),
        });
        for reject in batch.rejects() {
            rows.reject(reject.reason.name(), reject.raw, reject.span.start, None);
        }
        self.redaction = redaction;
    }

    /// Adds rows of a batch of many logs.
    pub(crate) fn mixed(&mut self, mixed: &MixedBatch) {
        let mut redaction = self.redaction.take();
        let mut rows = SourceRows {
            is_redacted: redaction.is_some(),
            maker: self,
            source: "",
        };
        mixed.executions(|execution, origin| rows.execution(execution, Some(origin)));
        mixed.logs(|entry, origin| match &mut redaction {
            Some((redactor, own)) => {
                redactor.redact(entry, own.of(entry.dialect), |entry| {
                    rows.event(entry, Some(origin))
                });
            }
            None => rows.event(entry, Some(origin)),
        });
        for (reject, origin) in mixed.rejects() {
            rows.reject(reject.reason.name(), reject.raw, origin.1.offset, Some(origin));
        }
        for (raw, reason, origin) in mixed.unread() {
            rows.reject(reason, raw, origin.1.offset, Some(origin));
        }
        self.redaction = redaction;
    }

    /// Adds the books of one source in one round.
    pub(crate) fn ledger_row(&mut self, part: &Part) {
        let Part {
            unit, range, ledger, ..
        } = part;
        let tally = |tally: Tally| json!({ "records": tally.records, "bytes": tally.bytes });
        let topic = part.topic.as_ref();
        let unread = || topic.iter().flat_map(|topic| topic.rejected.iter().copied());
        let rejects = ledger
            .rejected()
            .map(|(reason, t)| (reason.name(), t))
            .chain(unread());
        let mut detail = json!({
            "format": part.format.as_ref(),
            "log": ledger.logs().map(|(kind, t)| (kind.name().to_owned(), tally(t))).collect::<Map<_, _>>(),
            "rejected": rejects.map(|(reason, t)| (reason.to_owned(), tally(t))).collect::<Map<_, _>>(),
            "skipped": ledger.skipped().map(|(kind, t)| (kind.name().to_owned(), tally(t))).collect::<Map<_, _>>(),
            "context": part.context.iter().map(|span| [span.start, span.end]).collect::<Vec<_>>(),
        });
        if let Some(topic) = topic {
            detail["tombstones"] = topic.tombstones.into();
            detail["missing"] = topic.missing.into();
            detail["topic"] = topic.memory.clone();
        }
        let detail = detail.to_string();
        let mut rejected = ledger.rejected_total();
        for (_, tally) in unread() {
            rejected.records += tally.records;
            rejected.bytes += tally.bytes;
        }
        let (server, cluster) = match topic {
            // A partition has lines of many.
            Some(_) => (None, None),
            None => (Some(self.server.name()), self.cluster.as_deref()),
        };
        let read_at_us = jiff::Timestamp::now().as_microsecond();
        self.builder.push_ledger(&LedgerRow {
            place: Place {
                ts_us: Some(read_at_us),
                server,
                cluster,
                ..place(&unit.source, range.start, "", None)
            },
            app_id: &unit.app_id,
            source_identity: &unit.identity.to_string(),
            range_end: offset_i64(range.end),
            bytes_in: offset_i64(part.bytes()),
            bytes_parsed: offset_i64(ledger.bytes_parsed()),
            bytes_rejected: offset_i64(rejected.bytes),
            bytes_skipped: offset_i64(ledger.skipped_total().bytes),
            entries_query: offset_i64(ledger.executions().records),
            entries_log: offset_i64(ledger.logs_total().records),
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
    /// Events come without literals; executions and rejects do not.
    is_redacted: bool,
}

impl SourceRows<'_> {
    fn execution(&mut self, execution: &Execution<'_>, origin: Option<Origin<'_>>) {
        let maker = &mut *self.maker;
        let analyzer = match execution.dialect {
            Dialect::Postgres => &mut maker.postgres,
            Dialect::Mysql => &mut maker.mysql,
        };
        let fingerprint = analyzer.fingerprint(execution.statement).get();
        let (tags, trace_id) = tags(analyzer.tags(), maker.policy);
        let is_new = is_new_text(&mut maker.texts, fingerprint, execution.start_us);
        let analysis = is_new.then(|| analyzer.analyze(execution.statement));
        let tables = analysis.map(tables);
        let keeps = maker.executions.keeps(
            fingerprint,
            execution.start_us,
            execution.query_time_us,
            origin.map_or(execution.span.start, chance),
        );
        let [host, user, database, application, client] = [
            execution.host,
            execution.user,
            execution.database,
            execution.application,
            execution.client,
        ]
        .map(String::from_utf8_lossy);
        let statement = keeps.then(|| lossy(execution.statement));
        let parameters = keeps.then(|| lossy(execution.parameters));
        let mut attributes = pairs(execution.attributes);
        if self.is_redacted {
            attributes.retain(|(name, value)| is_harmless(name, value));
        }
        maker.builder.push_query(&QueryRow {
            place: Place {
                ts_us: execution.start_us,
                dialect: Some(dialect_name(execution.dialect)),
                ..match origin {
                    Some(origin) => place_of(origin),
                    None => place(
                        self.source,
                        execution.span.start,
                        maker.server.of(&host),
                        maker.cluster.as_deref(),
                    ),
                }
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
            parameters: parameters.as_deref().and_then(known),
            trace_id: trace_id.as_deref(),
            tags: &borrowed(&tags),
            attributes: &borrowed(&attributes),
            ..numbers(execution)
        });
    }

    fn event(&mut self, entry: &LogEntry<'_>, origin: Option<Origin<'_>>) {
        let maker = &mut *self.maker;
        let analyzer = match entry.dialect {
            Dialect::Postgres => &mut maker.postgres,
            Dialect::Mysql => &mut maker.mysql,
        };
        let has_statement = !entry.statement.is_empty();
        let fingerprint = has_statement.then(|| analyzer.fingerprint(entry.statement).get());
        let is_new =
            fingerprint.is_some_and(|fingerprint| is_new_text(&mut maker.texts, fingerprint, entry.time_us));
        let analysis = is_new.then(|| analyzer.analyze(entry.statement));
        let tables = analysis.map(tables);
        let keeps = maker.events.keeps(
            fingerprint.unwrap_or_default(),
            entry.time_us,
            entry.duration_us.unwrap_or_default(),
            origin.map_or(entry.span.start, chance),
        );
        // The general log is nothing but statements: its texts are kept like them.
        let keeps_message = keeps || entry.kind != LogKind::Command;
        let statement = kept(entry.statement, keeps);
        let [message, detail, context] =
            [entry.message, entry.detail, entry.context].map(|text| kept(text, keeps_message));
        let [host, user, database, application, client, sql_state, object, hint] = [
            entry.host,
            entry.user,
            entry.database,
            entry.application,
            entry.client,
            entry.sql_state,
            entry.object,
            entry.hint,
        ]
        .map(lossy);
        let plan = entry.plan.map(|plan| plan_json::to_json(plan));
        let attributes = pairs(entry.attributes);
        maker.builder.push_log(&LogRow {
            place: Place {
                ts_us: entry.time_us,
                dialect: Some(dialect_name(entry.dialect)),
                ..match origin {
                    Some(origin) => place_of(origin),
                    None => place(
                        self.source,
                        entry.span.start,
                        maker.server.of(&host),
                        maker.cluster.as_deref(),
                    ),
                }
            },
            fingerprint,
            database: known(&database),
            user: known(&user),
            application: known(&application),
            client: known(&client),
            session_id: entry.session_id,
            transaction_id: entry.transaction_id,
            server_query_id: entry.server_query_id,
            error_code: entry.error_code,
            plan_fingerprint: entry
                .plan
                .and_then(|plan| plan.fingerprint)
                .map(PlanFingerprint::get),
            normalized: analysis.map(|analysis| analysis.normalized),
            verb: analysis.map(|analysis| analysis.verb),
            tables: tables.as_deref(),
            statement: known(&statement),
            attributes: &borrowed(&attributes),
            event: entry.kind.name(),
            severity: entry.severity.name(),
            sql_state: known(&sql_state),
            duration_us: entry.duration_us,
            size_bytes: entry.size_bytes,
            object: known(&object),
            message: known(&message),
            detail: known(&detail),
            hint: known(&hint),
            context: known(&context),
            plan: plan.as_deref(),
            execution_offset: entry.execution_offset.map(offset_i64),
        });
    }

    fn reject(&mut self, reason: &str, raw: &[u8], offset: u64, origin: Option<Origin<'_>>) {
        let RowMaker {
            server,
            cluster,
            builder,
            ..
        } = &mut *self.maker;
        let place = match origin {
            Some(origin) => place_of(origin),
            None => place(self.source, offset, server.name(), cluster.as_deref()),
        };
        builder.push_reject(&RejectRow {
            place,
            reason,
            raw: if self.is_redacted { b"" } else { raw },
        });
    }
}

/// What makes one place as likely to be chosen as another.
fn chance((_, spot): Origin<'_>) -> u64 {
    spot.offset.rotate_left(u32::BITS) ^ u64::from(spot.seq)
}

fn place_of<'p>((owner, spot): Origin<'p>) -> Place<'p> {
    Place {
        source: &owner.source,
        source_offset: offset_i64(spot.offset),
        source_seq: i32::try_from(spot.seq).unwrap_or(i32::MAX),
        server: owner.server.as_deref(),
        cluster: owner.cluster.as_deref(),
        ..Place::default()
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
        transaction_id: execution.transaction_id,
        plan_fingerprint: execution.plan_fingerprint.map(PlanFingerprint::get),
        parse_time_us: execution.parse_time_us,
        bind_time_us: execution.bind_time_us,
        rate_limit: execution.rate_limit,
        is_nested: Some(execution.is_nested),
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

/// Whether the text of a query is not in the lake yet for the day, counted from 1970; from now on it is.
fn is_new_text(texts: &mut HashSet<(i64, i64)>, fingerprint: i64, time_us: Option<i64>) -> bool {
    if texts.len() >= TEXTS_MAX {
        texts.clear();
    }
    texts.insert((fingerprint, time_us.unwrap_or_default().div_euclid(DAY_US)))
}

fn tables(analysis: Analysis<'_>) -> Vec<&str> {
    analysis.tables.iter().map(String::as_str).collect()
}

/// Names and values of tags, each name once, and the trace; nothing, mostly. Where no text of a statement is kept, only those that name a part
/// of a program.
fn tags(tags: &Tags, policy: TextPolicy) -> (Vec<Pair<'static>>, Option<String>) {
    let mut pairs: Vec<Pair<'static>> = Vec::new();
    let mut add = |(name, value): (&str, &str)| {
        if pairs.iter().all(|(other, _)| other != name) {
            pairs.push((name.to_owned().into(), value.to_owned().into()));
        }
    };
    match policy {
        TextPolicy::None => tags.known_pairs().for_each(&mut add),
        TextPolicy::All | TextPolicy::Sampled => tags.pairs().for_each(&mut add),
    }
    (pairs, tags.trace_id().map(str::to_owned))
}

/// A name and its value.
type Pair<'p> = (Cow<'p, str>, Cow<'p, str>);

/// Names and values as text.
fn pairs<'p>(pairs: &[(&'p [u8], &'p [u8])]) -> Vec<Pair<'p>> {
    pairs
        .iter()
        .map(|(name, value)| (lossy(name), lossy(value)))
        .collect()
}

fn borrowed<'p>(pairs: &'p [Pair<'_>]) -> Vec<(&'p str, &'p str)> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .collect()
}

fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

/// Text as far as the lake keeps it, if it does.
fn kept(text: &[u8], keeps: bool) -> Cow<'_, str> {
    if keeps { lossy(text) } else { Cow::Borrowed("") }
}

/// Text as far as the lake keeps it.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&text[..text.len().min(MAX_STATEMENT_BYTES)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_name_is_stronger_than_what_the_log_says() {
        let given = ServerName::Given("a".to_owned());
        let found = ServerName::Found {
            otherwise: "b".to_owned(),
        };
        assert_eq!([given.of("db-7"), given.of("")], ["a", "a"]);
        assert_eq!([found.of("db-7"), found.of("")], ["db-7", "b"]);
    }
}
