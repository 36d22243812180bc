//! ClickHouse's Native format, written column by column: one block, without compression, as `INSERT … FORMAT Native` takes it.
//!
//! A block is the number of columns, the number of rows, and for each column its name, its type and its values. What belongs to a
//! type that has parts stands one after the other: the lengths of an array before its items, the null map before the values. The
//! writer knows the format and nothing of what is written with it; that name, type and values fit each other is the caller's part.
//!
//! Values are taken from columns in an order of rows: `order` names the rows of the block by their place in the column.

mod block;
pub mod read;

pub use block::{Block, Ends, Optional, Texts};

/// A value of fixed width, as the format has it: little endian, network order for addresses.
pub trait Plain: Copy {
    /// Its bytes.
    type Bytes: AsRef<[u8]>;
    /// Bytes of one value.
    const SIZE: usize = size_of::<Self::Bytes>();
    /// The value's bytes.
    fn native(self) -> Self::Bytes;
}

macro_rules! plain_numbers {
    ($($number:ty)*) => {$(
        impl Plain for $number {
            type Bytes = [u8; size_of::<$number>()];
            #[inline]
            fn native(self) -> Self::Bytes {
                self.to_le_bytes()
            }
        }
    )*};
}

plain_numbers! { u8 u16 u32 u64 u128 i32 i64 f64 }

impl<const SIZE: usize> Plain for [u8; SIZE] {
    type Bytes = Self;
    #[inline]
    fn native(self) -> Self {
        self
    }
}

/// One block that grows column by column.
#[derive(Debug)]
pub struct NativeBlock {
    /// Longer than what is written: memory that was paid for stays filled.
    bytes: Vec<u8>,
    written: usize,
}

impl NativeBlock {
    /// A block of so many columns and rows. `buffer` is overwritten, and saves the growing where it is large already.
    #[must_use]
    pub fn new(buffer: Vec<u8>, columns: usize, rows: usize) -> Self {
        let mut block = Self { bytes: buffer, written: 0 };
        block.var_uint(columns as u64);
        block.var_uint(rows as u64);
        block
    }

    /// The bytes of the block.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.written);
        self.bytes
    }

    /// Begins a column; its values follow. `type_name` is the whole text of the type, enum values included.
    pub fn column(&mut self, name: &str, type_name: &str) {
        self.text(name.as_bytes());
        self.text(type_name.as_bytes());
    }

    /// Values of fixed width, of the rows in `order`.
    ///
    /// # Panics
    /// When `order` names a row that the column has not.
    pub fn plain<T: Plain>(&mut self, values: &[T], order: &[u32]) {
        let room = self.room(order.len() * T::SIZE);
        for (place, row) in room.chunks_exact_mut(T::SIZE).zip(order) {
            place.copy_from_slice(values[*row as usize].native().as_ref());
        }
    }

    /// The same value for each of so many rows.
    pub fn repeated<T: Plain>(&mut self, value: T, rows: usize) {
        for place in self.room(rows * T::SIZE).chunks_exact_mut(T::SIZE) {
            place.copy_from_slice(value.native().as_ref());
        }
    }

    /// One byte a row, from words that hold several small values: null maps, enums, flags. The words are in the block's order.
    pub fn bytes_of_words(&mut self, words: &[u32], byte: impl Fn(u32) -> u8) {
        for (place, word) in self.room(words.len()).iter_mut().zip(words) {
            *place = byte(*word);
        }
    }

    /// Texts, of the rows in `order`. `text` gives the text of a row.
    pub fn texts<'a>(&mut self, order: &[u32], text: impl Fn(usize) -> &'a [u8]) {
        for row in order {
            self.text(text(*row as usize));
        }
    }

    /// Where each array of the block ends, counted in items from the block's begin. `length` gives the items of a row.
    pub fn array_ends(&mut self, order: &[u32], length: impl Fn(usize) -> usize) {
        let mut end = 0;
        for (place, row) in self.room(order.len() * 8).chunks_exact_mut(8).zip(order) {
            end += length(*row as usize) as u64;
            place.copy_from_slice(&end.to_le_bytes());
        }
    }

    /// Arrays of fixed width, of the rows in `order`. `items` gives those of a row.
    pub fn arrays<'a, T: Plain + 'a>(&mut self, order: &[u32], items: impl Fn(usize) -> &'a [T]) {
        self.array_ends(order, |row| items(row).len());
        for row in order {
            let items = items(*row as usize);
            for (place, item) in self.room(items.len() * T::SIZE).chunks_exact_mut(T::SIZE).zip(items) {
                place.copy_from_slice(item.native().as_ref());
            }
        }
    }

    /// What stands before a column of `LowCardinality(…)`; in an array of it before the ends of the arrays.
    pub fn low_cardinality_prefix(&mut self) {
        self.repeated(1_u64, 1);
    }

    /// The dictionary of a column of `LowCardinality(…)` and for each row the place of its value in it. `keys` are `key_count`
    /// values in the form of the inner type. Where the inner type is nullable, key 0 stands for null, whatever it holds. No rows:
    /// nothing is written, as the format has it.
    pub fn low_cardinality(&mut self, key_count: usize, keys: &[u8], places: &[u32]) {
        /// The block brings its own keys, and they replace those of the block before.
        const OWN_KEYS: u64 = 0x600;
        if places.is_empty() {
            return;
        }
        let width: u64 = match key_count {
            0..=0x100 => 0,
            0x101..=0x1_0000 => 1,
            _ => 2,
        };
        self.repeated(OWN_KEYS | width, 1);
        self.repeated(key_count as u64, 1);
        self.room(keys.len()).copy_from_slice(keys);
        self.repeated(places.len() as u64, 1);
        // The width is chosen so that every place fits.
        #[expect(clippy::cast_possible_truncation, reason = "places are below the number of keys")]
        match width {
            _ if key_count == 1 => self.room(places.len()).fill(0),
            0 => self.bytes_of_words(places, |place| place as u8),
            1 => {
                for (room, place) in self.room(places.len() * 2).chunks_exact_mut(2).zip(places) {
                    room.copy_from_slice(&(*place as u16).to_le_bytes());
                }
            }
            _ => {
                for (room, place) in self.room(places.len() * 4).chunks_exact_mut(4).zip(places) {
                    room.copy_from_slice(&place.to_le_bytes());
                }
            }
        }
    }

    /// One text: its length and its bytes.
    pub fn text(&mut self, text: &[u8]) {
        self.var_uint(text.len() as u64);
        self.room(text.len()).copy_from_slice(text);
    }

    fn var_uint(&mut self, number: u64) {
        let mut bytes = [0; 10];
        let length = write_var_uint(number, &mut bytes);
        self.room(length).copy_from_slice(&bytes[..length]);
    }

    /// Room for the next bytes.
    fn room(&mut self, length: usize) -> &mut [u8] {
        let begin = self.written;
        self.written += length;
        if self.written > self.bytes.len() {
            self.bytes.resize(self.written, 0);
        }
        &mut self.bytes[begin..self.written]
    }
}

