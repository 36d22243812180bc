//! As much of HTTP/1.1 as the proxy needs: heads, and bodies with a length, in chunks, or to the end of the connection.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest head, bytes.
const HEAD_MAX: usize = 1 << 20;
/// The most of a body that is read at once, bytes.
const PIECE_MAX: usize = 64 << 10;

/// First line and headers.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) first: String,
    headers: Vec<(String, String)>,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunks,
    /// It ends with the connection.
    ToEnd,
}

impl Head {
    /// Reads a head; `None` where the connection ended before it.
    pub(crate) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Self>> {
        let mut lines: Vec<String> = Vec::new();
        let mut size = 0;
        loop {
            let mut line = String::new();
            size += reader.take(HEAD_MAX as u64).read_line(&mut line).await?;
            if size > HEAD_MAX {
                return Err(Error::new(ErrorKind::InvalidData, "the head is too long"));
            }
            match line.trim_end() {
                "" if lines.is_empty() && line.is_empty() => return Ok(None),
                "" if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                "" => break,
                text => lines.push(text.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let pair = |line: String| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Ok(Some(Self { first, headers: lines.filter_map(pair).collect() }))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n", self.first).into_bytes()
    }

    /// `otherwise`: where the head does not say.
    pub(crate) fn framing(&self, otherwise: Framing) -> Framing {
        if self.header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunks;
        }
        self.header("content-length").and_then(|it| it.parse().ok()).map_or(otherwise, Framing::Length)
    }
}

/// Reads a body, piece by piece.
pub(crate) struct Body {
    framing: Framing,
    /// Bytes that are left of the length, or of the chunk.
    left: u64,
    is_ended: bool,
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        let left = if let Framing::Length(length) = framing { length } else { 0 };
        Self { framing, left, is_ended: framing == Framing::Length(0) }
    }

    /// The next piece; `None` at the end. An error where the connection ended before the body did.
    pub(crate) async fn next(&mut self, reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>> {
        if self.is_ended {
            return Ok(None);
        }
        if self.framing == Framing::Chunks && self.left == 0 {
            self.left = chunk_size(reader).await?;
            if self.left == 0 {
                self.is_ended = true;
                // No trailers come from the clients and servers that we know.
                return chunk_end(reader).await.map(|()| None);
            }
        }
        let wanted = if self.framing == Framing::ToEnd { PIECE_MAX as u64 } else { self.left.min(PIECE_MAX as u64) };
        let mut piece = Vec::new();
        let read = reader.take(wanted).read_buf(&mut piece).await?;
        if read == 0 {
            self.is_ended = true;
            return if self.framing == Framing::ToEnd { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        if self.framing != Framing::ToEnd {
            self.left -= read as u64;
        }
        match self.framing {
            Framing::Chunks if self.left == 0 => chunk_end(reader).await?,
            Framing::Length(_) => self.is_ended = self.left == 0,
            Framing::Chunks | Framing::ToEnd => {}
        }
        Ok(Some(piece))
    }
}

async fn chunk_size(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<u64> {
    let mut line = String::new();
    if reader.take(64).read_line(&mut line).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let digits = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| Error::new(ErrorKind::InvalidData, "no chunk"))
}

async fn chunk_end(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<()> {
    let mut end = [0; 2];
    reader.read_exact(&mut end).await.map(drop)
}

/// A piece as it is sent under a framing.
pub(crate) fn framed(framing: Framing, piece: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Length(_) | Framing::ToEnd => piece.to_vec(),
        Framing::Chunks => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
    }
}

/// What ends a body under a framing.
pub(crate) fn end_of(framing: Framing) -> &'static [u8] {
    if framing == Framing::Chunks { b"0\r\n\r\n" } else { b"" }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(framing: Framing, mut sent: &[u8]) -> Result<Vec<u8>> {
        let (mut body, mut got) = (Body::new(framing), Vec::new());
        while let Some(piece) = body.next(&mut sent).await? {
            got.extend(piece);
        }
        Ok(got)
    }

    #[tokio::test]
    async fn body_ends_where_its_framing_says() {
        assert_eq!(all(Framing::Chunks, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nnext").await.unwrap(), b"abcde");
        assert_eq!(all(Framing::Length(3), b"abcdef").await.unwrap(), b"abc");
        assert_eq!(all(Framing::ToEnd, b"abcdef").await.unwrap(), b"abcdef");
        assert_eq!(all(Framing::Length(0), b"abcdef").await.unwrap(), b"");
    }

    #[tokio::test]
    async fn body_that_is_cut_is_an_error() {
        for (framing, sent) in
            [(Framing::Chunks, &b"3\r\nab"[..]), (Framing::Chunks, b"3\r\nabc\r\n"), (Framing::Length(9), b"a")]
        {
            assert!(all(framing, sent).await.is_err(), "{framing:?}");
        }
    }

    #[tokio::test]
    async fn head_comes_back_as_it_was() {
        let sent = b"POST /?a=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nrest";
        let mut reader = &sent[..];
        let head = Head::read(&mut reader).await.unwrap().unwrap();
        assert_eq!((head.framing(Framing::ToEnd), reader), (Framing::Chunks, &b"rest"[..]));
        assert_eq!(head.bytes(), sent[..sent.len() - 4]);
        assert!(Head::read(&mut &b""[..]).await.unwrap().is_none());
        assert!(Head::read(&mut &b"POST / HT"[..]).await.is_err());
    }
}
