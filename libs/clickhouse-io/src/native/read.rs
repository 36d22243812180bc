//! ClickHouse's Native format, read block by block as it comes.
//!
//! A block is held once, as it came; columns are looked at in place. Nothing of what came is trusted: lengths never reserve memory
//! before their bytes are there, places are within their dictionaries and ends within their items before anybody sees them. Bytes that
//! are no block, or end within one, are an error.

use bytes::Bytes;

use super::block::{Block, Column, Dictionary, Layout, Places};
use crate::error::QueryError;

/// The most that one block may take; ours ask for blocks of some MB.
const BLOCK_BYTES_MAX: usize = 256 << 20;

/// Blocks out of the pieces that `source` gives; it gives `None` only after the last byte of a whole answer.
pub struct BlockReader<F> {
    source: F,
    bytes: Vec<u8>,
    at: usize,
    columns: Vec<Column>,
}

/// What a column holds. The types that reports read, no more.
#[derive(Clone, Copy)]
enum ColumnType<'a> {
    Plain(usize),
    Nullable(usize),
    Text,
    Dictionary(Key, Absent),
    Array(&'a str),
}

/// What the keys of a dictionary are.
#[derive(Clone, Copy)]
enum Key {
    Text,
    Plain(usize),
}

/// Whether values of a dictionary may be absent: its first key stands for that then, and is a default itself.
type Absent = bool;

impl<'a> ColumnType<'a> {
    fn named(name: &'a str) -> Option<Self> {
        if let Some(inner) = inside(name, "Array(") {
            return Some(Self::Array(inner));
        }
        if let Some(inner) = inside(name, "Nullable(") {
            return width(inner).map(Self::Nullable);
        }
        if let Some(inner) = inside(name, "LowCardinality(") {
            let value = inside(inner, "Nullable(");
            let key = match value.unwrap_or(inner) {
                "String" => Some(Key::Text),
                plain => width(plain).map(Key::Plain),
            };
            return key.map(|key| Self::Dictionary(key, value.is_some()));
        }
        if name == "String" { Some(Self::Text) } else { width(name).map(Self::Plain) }
    }
}

fn inside<'a>(name: &'a str, outer: &str) -> Option<&'a str> {
    name.strip_prefix(outer)?.strip_suffix(')')
}

fn width(name: &str) -> Option<usize> {
    match name {
        "UInt8" => Some(1),
        "UInt16" => Some(2),
        "Int32" | "UInt32" => Some(4),
        "Int64" | "UInt64" | "Float64" | "DateTime64(6, 'UTC')" => Some(8),
        "IPv6" => Some(16),
        _ if name.starts_with("Enum8(") => Some(1),
        _ => inside(name, "FixedString(")?.parse().ok().filter(|width| (1..=1024).contains(width)),
    }
}

impl<F: FnMut() -> Result<Option<Bytes>, QueryError>> BlockReader<F> {
    /// A reader at the begin of an answer. `buffer` saves the growing where it is large already.
    pub fn new(source: F, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { source, bytes: buffer, at: 0, columns: Vec::new() }
    }

