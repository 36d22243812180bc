//! Statements that take data.

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::compression::Unpacker;
use crate::error::Exception;
use crate::ffi::{Counters, Engine};
use crate::request::Request;
use crate::response::{failed, head, whole};
use crate::server::Server;
use crate::statement::Statement;

/// Pieces that wait for the engine.
const WAITING_PIECES: usize = 8;

/// A piece of the body, or the word that all of it has come.
enum Piece {
    Data(Bytes),
    End,
}

/// Hands the data to the engine as they come. A body that is cut stores nothing.
pub(crate) async fn answer(
    server: &Server,
    request: Request,
    statement: Statement<'_>,
    unpacker: Unpacker,
    mut body: BodyDataStream,
) -> Response {
    let query_id = request.query_id.clone();
    let format =
        statement.format.or_else(|| request.default_format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
    let running = match server.begin(&query_id) {
        Ok(running) => running,
        Err(exception) => return failed(&exception, &query_id),
    };
    let (sender, pieces) = mpsc::channel(WAITING_PIECES);
    let (engine, mark, ending) = (server.engine(), running.mark().to_owned(), running.ending());
    let (sql, first) = (statement.sql, Bytes::copy_from_slice(statement.data));
    let work = tokio::task::spawn_blocking(move || {
        let outcome = write(&engine, &request, &mark, (&sql, &format), &first, unpacker, pieces);
        drop(ending);
        outcome
    });
    let mut is_whole = true;
    while let Some(piece) = body.next().await {
        let Ok(data) = piece else {
            is_whole = false;
            break;
        };
        // Where the writer has failed, the rest is read all the same, as by a server: a client that still sends when the connection
        // closes sees that, and not why it was refused.
        let _ = sender.send(Piece::Data(data)).await;
    }
    if is_whole {
        // Where the writer has failed already it says so below.
        let _ = sender.send(Piece::End).await;
    }
    drop(sender);
    match work.await {
        Ok(Ok(counters)) => whole(head(&query_id, "TabSeparated", counters), Body::empty()),
        Ok(Err(exception)) => failed(&exception, &query_id),
        Err(_) => failed(&Exception::new(1002, "the insert's thread was lost", "UNKNOWN_EXCEPTION"), &query_id),
    }
}

fn write(
    engine: &Engine,
    request: &Request,
    mark: &str,
    (sql, format): (&str, &str),
    first: &[u8],
    mut unpacker: Unpacker,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Counters, Exception> {
    let connection = request.session(engine, mark)?;
    let mut insert = connection.insert(sql, format, &request.parameters)?;
    if !first.is_empty() {
        insert.append(first)?;
    }
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Data(data)) => {
                let unpacked = unpacker.push(&data)?;
                if !unpacked.is_empty() {
                    insert.append(&unpacked)?;
                }
            }
            Some(Piece::End) if unpacker.is_complete() => return Ok(insert.finish()?.counters()),
            Some(Piece::End) => {
                return Err(Exception::new(
                    33,
                    "Cannot read all data: a compressed block is cut",
                    "CANNOT_READ_ALL_DATA",
                ));
            }
            // Dropping the insert cancels it.
            None => {
                return Err(Exception::new(210, "the client went away before its data were whole", "NETWORK_ERROR"));
            }
        }
    }
}
