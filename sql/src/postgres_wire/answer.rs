//! What each message of a client that is in comes to: statements in one go, and statements that are prepared, bound and executed. Rows are
//! sent as they are made; none are kept.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use async_trait::async_trait;
use futures::{Sink, SinkExt, StreamExt, stream};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_query_response, send_ready_for_query,
};
use pgwire::api::results::{DataRowEncoder, QueryResponse, Response, Tag};
use pgwire::api::stmt::StoredStatement;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Execute, Parse, ParseComplete, PortalSuspended, Sync,
    TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{EmptyQueryResponse, ReadyForQuery, TransactionStatus};
use pgwire::messages::simplequery::Query;
use pgwire::messages::startup::ParameterStatus;

use crate::postgres_wire::connection::{Connection, Kept, lock};
use crate::postgres_wire::failure::{error, notice, of_query, state};
use crate::postgres_wire::prepared::{Planner, Prepared, Ready, show_fields};
use crate::postgres_wire::rows::{self, Counted};
use crate::postgres_wire::statement::Asked;
use crate::script::statements;

/// Savepoints of a transaction, each a name of the client's.
const SAVEPOINTS_MAX: usize = 1_000;

#[async_trait]
impl SimpleQueryHandler for Connection {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let begun = Instant::now();
        self.sent.store(0, Ordering::Relaxed);
        let done = self.guarded(self.script(client, &query.query)).await;
        self.told(&query.query, begun, done)
    }

    async fn do_query<C>(&self, client: &mut C, sql: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let status = client.transaction_status();
        let mut responses = Vec::new();
        for asked in self.server.planner.read(sql, self.user())? {
            check_transaction(status, &asked)?;
            responses.push(match self.server.planner.plan(&asked, sql).await? {
                Some(ready) => self.question(ready, &Format::UnifiedText, sql.into()).await?,
                None => {
                    self.about_connection(client, &asked, status, &Format::UnifiedText)
                        .await?
                }
            });
        }
        Ok(responses)
    }
}

#[async_trait]
impl ExtendedQueryHandler for Connection {
    type Statement = Prepared;
    type QueryParser = Planner;

    fn query_parser(&self) -> Arc<Planner> {
        self.server.planner.clone()
    }

