//! What a client asks of its own connection: settings, transactions and their savepoints, and to forget what it has prepared. Asks the lake
//! nothing.

use std::fmt::Debug;
use std::sync::Arc;

use futures::{Sink, stream};
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, QueryResponse, Response, Tag};
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::TransactionStatus;

use crate::postgres_wire::connection::{Connection, lock};
use crate::postgres_wire::failure::{error, state};
use crate::postgres_wire::messages::{SHOW, say_beside, say_settings};
use crate::postgres_wire::prepared::show_fields;
use crate::postgres_wire::statement::{Asked, Change};

/// Savepoints of a transaction, each a name of the client's.
const SAVEPOINTS_MAX: usize = 1_000;

impl Connection {
    /// Does what a statement asks for that is about the connection.
    pub(super) async fn about_connection<C>(
        &self,
        client: &mut C,
        asked: &Asked,
        status: TransactionStatus,
        format: &Format,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let done = |tag: &str| Ok(Response::Execution(Tag::new(tag)));
        match asked {
            // Planned by now: what is left are the others.
            Asked::Query(_) => Err(error("XX000", "a question that was not planned")),
            Asked::Set(change) => {
                self.set(client, change, status).await?;
                done("SET")
            }
            Asked::Show { name } => self.show(name, format),
            Asked::Reset => {
                self.reset(client).await?;
                done("RESET")
            }
            Asked::Discard => {
                self.reset(client).await?;
                self.forget_portals(client);
                self.forget_statements(client);
                done("DISCARD ALL")
            }
            Asked::Begin => Ok(Response::TransactionStart(Tag::new("BEGIN"))),
            Asked::Commit | Asked::Rollback => {
                self.forget_portals(client);
                lock(&self.savepoints).clear();
                let back = lock(&self.settings).end_transaction();
                say_settings(client, back).await?;
                let is_kept = *asked == Asked::Commit && status != TransactionStatus::Error;
                let tag = if is_kept { "COMMIT" } else { "ROLLBACK" };
                Ok(Response::TransactionEnd(Tag::new(tag)))
            }
            Asked::Savepoint { .. } | Asked::RollbackTo { .. } | Asked::Release { .. } => {
                self.savepoint(asked, status)
            }
            Asked::Forget { name: Some(name) } => {
                self.forget_statement(client, name);
                done("DEALLOCATE")
            }
            Asked::Forget { name: None } => {
                self.forget_statements(client);
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

    async fn set<C>(&self, client: &mut C, change: &Change, status: TransactionStatus) -> PgWireResult<()>
    where
        C: Sink<PgWireBackendMessage> + Unpin + Send,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let Change {
            name,
            value,
            is_local,
        } = change;
        let limit = self.server.limits.statement_timeout;
        let changed = lock(&self.settings).set(name, value.as_deref(), *is_local, limit)?;
        if *is_local && status == TransactionStatus::Idle {
            // Its transaction is the statement itself.
            lock(&self.settings).end_transaction();
            return say_beside(client, "SET LOCAL can only be used in transaction blocks").await;
        }
        say_settings(client, changed.reported).await?;
        match changed.notice {
            Some(text) => say_beside(client, text).await,
            None => Ok(()),
        }
    }

    async fn reset<C>(&self, client: &mut C) -> PgWireResult<()>
    where
        C: Sink<PgWireBackendMessage> + Unpin + Send,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let changed = lock(&self.settings).reset();
        say_settings(client, changed).await
    }

    fn show(&self, name: &str, format: &Format) -> PgWireResult<Response> {
        let (name, value) = lock(&self.settings).show(name)?;
        let fields = Arc::new(show_fields(name, format));
        let mut row = DataRowEncoder::new(fields.clone());
        row.encode_field(&value)?;
        let row = row.take_row();
        let mut response = QueryResponse::new(fields, stream::iter([Ok(row)]));
        response.set_command_tag(SHOW);
        Ok(Response::Query(response))
    }

    pub(super) fn forget_portal<C>(&self, client: &C, name: &str)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        client.portal_store().rm_portal(name);
        lock(&self.kept).portals.remove(name);
    }

    pub(super) fn forget_portals<C>(&self, client: &C)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        client.portal_store().clear_portals();
        lock(&self.kept).portals.clear();
    }

    pub(super) fn forget_statement<C>(&self, client: &C, name: &str)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        client.portal_store().rm_statement(name);
        lock(&self.kept).statements.remove(name);
    }

    fn forget_statements<C>(&self, client: &C)
    where
        C: ClientPortalStore,
        C::PortalStore: PortalStore,
    {
        for (name, _) in lock(&self.kept).statements.drain() {
            client.portal_store().rm_statement(&name);
        }
    }
}
