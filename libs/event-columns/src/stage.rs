//! Rows that were read and not yet turned into columns: a block of them, one lane a value.
//!
//! A row counts only when it is whole: a refused record's values are overwritten by the next one. Texts stay in a copy of the bodies, so
//! that nothing borrows what the caller frees, and so that all texts of a lane can be looked up together.

use crate::contract::check;
use crate::cursor::WINDOW;
use crate::program::{Program, Reading, run};
use crate::refusal::Refusal;

/// The most rows of a block.
pub(crate) const ROWS: usize = 256;
/// Copied bodies from which a block is full, bytes.
const BYTES_MAX: usize = 1 << 20;
/// The longest body, bytes. Kafka's own limit is far below.
const BODY_MAX: usize = 1 << 30;

/// Where a text stands in the copied bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) begin: u32,
    pub(crate) length: u32,
}

impl Span {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self { begin: 0, length: 0 };
    /// No text.
    pub(crate) const NONE: Self = Self { begin: 0, length: u32::MAX };

    /// The text's bytes; none where it is absent.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        let begin = self.begin as usize;
        bytes.get(begin..begin + self.length as usize).unwrap_or_default()
    }
}

/// One relay of a row that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StagedRelay {
    pub(crate) name: Span,
    pub(crate) ip: Option<[u8; 16]>,
    pub(crate) port: u16,
}

/// The values of one place in all rows. The gap keeps lanes off each other's cache sets, whose number is a power of two as well.
#[derive(Clone, Debug)]
struct Lane<T> {
    values: [T; ROWS],
    _gap: [u64; 8],
}

impl<T: Copy> Lane<T> {
    const fn of(value: T) -> Self {
        Self { values: [value; ROWS], _gap: [0; 8] }
    }
}

macro_rules! lanes {
    ($($lane:ident: [$type:ty; $count:literal] = $empty:expr, $get:ident, $set:ident, $all:ident;)*) => {
        /// All places of all rows. A place or a row that is not there is another one: both are masked, never looked up.
        #[derive(Clone, Debug)]
        pub(crate) struct Lanes {
            $($lane: [Lane<$type>; $count],)*
        }

        impl Lanes {
            fn new() -> Box<Self> {
                Box::new(Self { $($lane: std::array::from_fn(|_| Lane::of($empty)),)* })
            }

            $(
                #[inline(always)]
                pub(crate) fn $get(&self, slot: u8, row: usize) -> $type {
                    self.$lane[usize::from(slot) % $count].values[row % ROWS]
                }

                #[inline(always)]
                pub(crate) fn $set(&mut self, slot: u8, row: usize, value: $type) {
                    self.$lane[usize::from(slot) % $count].values[row % ROWS] = value;
                }

                /// The values of the first rows.
                pub(crate) fn $all(&self, slot: u8, rows: usize) -> &[$type] {
                    &self.$lane[usize::from(slot) % $count].values[..rows.min(ROWS)]
                }
            )*
        }
    };
}

lanes! {
    texts: [Span; 16] = Span::EMPTY, text, set_text, texts;
    numbers: [u64; 16] = 0, number, set_number, numbers;
    fixed: [[u8; 16]; 4] = [0; 16], fixed, set_fixed, all_fixed;
    symbols: [u8; 4] = 0, symbol, set_symbol, symbols;
}

/// A block of rows.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) lanes: Box<Lanes>,
    /// Relays of all rows, one after the other, and where those of each row end.
    pub(crate) relays: Vec<StagedRelay>,
    pub(crate) relay_ends: Vec<u32>,
    /// For each row which of the values that may be absent are there, in the bits of [`crate::slots::presence`].
    pub(crate) present: Vec<u32>,
    /// Offsets of the rows that are whole.
    pub(crate) offsets: Vec<i64>,
    /// The bodies.
    pub(crate) bytes: Vec<u8>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            lanes: Lanes::new(),
            relays: Vec::new(),
            relay_ends: Vec::with_capacity(ROWS),
            present: Vec::with_capacity(ROWS),
            offsets: Vec::with_capacity(ROWS),
            bytes: Vec::with_capacity(ROWS * 400),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// What it takes in memory, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Lanes>() + self.bytes.capacity() + self.relays.capacity() * size_of::<StagedRelay>() + 16 * ROWS
    }

    /// True where the next row has no room.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.rows() == ROWS || self.bytes.len() > BYTES_MAX
    }

    /// The block is read no further: puts a window's length behind the bodies, so that each text can be looked at through one.
    pub(crate) fn close(&mut self) {
        self.bytes.extend_from_slice(&[0; WINDOW]);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.relays.clear();
        self.relay_ends.clear();
        self.present.clear();
        self.offsets.clear();
    }

    /// Reads one body into the next row, and holds it against the contract. There must be room.
    #[inline]
    pub(crate) fn read(
        &mut self,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), Refusal> {
        if body.len() > BODY_MAX {
            return Err(Refusal::Unreadable { field: "", reason: "the body is too long" });
        }
        let (bytes_before, relays_before, row) = (self.bytes.len(), self.relays.len(), self.rows());
        let (lanes, relays) = (&mut *self.lanes, &mut self.relays);
        let mut reading = Reading { body, begin: bytes_before, lanes, relays, row };
        let read = run(program, &mut reading).and_then(|present| {
            self.bytes.extend_from_slice(body);
            self.bytes.extend_from_slice(program.default_texts());
            check(&self.lanes, row, present, &self.bytes, kafka_time_micros)?;
            Ok(present)
        });
        let present = match read {
            Ok(present) => present,
            Err(refusal) => {
                self.bytes.truncate(bytes_before);
                self.relays.truncate(relays_before);
                return Err(refusal);
            }
        };
        // A block's bytes are bounded, and a relay takes at least as many of them as it is in number.
        self.relay_ends.push(u32::try_from(self.relays.len()).unwrap_or(u32::MAX));
        self.present.push(present);
        self.offsets.push(offset);
        Ok(())
    }
}