    async fn on_parse<C>(&self, client: &mut C, message: Parse) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let begun = Instant::now();
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        self.sent.store(0, Ordering::Relaxed);
        let parsed = self.guarded(async {
            Kept::put(
                &mut lock(&self.kept).statements,
                name,
                name.len() + message.query.len(),
            )?;
            StoredStatement::parse(client, &message, self.query_parser()).await
        });
        match parsed.await {
            Ok(Some(statement)) => client.portal_store().put_statement(Arc::new(statement)),
            Ok(None) => client.portal_store().put_empty_statement(name),
            Err(failure) => return self.told(&message.query, begun, Err(failure)),
        }
        client
            .feed(PgWireBackendMessage::ParseComplete(ParseComplete::new()))
            .await?;
        Ok(())
    }

    async fn on_bind<C>(&self, client: &mut C, message: Bind) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.portal_name.as_deref().unwrap_or(DEFAULT_NAME);
        let of_statement = message.statement_name.as_deref().unwrap_or(DEFAULT_NAME);
        let statement = match client.portal_store().get_statement(of_statement) {
            Some(Entry::Value(statement)) => Some(statement),
            Some(Entry::Empty) => None,
            None => {
                let what = format!("prepared statement \"{of_statement}\" does not exist");
                return Err(error(state::NO_STATEMENT, what));
            }
        };
        check_bind(&message, statement.as_deref().map(|it| &it.statement))?;
        let n_bytes = message
            .parameters
            .iter()
            .flatten()
            .map(|value| value.len())
            .sum::<usize>();
        Kept::put(&mut lock(&self.kept).portals, name, name.len() + n_bytes)?;
        match statement {
            Some(statement) => client
                .portal_store()
                .put_portal(Arc::new(Portal::try_new(&message, statement)?)),
            None => client.portal_store().put_empty_portal(name),
        }
        client
            .feed(PgWireBackendMessage::BindComplete(BindComplete::new()))
            .await?;
        Ok(())
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let begun = Instant::now();
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                let answer = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
                return Ok(client.feed(answer).await?);
            }
            None => {
                return Err(error(
                    state::NO_PORTAL,
                    format!("portal \"{name}\" does not exist"),
                ));
            }
        };
        self.sent.store(0, Ordering::Relaxed);
        // Zero, or less, is all of them.
        let rows_max = usize::try_from(message.max_rows).unwrap_or(0);
        let done = self.guarded(self.execute(client, &portal, rows_max)).await;
        if done.is_err() {
            client.portal_store().rm_portal(name);
            lock(&self.kept).portals.remove(name);
        }
        self.told(&portal.statement.statement.sql, begun, done)
    }

    async fn on_close<C>(&self, client: &mut C, message: Close) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => self.forget(client, name),
            _ => {
                client.portal_store().rm_portal(name);
                lock(&self.kept).portals.remove(name);
            }
        }
        client
            .feed(PgWireBackendMessage::CloseComplete(CloseComplete::new()))
            .await?;
        Ok(())
    }

    async fn on_sync<C>(&self, client: &mut C, _message: Sync) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // Portals live as long as their transaction.
        if client.transaction_status() == TransactionStatus::Idle {
            self.drop_portals(client);
        }
        let ready = ReadyForQuery::new(client.transaction_status());
        client.send(PgWireBackendMessage::ReadyForQuery(ready)).await?;
        Ok(())
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Prepared>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        let (status, format) = (client.transaction_status(), &portal.result_column_format);
        check_transaction(status, &prepared.asked)?;
        match self.server.planner.bind(portal).await? {
            Some(ready) => self.question(ready, format, prepared.sql.clone()).await,
            None => {
                self.about_connection(client, &prepared.asked, status, format)
                    .await
            }
        }
    }
}