    /// The buffer, for the next reader.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// The next block that has rows; `None` after the last one of a whole answer.
    ///
    /// # Errors
    /// When the source fails, or what came is no block.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, QueryError> {
        loop {
            self.bytes.copy_within(self.at.., 0);
            self.bytes.truncate(self.bytes.len() - self.at);
            self.at = 0;
            while self.bytes.is_empty() {
                if !self.more()? {
                    return Ok(None);
                }
            }
            let rows = self.block()?;
            if rows > 0 {
                return Ok(Some(Block { bytes: &self.bytes, columns: &self.columns, rows }));
            }
        }
    }

    fn block(&mut self) -> Result<usize, QueryError> {
        let (columns, rows) = (self.length()?, self.length()?);
        self.columns.clear();
        for _ in 0..columns {
            let name = self.text()?;
            let (from, to) = self.text()?;
            let type_name = String::from_utf8_lossy(&self.bytes[from..to]).into_owned();
            let of = ColumnType::named(&type_name).ok_or_else(|| garbled("a column's type is not known"))?;
            let layout = if rows > 0 { self.column(of, rows)? } else { Layout::default() };
            self.columns.push(Column { name, layout });
        }
        Ok(rows)
    }

    fn column(&mut self, of: ColumnType<'_>, rows: usize) -> Result<Layout, QueryError> {
        match of {
            ColumnType::Plain(width) => {
                Ok(Layout { width, values: self.take(rows.checked_mul(width))?, ..Layout::default() })
            }
            ColumnType::Nullable(width) => {
                let nulls = Some(self.take(Some(rows))?);
                Ok(Layout { width, nulls, values: self.take(rows.checked_mul(width))?, ..Layout::default() })
            }
            ColumnType::Text => {
                let keys = self.keys(Key::Text, rows)?;
                Ok(Layout { dictionary: Some(Dictionary { keys, ..Dictionary::default() }), ..Layout::default() })
            }
            ColumnType::Dictionary(key, absent) => {
                self.dictionary_version()?;
                self.places(key, absent, rows)
            }
            ColumnType::Array(item) => self.array(item, rows),
        }
    }

    fn array(&mut self, item: &str, rows: usize) -> Result<Layout, QueryError> {
        let of = ColumnType::named(item).ok_or_else(|| garbled("the type of an array's items is not known"))?;
        if let ColumnType::Dictionary(..) = of {
            self.dictionary_version()?;
        }
        let at = self.take(rows.checked_mul(8))?;
        let (ends, _) = self.bytes[at..self.at].as_chunks::<8>();
        let mut items = 0;
        for end in ends {
            let end = u64::from_le_bytes(*end);
            if end < items {
                return Err(garbled("ends of arrays go back"));
            }
            items = end;
        }
        let items = usize::try_from(items).map_err(|_| garbled("an array is too long"))?;
        let layout = match of {
            _ if items == 0 => Layout { width: width(item).unwrap_or_default(), ..Layout::default() },
            ColumnType::Dictionary(key, absent) => self.places(key, absent, items)?,
            ColumnType::Array(_) => return Err(garbled("an array of arrays")),
            other => self.column(other, items)?,
        };
        Ok(Layout { array: Some((at, items)), ..layout })
    }

    fn dictionary_version(&mut self) -> Result<(), QueryError> {
        if self.number()? == 1 { Ok(()) } else { Err(garbled("a dictionary of an unknown version")) }
    }

    fn keys(&mut self, of: Key, count: usize) -> Result<Vec<(usize, usize)>, QueryError> {
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(match of {
                Key::Text => self.text()?,
                Key::Plain(width) => {
                    let begin = self.take(Some(width))?;
                    (begin, begin + width)
                }
            });
        }
        Ok(keys)
    }

    fn places(&mut self, key: Key, absent: Absent, rows: usize) -> Result<Layout, QueryError> {
        /// The block brings its own keys; keys of blocks before are not used.
        const OWN_KEYS: u64 = 0x200;
        const SHARED_KEYS: u64 = 0x100;
        let form = self.number()?;
        if form & OWN_KEYS == 0 || form & SHARED_KEYS != 0 || form & 0xff > 2 {
            return Err(garbled("a dictionary of an unknown form"));
        }
        let place_width = 1 << (form & 0xff);
        let count = usize::try_from(self.number()?).map_err(|_| garbled("a dictionary is too long"))?;
        let keys = self.keys(key, count)?;
        let key_width = match key {
            Key::Text => 0,
            Key::Plain(width) => width,
        };
        if usize::try_from(self.number()?) != Ok(rows) {
            return Err(garbled("a dictionary's places are not as many as the rows"));
        }
        let values = self.take(rows.checked_mul(place_width))?;
        let highest = Places::of(&self.bytes[values..self.at], place_width).highest();
        if highest >= keys.len() {
            return Err(garbled("a place outside of its dictionary"));
        }
        Ok(Layout {
            values,
            dictionary: Some(Dictionary { keys, key_width, absent, place_width }),
            ..Layout::default()
        })
    }

    fn more(&mut self) -> Result<bool, QueryError> {
        let Some(piece) = (self.source)()? else { return Ok(false) };
        if self.bytes.len() + piece.len() > BLOCK_BYTES_MAX {
            return Err(garbled("a block is too large"));
        }
        self.bytes.extend_from_slice(&piece);
        Ok(true)
    }

    /// Goes past so many bytes, and gives where they begin.
    fn take(&mut self, length: Option<usize>) -> Result<usize, QueryError> {
        let begin = self.at;
        let end = length.and_then(|length| begin.checked_add(length)).filter(|end| *end <= BLOCK_BYTES_MAX);
        let end = end.ok_or_else(|| garbled("a length is too large"))?;
        while self.bytes.len() < end {
            if !self.more()? {
                return Err(QueryError::NoAnswer("it ended within a block".to_owned()));
            }
        }
        self.at = end;
        Ok(begin)
    }

    fn number(&mut self) -> Result<u64, QueryError> {
        let at = self.take(Some(8))?;
        let (number, _) = self.bytes[at..].as_chunks::<8>();
        Ok(u64::from_le_bytes(number[0]))
    }

    /// A length: seven bits a byte, lowest first.
    fn length(&mut self) -> Result<usize, QueryError> {
        let mut length = 0;
        for shift in (0..35).step_by(7) {
            let at = self.take(Some(1))?;
            let byte = usize::from(self.bytes[at]);
            length |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(length);
            }
        }
        Err(garbled("a length is too large"))
    }

    fn text(&mut self) -> Result<(usize, usize), QueryError> {
        let length = self.length()?;
        let begin = self.take(Some(length))?;
        Ok((begin, begin + length))
    }
}

/// What is no Native block may be one next time: a proxy's page, a stream that lost its end.
fn garbled(what: &str) -> QueryError {
    QueryError::NoAnswer(format!("not in the Native format: {what}"))
}
