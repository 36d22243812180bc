//! Reads what Avro's encodings are made of.

/// Bytes of a text that are looked at together.
pub(crate) const WINDOW: usize = 32;

/// Why a body is not what its schema says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends too early.
    Ends,
    /// A number of more than ten bytes.
    TooLongANumber,
    /// An int of more than 32 bits.
    NoInt,
    /// A length below 0.
    NegativeLength,
    /// A text that is no UTF-8.
    NoUtf8,
    /// An id or a counter below 0.
    Negative,
    /// A port that is not 0 to 65535.
    NoPort,
    /// A tenant that is no slug.
    NoTenant,
    /// A symbol that the enum does not have.
    NoSymbol,
    /// A branch that the union does not have.
    NoBranch,
    /// A branch of a union that cannot be read as what we need.
    OtherBranch,
    /// A boolean that is neither 0 nor 1.
    NoBoolean,
    /// More items than the body has room for.
    TooManyItems,
    /// Types in types in types.
    TooDeep,
}

impl Fault {
    /// In words, for a dead letter.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Ends => "the body ends too early",
            Self::TooLongANumber => "a number of more than ten bytes",
            Self::NoInt => "not an int",
            Self::NegativeLength => "a length below 0",
            Self::NoUtf8 => "not UTF-8",
            Self::Negative => "below 0",
            Self::NoPort => "not from 0 to 65535",
            Self::NoTenant => "not a tenant: 1 to 63 of a-z, 0-9 and -, first and last no hyphen",
            Self::NoSymbol => "a symbol that the enum does not have",
            Self::NoBranch => "a branch that the union does not have",
            Self::OtherBranch => "a branch of the union that cannot be read as this field",
            Self::NoBoolean => "not a boolean",
            Self::TooManyItems => "more items than the body has room for",
            Self::TooDeep => "nested too deep",
        }
    }
}

/// The rest of a body. It is meant to live in registers: what is not inlined takes it and gives it back by value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn unsigned(&mut self) -> Result<u64, Fault> {
        const STOPS: u64 = 0x8080_8080_8080_8080;
        let (first, behind) = self.rest.split_first().ok_or(Fault::Ends)?;
        if *first < 0x80 {
            self.rest = behind;
            return Ok((*first).into());
        }
        let word = self.rest.first_chunk().map_or(u64::MAX, |word| u64::from_le_bytes(*word));
        let stop = !word & STOPS;
        if stop == 0 {
            let (number, rest) = unsigned_by_byte(self.rest)?;
            self.rest = rest;
            return Ok(number);
        }
        // All bits up to the first byte that has no follower; the highest bit of each byte is dropped, the rest moves together.
        self.rest = &self.rest[(stop.trailing_zeros() / 8 + 1) as usize..];
        let sevens = word & (stop ^ (stop - 1)) & !STOPS;
        let pairs = (sevens & 0x7f00_7f00_7f00_7f00) >> 1 | sevens & 0x007f_007f_007f_007f;
        let fours = (pairs & 0xffff_0000_ffff_0000) >> 2 | pairs & 0x0000_ffff_0000_ffff;
        Ok((fours & 0xffff_ffff_0000_0000) >> 4 | fours & 0xffff_ffff)
    }

    /// A `long`.
    #[inline(always)]
    pub(crate) fn long(&mut self) -> Result<i64, Fault> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// An `int`.
    #[inline(always)]
    pub(crate) fn int(&mut self) -> Result<i32, Fault> {
        i32::try_from(self.long()?).map_err(|_| Fault::NoInt)
    }

    /// So many bytes.
    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Ends)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Sixteen or fewer bytes, known in number.
    #[inline(always)]
    pub(crate) fn array<const SIZE: usize>(&mut self) -> Result<&'a [u8; SIZE], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Fault::Ends)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A `bytes` or a `string`, whatever its bytes are.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.long()?).map_err(|_| Fault::NegativeLength)?;
        self.take(length)
    }

    /// A `string`, or a `bytes` that is one.
    #[inline(always)]
    pub(crate) fn text(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.long()?).map_err(|_| Fault::NegativeLength)?;
        let window = self.rest.first_chunk::<WINDOW>();
        let text = self.take(length)?;
        match window {
            Some(window) if length <= WINDOW && is_ascii(window, length) => {}
            _ => check_utf8(text)?,
        }
        Ok(text)
    }

    /// Whether the union of null and something, in this order, holds something.
    #[inline(always)]
    pub(crate) fn is_there(&mut self) -> Result<bool, Fault> {
        match self.rest {
            [0, rest @ ..] => {
                self.rest = rest;
                Ok(false)
            }
            [2, rest @ ..] => {
                self.rest = rest;
                Ok(true)
            }
            _ => {
                let (is_there, rest) = is_there_by_number(*self)?;
                self.rest = rest;
                Ok(is_there)
            }
        }
    }

    /// The number of items of an array's or a map's next block; 0 at its end.
    #[inline(always)]
    pub(crate) fn block(&mut self) -> Result<u64, Fault> {
        let items = self.long()?;
        if items < 0 {
            // Its size in bytes follows, for readers that pass it over.
            self.long()?;
        }
        Ok(items.unsigned_abs())
    }
}

/// Numbers of more than eight bytes, and those at the end of a body. What stands above the 64th bit is dropped, as other readers do.
#[cold]
#[inline(never)]
fn unsigned_by_byte(mut rest: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, behind) = rest.split_first().ok_or(Fault::Ends)?;
        rest = behind;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((number, rest));
        }
    }
    Err(Fault::TooLongANumber)
}