impl Connection {
    /// Does one statement after the other, until the first that fails.
    async fn script<C>(&self, client: &mut C, sql: &str) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let texts: Vec<&str> = match &statements(sql)[..] {
            // Places in errors are places in what the client has sent.
            [_] => vec![sql],
            several => several.iter().map(|statement| statement.text).collect(),
        };
        let mut is_empty = true;
        for text in texts {
            for response in SimpleQueryHandler::do_query(self, client, text).await? {
                is_empty = false;
                match response {
                    Response::Query(rows) => send_query_response(client, rows, true).await?,
                    other => conclude(client, other).await?,
                }
            }
        }
        if is_empty {
            let answer = EmptyQueryResponse::new();
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(answer))
                .await?;
        }
        send_ready_for_query(client, client.transaction_status()).await
    }

    /// Begins to answer a question.
    async fn question(&self, ready: Ready, format: &Format, sql: Arc<str>) -> PgWireResult<Response> {
        let fields = Arc::new(rows::fields(ready.schema(), format));
        let result = ready.start().await;
        let result = result.map_err(|failure| of_query(&failure, &sql))?;
        let counted = Counted {
            sql,
            rows_max: self.server.limits.rows,
            sent: self.sent.clone(),
        };
        let rows = rows::rows(result, fields.clone(), counted);
        Ok(Response::Query(QueryResponse::new(fields, rows)))
    }

    /// Does what a statement asks for that is about the connection.
    async fn about_connection<C>(
        &self,
        client: &mut C,
        asked: &Asked,
        status: TransactionStatus,
        format: &Format,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let done = |tag: &str| Ok(Response::Execution(Tag::new(tag)));
        match asked {
            // Planned by now: what is left are the others.
            Asked::Query(_) => Err(error("XX000", "a question that was not planned")),
            Asked::Set { name, value } => {
                self.set(client, name, value.as_deref()).await?;
                done("SET")
            }
            Asked::Show { name } => self.show(name, format),
            Asked::Reset { forgets } => {
                lock(&self.settings).reset();
                if *forgets {
                    self.forget_all(client);
                }
                done(if *forgets { "DISCARD ALL" } else { "RESET" })
            }
            Asked::Begin => Ok(Response::TransactionStart(Tag::new("BEGIN"))),
            Asked::Commit | Asked::Rollback => {
                self.drop_portals(client);
                lock(&self.savepoints).clear();
                let is_kept = *asked == Asked::Commit && status != TransactionStatus::Error;
                let tag = if is_kept { "COMMIT" } else { "ROLLBACK" };
                Ok(Response::TransactionEnd(Tag::new(tag)))
            }
            Asked::Savepoint { .. } | Asked::RollbackTo { .. } | Asked::Release { .. } => {
                self.savepoint(asked, status)
            }
            Asked::Forget { name: Some(name) } => {
                self.forget(client, name);
                done("DEALLOCATE")
            }
            Asked::Forget { name: None } => {
                self.forget_all(client);
                done("DEALLOCATE ALL")
            }
            Asked::Nothing { tag } => done(tag),
        }
    }

    /// Keeps the names of savepoints: there is nothing else that could be undone.
    fn savepoint(&self, asked: &Asked, status: TransactionStatus) -> PgWireResult<Response> {
        if status == TransactionStatus::Idle {
            let what = "savepoints can only be used in transaction blocks";
            return Err(error(state::NO_TRANSACTION, what));
        }
        let mut savepoints = lock(&self.savepoints);
        let find = |savepoints: &[String], name: &str| {
            let found = savepoints.iter().rposition(|known| known == name);
            found.ok_or_else(|| {
                error(
                    state::NO_SAVEPOINT,
                    format!("savepoint \"{name}\" does not exist"),
                )
            })
        };
        Ok(match asked {
            Asked::RollbackTo { name } => {
                let at = find(&savepoints, name)?;
                savepoints.truncate(at + 1);
                Response::TransactionStart(Tag::new("ROLLBACK"))
            }
            Asked::Release { name } => {
                let at = find(&savepoints, name)?;
                savepoints.truncate(at);
                Response::Execution(Tag::new("RELEASE"))
            }
            Asked::Savepoint { name } if savepoints.len() < SAVEPOINTS_MAX => {
                savepoints.push(name.clone());
                Response::Execution(Tag::new("SAVEPOINT"))
            }
            _ => {
                return Err(error(
                    state::LIMIT,
                    format!("more than {SAVEPOINTS_MAX} savepoints"),
                ));
            }
        })
    }

    async fn set<C>(&self, client: &mut C, name: &str, value: Option<&str>) -> PgWireResult<()>
    where
        C: Sink<PgWireBackendMessage> + Unpin + Send,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let limit = self.server.limits.statement_timeout;
        let changed = lock(&self.settings).set(name, value, limit)?;
        if let Some((name, value)) = changed.reported {
            let status = ParameterStatus::new(name.to_owned(), value);
            client.feed(PgWireBackendMessage::ParameterStatus(status)).await?;
        }
        if let Some(text) = changed.notice {
            client
                .feed(PgWireBackendMessage::NoticeResponse(notice(text).into()))
                .await?;
        }
        Ok(())
    }

    fn show(&self, name: &str, format: &Format) -> PgWireResult<Response> {
        let (name, value) = lock(&self.settings).show(name)?;
        let fields = Arc::new(show_fields(name, format));
        let mut row = DataRowEncoder::new(fields.clone());
        row.encode_field(&value)?;
        let row = row.take_row();
        let mut response = QueryResponse::new(fields, stream::iter([Ok(row)]));
        response.set_command_tag("SHOW");
        Ok(Response::Query(response))
    }

    /// Sends the next rows of a portal.
    async fn execute<C>(&self, client: &mut C, portal: &Portal<Prepared>, rows_max: usize) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match ExtendedQueryHandler::do_query(self, client, portal, rows_max).await? {
                Response::Query(rows) => *state = PortalExecutionState::Suspended(rows),
                other => {
                    *state = PortalExecutionState::Finished;
                    return conclude(client, other).await;
                }
            }
        }
        let PortalExecutionState::Suspended(rows) = &mut *state else {
            let tag = Tag::new("SELECT").with_rows(0);
            return Ok(client
                .feed(PgWireBackendMessage::CommandComplete(tag.into()))
                .await?);
        };
        let mut n_rows = 0;
        while rows_max == 0 || n_rows < rows_max {
            let Some(row) = rows.data_rows().next().await else {
                let tag = Tag::new(rows.command_tag()).with_rows(n_rows);
                *state = PortalExecutionState::Finished;
                return Ok(client
                    .feed(PgWireBackendMessage::CommandComplete(tag.into()))
                    .await?);
            };
            client.feed(PgWireBackendMessage::DataRow(row?)).await?;
            n_rows += 1;
        }
        let suspended = PgWireBackendMessage::PortalSuspended(PortalSuspended::new());
        Ok(client.feed(suspended).await?)
    }

    fn drop_portals<C>(&self, client: &C)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        client.portal_store().clear_portals();
        lock(&self.kept).portals.clear();
    }

    fn forget<C>(&self, client: &C, name: &str)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        client.portal_store().rm_statement(name);
        lock(&self.kept).statements.remove(name);
    }

    fn forget_all<C>(&self, client: &C)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        for (name, _) in lock(&self.kept).statements.drain() {
            client.portal_store().rm_statement(&name);
        }
    }
}

