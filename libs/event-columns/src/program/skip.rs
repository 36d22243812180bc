//! Passes over values that only the writer has. They are held against their schema all the same.

use crate::cursor::{Cursor, Fault};

/// How deep types may stand in each other; a schema may name itself.
const DEPTH_MAX: usize = 100;

/// A type that is passed over. Numbers are places of other types in the program's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// No bytes.
    Null,
    /// 0 or 1.
    Boolean,
    /// An int.
    Int,
    /// A long.
    Long,
    /// A float, a double, a fixed.
    Bytes(usize),
    /// A bytes.
    LengthAndBytes,
    /// A string.
    Text,
    /// An enum of so many symbols.
    Symbol(usize),
    /// An array of these.
    Array(u16),
    /// A map of strings to these.
    Map(u16),
    /// One of these.
    Union(Vec<u16>),
    /// All of these.
    Record(Vec<u16>),
}

/// Passes over one value of the type at `place`; gives what comes behind it.
#[inline(never)]
pub(super) fn skip<'a>(types: &[Skip], place: u16, mut cursor: Cursor<'a>) -> Result<&'a [u8], Fault> {
    // Items that take no bytes must not be counted for ever.
    let items_max = cursor.rest.len() as u64;
    Skipper { types, items_max }.value(place, &mut cursor, 0)?;
    Ok(cursor.rest)
}

struct Skipper<'a> {
    types: &'a [Skip],
    items_max: u64,
}

impl Skipper<'_> {
    fn value(&self, place: u16, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        match self.types.get(usize::from(place)).unwrap_or(&Skip::Null) {
            Skip::Null => {}
            Skip::Boolean => match cursor.array::<1>()? {
                [0 | 1] => {}
                _ => return Err(Fault::NoBoolean),
            },
            Skip::Int => drop(cursor.int()?),
            Skip::Long => drop(cursor.long()?),
            Skip::Bytes(length) => drop(cursor.take(*length)?),
            Skip::LengthAndBytes => drop(cursor.bytes()?),
            Skip::Text => drop(cursor.text()?),
            Skip::Symbol(symbols) => match usize::try_from(cursor.int()?) {
                Ok(symbol) if symbol < *symbols => {}
                _ => return Err(Fault::NoSymbol),
            },
            Skip::Array(item) => self.blocks(cursor, |cursor| self.value(*item, cursor, depth + 1))?,
            Skip::Map(item) => self.blocks(cursor, |cursor| {
                cursor.text()?;
                self.value(*item, cursor, depth + 1)
            })?,
            Skip::Union(branches) => {
                let branch = usize::try_from(cursor.long()?).ok().and_then(|branch| branches.get(branch));
                self.value(*branch.ok_or(Fault::NoBranch)?, cursor, depth + 1)?;
            }
            Skip::Record(fields) => fields.iter().try_for_each(|field| self.value(*field, cursor, depth + 1))?,
        }
        Ok(())
    }

    fn blocks(
        &self,
        cursor: &mut Cursor<'_>,
        mut item: impl FnMut(&mut Cursor<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut left = self.items_max;
        loop {
            let items = cursor.block()?;
            if items == 0 {
                return Ok(());
            }
            left = left.checked_sub(items).ok_or(Fault::TooManyItems)?;
            for _ in 0..items {
                item(cursor)?;
            }
        }
    }
}