/// [`Cursor::is_there`] for an index in more bytes than it needs, or one that the union does not have.
#[cold]
#[inline(never)]
fn is_there_by_number(mut cursor: Cursor<'_>) -> Result<(bool, &[u8]), Fault> {
    match cursor.long()? {
        0 => Ok((false, cursor.rest)),
        1 => Ok((true, cursor.rest)),
        _ => Err(Fault::NoBranch),
    }
}

/// Whether the first `length` bytes are all ASCII, whatever follows them.
#[inline(always)]
fn is_ascii(window: &[u8; WINDOW], length: usize) -> bool {
    let (words, _) = window.as_chunks::<8>();
    let masks = &MASKS[length];
    let high = words.iter().zip(masks).fold(0, |high, (word, mask)| high | u64::from_le_bytes(*word) & mask);
    high & 0x8080_8080_8080_8080 == 0
}

#[inline(never)]
fn check_utf8(text: &[u8]) -> Result<(), Fault> {
    if text.iter().fold(0, |high, byte| high | byte) < 0x80 {
        return Ok(());
    }
    std::str::from_utf8(text).map(drop).map_err(|_| Fault::NoUtf8)
}

/// For each length up to 32 ones over so many bytes of four words.
pub(crate) const MASKS: [[u64; 4]; WINDOW + 1] = {
    let mut masks = [[0; 4]; WINDOW + 1];
    let mut length = 0;
    while length <= WINDOW {
        let mut byte = 0;
        while byte < length {
            masks[length][byte / 8] |= 0xff << (8 * (byte % 8));
            byte += 1;
        }
        length += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(number: i64) -> Vec<u8> {
        let mut zigzag = (number << 1 ^ number >> 63).cast_unsigned();
        let mut bytes = Vec::new();
        while zigzag >= 0x80 {
            bytes.push(zigzag.to_le_bytes()[0] | 0x80);
            zigzag >>= 7;
        }
        bytes.push(zigzag.to_le_bytes()[0]);
        bytes
    }

    #[test]
    fn numbers_of_every_length_come_back() {
        for bit in 0..64 {
            for number in [1_i64 << bit, (1_i64 << bit).wrapping_sub(1), (1_i64 << bit).wrapping_neg(), !(1_i64 << bit)]
            {
                // At the end of a body, and before more of it.
                for behind in [0, 20] {
                    let bytes = [written(number), vec![0xff; behind]].concat();
                    let mut cursor = Cursor { rest: &bytes };
                    assert_eq!(cursor.long(), Ok(number), "{number}");
                    assert_eq!(cursor.rest.len(), behind, "{number}");
                }
            }
        }
    }

    #[test]
    fn number_of_eleven_bytes_is_refused_and_one_in_more_bytes_than_it_needs_is_not() {
        assert_eq!(Cursor { rest: &[0x80; 11] }.long(), Err(Fault::TooLongANumber));
        for length in 1..10 {
            let mut bytes = vec![0x80; length];
            bytes[0] |= 2;
            bytes.push(0);
            assert_eq!(Cursor { rest: &bytes }.long(), Ok(1), "{length}");
        }
    }

    #[test]
    fn ascii_is_told_from_what_follows_the_text() {
        for length in 0..=WINDOW {
            let mut bytes = [0x80; WINDOW];
            bytes[..length].fill(b'a');
            assert!(is_ascii(&bytes, length), "{length}");
            if length > 0 {
                bytes[length - 1] = 0x80;
                assert!(!is_ascii(&bytes, length), "{length}");
            }
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_refused_at_any_length() {
        for length in [1, 7, 8, 32, 33, 100] {
            let mut text = vec![b'a'; length];
            for behind in [0, 40] {
                let length = written(i64::try_from(length).unwrap());
                let with_length = |text: &[u8]| [&length[..], text, &vec![0xff; behind]].concat();
                text.fill(b'a');
                assert_eq!(Cursor { rest: &with_length(&text) }.text(), Ok(&text[..]));
                *text.last_mut().unwrap() = 0xff;
                assert_eq!(Cursor { rest: &with_length(&text) }.text(), Err(Fault::NoUtf8));
            }
        }
        assert_eq!(Cursor { rest: b"\x06\xe2\x82\xac" }.text(), Ok("€".as_bytes()));
    }

    #[test]
    fn end_of_the_body_is_seen() {
        let end = Cursor { rest: &[] };
        assert_eq!(end.clone().long(), Err(Fault::Ends));
        assert_eq!(end.clone().is_there(), Err(Fault::Ends));
        assert_eq!(Cursor { rest: &[0x80; 3] }.long(), Err(Fault::Ends));
        assert_eq!(Cursor { rest: &[0; 7] }.array::<8>(), Err(Fault::Ends));
        assert_eq!(Cursor { rest: b"\x06ab" }.text(), Err(Fault::Ends));
    }

    #[test]
    fn branch_is_read_in_whatever_many_bytes() {
        for (bytes, expected) in [
            (&[0][..], Ok(false)),
            (&[2], Ok(true)),
            (&[0x80, 0], Ok(false)),
            (&[0x82, 0x80, 0], Ok(true)),
            (&[4], Err(Fault::NoBranch)),
            (&[1], Err(Fault::NoBranch)),
        ] {
            let mut cursor = Cursor { rest: bytes };
            assert_eq!(cursor.is_there(), expected);
            assert_eq!(cursor.rest.is_empty(), expected.is_ok());
        }
    }
}