/// The number as the format writes lengths, seven bits a byte, lowest first; gives how many bytes it took.
fn write_var_uint(mut number: u64, bytes: &mut [u8; 10]) -> usize {
    let mut length = 0;
    for byte in bytes {
        length += 1;
        *byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            break;
        }
        *byte |= 0x80;
    }
    length
}

/// Appends a text as it stands among the keys of a `LowCardinality(String)`.
pub fn push_text(keys: &mut Vec<u8>, text: &[u8]) {
    let mut bytes = [0; 10];
    let length = write_var_uint(text.len() as u64, &mut bytes);
    keys.extend_from_slice(&bytes[..length]);
    keys.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_is_what_the_format_says() {
        let mut block = NativeBlock::new(vec![0xff; 3], 2, 2);
        block.column("n", "UInt16");
        block.plain(&[1_u16, 0x203, 5], &[1, 0]);
        block.column("s", "String");
        block.texts(&[1, 0], |row| [&b"a"[..], b""][row]);
        let expected = [&[2, 2][..], b"\x01n\x06UInt16", &[3, 2, 1, 0], b"\x01s\x06String", b"\x00\x01a"].concat();
        assert_eq!(block.finish(), expected);
    }

    #[test]
    fn dictionary_stands_before_the_places_and_decides_their_width() {
        let dictionary = |key_count: usize| {
            let mut keys = Vec::new();
            for number in 0..key_count {
                push_text(&mut keys, number.to_string().as_bytes());
            }
            let mut block = NativeBlock::new(Vec::new(), 0, 0);
            block.low_cardinality(key_count, &keys, &[0, u32::try_from(key_count - 1).unwrap()]);
            let bytes = block.finish();
            let (head, tail) = (bytes[2..10].to_vec(), bytes[2 + 24 + keys.len()..].to_vec());
            (u64::from_le_bytes(head.try_into().unwrap()), tail)
        };
        assert_eq!(dictionary(1), (0x600, vec![0, 0]));
        assert_eq!(dictionary(256), (0x600, vec![0, 255]));
        assert_eq!(dictionary(257), (0x601, vec![0, 0, 0, 1]));
        assert_eq!(dictionary(65_537), (0x602, vec![0, 0, 0, 0, 0, 0, 1, 0]));
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (number, expected) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut bytes = [0; 10];
            let length = write_var_uint(number, &mut bytes);
            assert_eq!(&bytes[..length], expected);
        }
    }

    #[test]
    fn a_buffer_that_was_used_leaves_nothing_of_itself() {
        let write = |buffer: Vec<u8>| {
            let mut block = NativeBlock::new(buffer, 1, 3);
            block.column("a", "Array(UInt8)");
            block.arrays(&[2, 0, 1], |row| [&[1_u8][..], &[], &[2, 3]][row]);
            block.repeated(7_u8, 3);
            block.bytes_of_words(&[6, 1], |word| (word & 1) as u8);
            block.finish()
        };
        assert_eq!(write(vec![0xaa; 500]), write(Vec::new()));
    }
}