/// After an error a transaction takes nothing but its end.
fn check_transaction(status: TransactionStatus, asked: &Asked) -> PgWireResult<()> {
    match (status, asked) {
        (TransactionStatus::Error, Asked::Commit | Asked::Rollback | Asked::RollbackTo { .. }) => Ok(()),
        (TransactionStatus::Error, _) => {
            let what = "current transaction is aborted, commands ignored until end of transaction block";
            Err(error(state::FAILED_TRANSACTION, what))
        }
        _ => Ok(()),
    }
}

/// Whether a statement is given as many parameters and formats as it has parameters and columns.
fn check_bind(bind: &Bind, prepared: Option<&Prepared>) -> PgWireResult<()> {
    let n_parameters = prepared.map_or(0, Prepared::n_parameters);
    let n_columns = prepared.map_or(0, Prepared::n_columns);
    let wrong = |what: String| Err(error(state::PROTOCOL, what));
    if bind.parameters.len() != n_parameters {
        return wrong(format!(
            "{} parameters are given; the prepared statement takes {n_parameters}",
            bind.parameters.len()
        ));
    }
    for (formats, n, what) in [
        (&bind.parameter_format_codes, n_parameters, "parameters"),
        (&bind.result_column_format_codes, n_columns, "columns"),
    ] {
        // None is text for all, one is for all.
        if formats.len() > 1 && formats.len() != n {
            return wrong(format!("{} formats are given for {n} {what}", formats.len()));
        }
        if let Some(format) = formats.iter().find(|format| !(0..=1).contains(*format)) {
            return wrong(format!("there is no format {format}"));
        }
    }
    Ok(())
}

/// Says that a statement without rows is done.
async fn conclude<C>(client: &mut C, response: Response) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let tag = match response {
        Response::TransactionStart(tag) => {
            client.set_transaction_status(TransactionStatus::Transaction);
            tag
        }
        Response::TransactionEnd(tag) => {
            client.set_transaction_status(TransactionStatus::Idle);
            tag
        }
        Response::Execution(tag) => tag,
        // Nothing else is answered here.
        _ => {
            return Ok(client
                .feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new()))
                .await?);
        }
    };
    Ok(client
        .feed(PgWireBackendMessage::CommandComplete(tag.into()))
        .await?)
}
