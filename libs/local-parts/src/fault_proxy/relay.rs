//! Passes requests on, and breaks them as their faults say.

use std::io::Result;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http::{Body, Framing, Head, end_of, framed};
use super::{Fault, Seen, Shared};

/// What becomes of the client's connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// It takes the next request.
    Keep,
    /// It is closed in order: what was written arrives.
    Close,
    /// It is reset: what was not read yet is lost.
    Reset,
}

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and with it all connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                shared.count(|counts| counts.connections += 1);
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Requests of one client, one after the other.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let (reader, mut client) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut later = JoinSet::new();
    let after = loop {
        let Ok(Some(head)) = Head::read(&mut reader).await else { break After::Close };
        match one_request(&shared, head, &mut reader, &mut client, &mut later).await {
            Ok(After::Keep) => {}
            Ok(after) => break after,
            // One of the two has gone: so does the other.
            Err(_) => break After::Reset,
        }
    };
    if after == After::Reset {
        reset(reader, client);
    } else {
        let _ = client.shutdown().await;
    }
    while later.join_next().await.is_some() {}
}

/// Closes a connection so that the other side sees it broken, not ended.
fn reset(reader: BufReader<OwnedReadHalf>, client: OwnedWriteHalf) {
    if let Ok(stream) = reader.into_inner().reunite(client) {
        let _ = stream.set_zero_linger();
    }
}

async fn one_request(
    shared: &Arc<Shared>,
    mut head: Head,
    reader: &mut BufReader<OwnedReadHalf>,
    client: &mut OwnedWriteHalf,
    later: &mut JoinSet<()>,
) -> Result<After> {
    let seen = seen(shared, &head);
    let fault = (shared.plan())(&seen);
    let mut body = Body::new(head.framing(Framing::Length(0)));
    match &fault {
        Some(Fault::Refuse) => {
            shared.came_about(&Fault::Refuse);
            return Ok(After::Reset);
        }
        Some(fault @ Fault::AnswerEarly { status, code, body }) => {
            shared.came_about(fault);
            client.write_all(&own_answer(*status, *code, body)).await?;
            return Ok(After::Close);
        }
        Some(fault @ Fault::Answer { status, code, body: text }) => {
            while body.next(reader).await?.is_some() {}
            shared.came_about(fault);
            client.write_all(&own_answer(*status, *code, text)).await?;
            return Ok(After::Keep);
        }
        Some(fault @ Fault::Delay(wait)) => {
            tokio::time::sleep(*wait).await;
            shared.came_about(fault);
        }
        Some(fault @ Fault::WithSetting { name, value }) => {
            let joint = if seen.target.contains('?') { '&' } else { '?' };
            head.first = format!("{} {}{joint}{name}={value} HTTP/1.1", seen.method, seen.target);
            shared.came_about(fault);
        }
        _ => {}
    }
    let keeps = matches!(fault, Some(Fault::Repeat | Fault::RepeatLater(_)));
    let passed_max = match fault {
        Some(Fault::CutRequest { after } | Fault::TruncateRequest { after }) => after,
        _ => usize::MAX,
    };
    let (server_reader, mut server) = TcpStream::connect(shared.server).await?.into_split();
    let mut server_reader = BufReader::new(server_reader);
    // One connection a request towards the server. A body that shall be ended before its end goes in chunks, which may end anywhere.
    let (head, framing) = sent_as(head, matches!(fault, Some(Fault::TruncateRequest { .. })));
    server.write_all(&head.bytes()).await?;
    let (mut passed, mut kept) = (0, Vec::new());
    while let Some(piece) = body.next(reader).await? {
        let allowed = piece.len().min(passed_max - passed);
        if allowed > 0 {
            if server.write_all(&framed(framing, &piece[..allowed])).await.is_err() {
                // It has answered already and takes no more.
                let answer = whole_answer(&mut server_reader, &seen.method).await?;
                pass_on(shared, client, &answer, None).await?;
                return Ok(After::Close);
            }
            shared.count(|counts| counts.bytes_up += allowed as u64);
            passed += allowed;
        }
        if keeps {
            kept.extend_from_slice(&piece);
        }
        if allowed < piece.len() {
            match &fault {
                Some(fault @ Fault::CutRequest { .. }) => {
                    shared.came_about(fault);
                    reset(server_reader, server);
                    return Ok(After::Reset);
                }
                Some(fault) => {
                    shared.came_about(fault);
                    while body.next(reader).await?.is_some() {}
                    break;
                }
                None => {}
            }
        }
    }
    server.write_all(end_of(framing)).await?;
    shared.count(|counts| counts.passed_on += 1);
    if let Some(fault @ Fault::Repeat) = &fault {
        drop(whole_answer(&mut server_reader, &seen.method).await?);
        shared.came_about(fault);
        let again = send_again(shared, &head, &kept).await?;
        return pass_on(shared, client, &again, None).await;
    }
    let answer = tokio::select! {
        answer = whole_answer(&mut server_reader, &seen.method) => answer?,
        // The server shall see that its client has gone.
        () = gone(reader) => return Ok(After::Reset),
    };
    match &fault {
        Some(fault @ Fault::SwallowAnswer) => {
            shared.came_about(fault);
            return Ok(After::Reset);
        }
        Some(fault @ Fault::DelayAnswer(wait)) => {
            tokio::time::sleep(*wait).await;
            shared.came_about(fault);
        }
        Some(Fault::RepeatLater(wait)) => {
            let (shared, wait) = (Arc::clone(shared), *wait);
            later.spawn(async move {
                tokio::time::sleep(wait).await;
                if send_again(&shared, &head, &kept).await.is_ok() {
                    shared.came_about(&Fault::RepeatLater(Duration::ZERO));
                }
            });
        }
        _ => {}
    }
    pass_on(shared, client, &answer, fault.as_ref()).await
}

