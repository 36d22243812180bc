//! Statements that give rows: streamed through a pipe, so that every format is framed as a server frames it.

use std::io::{PipeReader, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::{mpsc, oneshot};

use crate::compression::compressed;
use crate::error::Exception;
use crate::ffi::Counters;
use crate::request::Request;
use crate::response::{failed, head, trailer, whole};
use crate::server::{Running, Server};
use crate::statement::Statement;

/// Bytes that go on at once; a result below it has its status only after its end.
const PIECE: usize = 256 << 10;
/// Pieces that wait for the client.
const WAITING_PIECES: usize = 4;

type Outcome = Result<Counters, Exception>;

/// Runs a statement and answers with what it gives, as it comes.
pub(crate) async fn answer(server: &Server, request: Request, statement: Statement<'_>) -> Response {
    let (sql, query_id) = (statement.sql, request.query_id.clone());
    let format =
        statement.format.or_else(|| request.default_format.clone()).unwrap_or_else(|| "TabSeparated".to_owned());
    let in_blocks = request.answer_in_blocks;
    let Ok((reader, writer)) = std::io::pipe() else {
        return failed(&Exception::new(1002, "no pipe", "UNKNOWN_EXCEPTION"), &query_id);
    };
    let running = match server.begin(&query_id) {
        Ok(running) => running,
        Err(exception) => return failed(&exception, &query_id),
    };
    let (ended, end) = oneshot::channel::<Outcome>();
    let (engine, mark, output) = (server.engine(), running.mark().to_owned(), format.clone());
    let ending = running.ending();
    tokio::task::spawn_blocking(move || {
        let outcome = request.session(&engine, &mark).and_then(|connection| {
            let place = format!(" INTO OUTFILE '/proc/self/fd/{}' TRUNCATE FORMAT {output}", writer.as_raw_fd());
            let result = connection.query(&format!("{sql} {place}"), "Null", &request.parameters)?;
            Ok(result.counters())
        });
        drop(ending);
        // The outcome first: who sees the end of the pipe finds it there.
        let _ = ended.send(outcome);
        drop(writer);
    });
    let (sender, mut pieces) = mpsc::channel(WAITING_PIECES);
    tokio::task::spawn_blocking(move || pump(reader, &sender));
    let first = pieces.recv().await;
    let mut end = end;
    let counters = if first.as_ref().is_none_or(|piece| piece.len() < PIECE) {
        // The end of the pipe, or near it: wait for the outcome, so that an error has its status.
        match (&mut end).await {
            Ok(Ok(counters)) => Some(counters),
            Ok(Err(exception)) => return failed(&exception, &query_id),
            Err(_) => return failed(&lost(), &query_id),
        }
    } else {
        None
    };
    let end = counters.is_none().then_some(end);
    let streaming = Streaming::Pieces { first, pieces, end, running, in_blocks };
    let body = Body::from_stream(unfold(streaming, next_piece));
    whole(head(&query_id, &format, counters.unwrap_or_default()), body)
}

enum Streaming {
    Pieces {
        first: Option<Bytes>,
        pieces: mpsc::Receiver<Bytes>,
        /// Absent where the outcome is known to be good.
        end: Option<oneshot::Receiver<Outcome>>,
        /// Kills the query when the client goes away.
        running: Running,
        in_blocks: bool,
    },
    /// The trailer was sent: now the framing is broken, so that nobody takes this for a whole result.
    Cut,
    Ended,
}

async fn next_piece(streaming: Streaming) -> Option<(Result<Bytes, std::io::Error>, Streaming)> {
    let (first, mut pieces, end, running, in_blocks) = match streaming {
        Streaming::Pieces { first, pieces, end, running, in_blocks } => (first, pieces, end, running, in_blocks),
        Streaming::Cut => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Some((Err(std::io::Error::other("the query failed in mid-stream")), Streaming::Ended));
        }
        Streaming::Ended => return None,
    };
    let packed = |bytes: Bytes| if in_blocks { compressed(&bytes).into() } else { bytes };
    let piece = match first {
        Some(piece) => Some(piece),
        None => pieces.recv().await,
    };
    if let Some(piece) = piece {
        return Some((Ok(packed(piece)), Streaming::Pieces { first: None, pieces, end, running, in_blocks }));
    }
    match end?.await {
        Ok(Ok(_)) => None,
        Ok(Err(exception)) => Some((Ok(packed(trailer(&exception).into())), Streaming::Cut)),
        Err(_) => Some((Ok(packed(trailer(&lost()).into())), Streaming::Cut)),
    }
}

fn lost() -> Exception {
    Exception::new(1002, "the query's thread was lost", "UNKNOWN_EXCEPTION")
}

fn pump(mut reader: PipeReader, sender: &mpsc::Sender<Bytes>) {
    loop {
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        while length < PIECE {
            match reader.read(&mut piece[length..]) {
                Ok(0) | Err(_) => {
                    piece.truncate(length);
                    if length > 0 {
                        let _ = sender.blocking_send(piece.into());
                    }
                    return;
                }
                Ok(read) => length += read,
            }
        }
        if sender.blocking_send(piece.into()).is_err() {
            return;
        }
    }
}
