//! What clients are sent, message by message: rows, settings, and that something is done. Decides nothing.

use futures::{Sink, SinkExt, StreamExt};
use pgwire::api::ClientInfo;
use pgwire::api::results::{QueryResponse, Response, Tag};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::RowDescription;
use pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use pgwire::messages::startup::ParameterStatus;

use crate::postgres_wire::failure::notice;

/// The command whose answer's rows are not counted.
pub(super) const SHOW: &str = "SHOW";

/// Gives a client one message, which may wait for others.
pub(super) async fn feed<C>(client: &mut C, message: PgWireBackendMessage) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    Ok(client.feed(message).await?)
}

/// Says that a statement is done.
async fn complete<C>(client: &mut C, tag: Tag) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    feed(client, PgWireBackendMessage::CommandComplete(tag.into())).await
}

/// Says that there was no statement.
pub(super) async fn say_empty<C>(client: &mut C) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let answer = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
    feed(client, answer).await
}

/// Says what settings are now.
pub(super) async fn say_settings<C>(
    client: &mut C,
    settings: impl IntoIterator<Item = (&'static str, String)>,
) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    for (name, value) in settings {
        let status = ParameterStatus::new(name.to_owned(), value);
        feed(client, PgWireBackendMessage::ParameterStatus(status)).await?;
    }
    Ok(())
}

/// Says something to know beside an answer.
pub(super) async fn say_beside<C>(client: &mut C, text: &str) -> PgWireResult<()>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    feed(client, PgWireBackendMessage::NoticeResponse(notice(text).into())).await
}

/// Answers one statement of a script in full.
pub(super) async fn answer<C>(client: &mut C, response: Response) -> PgWireResult<()>
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let Response::Query(mut rows) = response else {
        return conclude(client, response).await;
    };
    let columns = RowDescription::new(rows.row_schema.iter().map(Into::into).collect());
    feed(client, PgWireBackendMessage::RowDescription(columns)).await?;
    next_rows(client, &mut rows, 0).await.map(drop)
}

/// Sends the next rows, `rows_max` at most, or all of them if that is 0; whether those were the last.
pub(super) async fn next_rows<C>(
    client: &mut C,
    rows: &mut QueryResponse,
    rows_max: usize,
) -> PgWireResult<bool>
where
    C: Sink<PgWireBackendMessage> + Unpin,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let mut n_rows = 0;
    while rows_max == 0 || n_rows < rows_max {
        let Some(row) = rows.data_rows().next().await else {
            let tag = Tag::new(rows.command_tag());
            let tag = match rows.command_tag() {
                SHOW => tag,
                _ => tag.with_rows(n_rows),
            };
            complete(client, tag).await?;
            return Ok(true);
        };
        feed(client, PgWireBackendMessage::DataRow(row?)).await?;
        n_rows += 1;
    }
    Ok(false)
}

/// Says that a statement without rows is done.
pub(super) async fn conclude<C>(client: &mut C, response: Response) -> PgWireResult<()>
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
        _ => return say_empty(client).await,
    };
    complete(client, tag).await
}