/// The head as the server gets it, and how the body comes behind it.
fn sent_as(head: Head, is_truncated: bool) -> (Head, Framing) {
    let framing = head.framing(Framing::Length(0));
    let head = head.without("connection").with("connection", "close");
    if framing != Framing::Chunks && !is_truncated {
        return (head, framing);
    }
    let head = head.without("content-length").without("transfer-encoding").with("transfer-encoding", "chunked");
    (head, Framing::Chunks)
}

/// Waits until the client has gone; never ends while it sends the next request already.
async fn gone(reader: &mut BufReader<OwnedReadHalf>) {
    if matches!(reader.fill_buf().await, Ok(bytes) if !bytes.is_empty()) {
        std::future::pending::<()>().await;
    }
}

fn seen(shared: &Shared, head: &Head) -> Seen {
    let mut words = head.first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut number = 0;
    shared.count(|counts| {
        number = counts.requests;
        counts.requests += 1;
    });
    Seen { number, method, target }
}

fn own_answer(status: u16, code: Option<i32>, body: &str) -> Vec<u8> {
    let code = code.map_or_else(String::new, |code| format!("X-ClickHouse-Exception-Code: {code}\r\n"));
    format!("HTTP/1.1 {status} Fault\r\n{code}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer as it came, and whether its end came too.
struct Answer {
    bytes: Vec<u8>,
    is_whole: bool,
}

async fn whole_answer(server: &mut BufReader<OwnedReadHalf>, method: &str) -> Result<Answer> {
    let head = Head::read(server).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.first.split(' ').nth(1).unwrap_or_default();
    let has_no_body = method == "HEAD" || matches!(status, "204" | "304");
    let framing = if has_no_body { Framing::Length(0) } else { head.framing(Framing::ToEnd) };
    // The server closes; the client may go on.
    let head = if framing == Framing::ToEnd { head } else { head.without("connection") };
    let (mut bytes, mut body) = (head.bytes(), Body::new(framing));
    loop {
        match body.next(server).await {
            Ok(Some(piece)) => bytes.extend(framed(framing, &piece)),
            Ok(None) => {
                bytes.extend_from_slice(end_of(framing));
                return Ok(Answer { bytes, is_whole: framing != Framing::ToEnd });
            }
            // Servers break an answer on purpose when a query fails in its middle.
            Err(_) => return Ok(Answer { bytes, is_whole: false }),
        }
    }
}

async fn send_again(shared: &Shared, head: &Head, body: &[u8]) -> Result<Answer> {
    let (reader, mut server) = TcpStream::connect(shared.server).await?.into_split();
    server.write_all(&head.bytes()).await?;
    let framing = head.framing(Framing::Length(0));
    if !body.is_empty() {
        server.write_all(&framed(framing, body)).await?;
    }
    server.write_all(end_of(framing)).await?;
    shared.count(|counts| counts.passed_on += 1);
    let method = head.first.split(' ').next().unwrap_or_default();
    whole_answer(&mut BufReader::new(reader), method).await
}

async fn pass_on(
    shared: &Shared,
    client: &mut OwnedWriteHalf,
    answer: &Answer,
    fault: Option<&Fault>,
) -> Result<After> {
    let length = match fault {
        Some(Fault::CutAnswer { after }) => answer.bytes.len().min(*after),
        _ => answer.bytes.len(),
    };
    client.write_all(&answer.bytes[..length]).await?;
    shared.count(|counts| counts.bytes_down += length as u64);
    match fault {
        Some(fault) if length < answer.bytes.len() => {
            client.flush().await?;
            shared.came_about(fault);
            Ok(After::Reset)
        }
        _ if answer.is_whole => Ok(After::Keep),
        _ => Ok(After::Close),
    }
}
