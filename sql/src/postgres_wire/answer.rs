//! What each message of a client that is in comes to: statements in one go, and statements that are prepared, bound and executed. Rows are
//! sent as they are made; none are kept.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use pgwire::api::portal::{Format, Portal, PortalExecutionState};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_ready_for_query};
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::api::stmt::StoredStatement;
use pgwire::api::store::{Entry, PortalStore};
use pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Execute, Parse, ParseComplete, PortalSuspended, Sync,
    TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::simplequery::Query;

use crate::postgres_wire::connection::{Connection, Kept, lock};
use crate::postgres_wire::failure::{error, moved, of_query, state};
use crate::postgres_wire::messages::{answer, conclude, feed, next_rows, say_empty};
use crate::postgres_wire::prepared::{Planner, Prepared, Ready};
use crate::postgres_wire::rows::{self, Counted};
use crate::postgres_wire::statement::Asked;
use crate::script::statements;

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
        let parsing = StoredStatement::parse(client, &message, self.query_parser());
        let parsed = self.guarded(parsing).await.and_then(|parsed| {
            let n_bytes = name.len() + message.query.len();
            Kept::put(&mut lock(&self.kept).statements, name, n_bytes)?;
            Ok(parsed)
        });
        match parsed {
            Ok(Some(statement)) => client.portal_store().put_statement(Arc::new(statement)),
            Ok(None) => client.portal_store().put_empty_statement(name),
            Err(failure) => return self.told(&message.query, begun, Err(failure)),
        }
        feed(client, PgWireBackendMessage::ParseComplete(ParseComplete::new())).await
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
        let portal = statement.map(|statement| Portal::try_new(&message, statement));
        let portal = portal.transpose()?;
        Kept::put(&mut lock(&self.kept).portals, name, name.len() + n_bytes)?;
        match portal {
            Some(portal) => client.portal_store().put_portal(Arc::new(portal)),
            None => client.portal_store().put_empty_portal(name),
        }
        feed(client, PgWireBackendMessage::BindComplete(BindComplete::new())).await
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
            Some(Entry::Empty) => return say_empty(client).await,
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
            self.forget_portal(client, name);
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
            TARGET_TYPE_BYTE_STATEMENT => self.forget_statement(client, name),
            _ => self.forget_portal(client, name),
        }
        feed(client, PgWireBackendMessage::CloseComplete(CloseComplete::new())).await
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
            self.forget_portals(client);
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
            let n_responses = self.statement(client, text).await.map_err(|failure| {
                // Each text is a part of the script.
                let in_front = text.as_ptr().addr() - sql.as_ptr().addr();
                moved(failure, sql[..in_front].chars().count())
            })?;
            is_empty &= n_responses == 0;
        }
        if is_empty {
            say_empty(client).await?;
        }
        send_ready_for_query(client, client.transaction_status()).await
    }

    /// Does one statement of a script; how many answers it had.
    async fn statement<C>(&self, client: &mut C, sql: &str) -> PgWireResult<usize>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + std::marker::Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let responses = SimpleQueryHandler::do_query(self, client, sql).await?;
        let n_responses = responses.len();
        for response in responses {
            answer(client, response).await?;
        }
        Ok(n_responses)
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
            let nothing = Tag::new("SELECT").with_rows(0);
            return conclude(client, Response::Execution(nothing)).await;
        };
        if next_rows(client, rows, rows_max).await? {
            *state = PortalExecutionState::Finished;
            return Ok(());
        }
        let suspended = PgWireBackendMessage::PortalSuspended(PortalSuspended::new());
        feed(client, suspended).await
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
