//! Connection ids in fewer bytes, reversibly: two usual forms become two numbers.

/// How an id is kept. The forms are numbered as in the column's Enum8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedId<'a> {
    /// As it is.
    Text(&'a str),
    /// `%x-%x`: two numbers without leading zeros.
    HexHex(u64, u64),
    /// `%016x-%d`: 16 digits, and a decimal number without leading zeros.
    Hex16Decimal(u64, u64),
}

impl<'a> PackedId<'a> {
    /// Packs an id; what would not come back as the same text stays text.
    #[must_use]
    pub fn pack(id: &'a str) -> Self {
        Self::numbers_of(id.as_bytes()).unwrap_or(Self::Text(id))
    }

    /// The numbers that an id is, where it has one of the two forms.
    #[must_use]
    pub fn numbers_of(id: &[u8]) -> Option<Self> {
        // The first hyphen stands at most behind 16 digits: most often just there.
        if let Some((high, [b'-', low @ ..])) = id.split_first_chunk::<16>() {
            let high = sixteen_hex(*high)?;
            let (decimal, low_hex) = if low.len() <= 8 { up_to_eight(low) } else { (decimal(low), hex(low)) };
            return match (decimal, low_hex) {
                (Some(low), _) => Some(Self::Hex16Decimal(high, low)),
                (None, Some(low)) if id[0] != b'0' => Some(Self::HexHex(high, low)),
                _ => None,
            };
        }
        let hyphen = id.iter().take(16).position(|byte| *byte == b'-')?;
        Some(Self::HexHex(hex(&id[..hyphen])?, hex(&id[hyphen + 1..])?))
    }

    /// The id as it was.
    #[must_use]
    pub fn unpack(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::HexHex(high, low) => format!("{high:x}-{low:x}"),
            Self::Hex16Decimal(high, low) => format!("{high:016x}-{low}"),
        }
    }

    /// Form, high, low and text of the columns.
    #[must_use]
    pub const fn columns(self) -> (i8, u64, u64, &'a str) {
        match self {
            Self::Text(text) => (0, 0, 0, text),
            Self::HexHex(high, low) => (1, high, low, ""),
            Self::Hex16Decimal(high, low) => (2, high, low, ""),
        }
    }

    /// From the columns.
    #[must_use]
    pub const fn from_columns(form: i8, high: u64, low: u64, text: &'a str) -> Self {
        match form {
            1 => Self::HexHex(high, low),
            2 => Self::Hex16Decimal(high, low),
            _ => Self::Text(text),
        }
    }
}

/// A number as `%x` prints it: 1 to 16 lower-case digits, no leading zeros.
fn hex(digits: &[u8]) -> Option<u64> {
    if !(1..=16).contains(&digits.len()) || !is_shortest(digits) {
        return None;
    }
    let mut sixteen = [b'0'; 16];
    sixteen[16 - digits.len()..].copy_from_slice(digits);
    sixteen_hex(sixteen)
}

fn is_shortest(digits: &[u8]) -> bool {
    digits.len() == 1 || digits[0] != b'0'
}

fn sixteen_hex(digits: [u8; 16]) -> Option<u64> {
    let ([high, low], _) = digits.as_chunks::<8>() else { return None };
    Some(eight_hex(*high)? << 32 | eight_hex(*low)?)
}

/// The number that up to eight digits are as `%d` prints it, and as `%x` does. Both at once: which one it is cannot be foreseen.
fn up_to_eight(digits: &[u8]) -> (Option<u64>, Option<u64>) {
    let mut eight = [b'0'; 8];
    if digits.is_empty() || !is_shortest(digits) {
        return (None, None);
    }
    // Byte by byte: so few are not worth a call.
    for (place, digit) in eight.iter_mut().rev().zip(digits.iter().rev()) {
        *place = *digit;
    }
    let hex = eight_hex(eight);
    // Of what is hexadecimal a digit is decimal where its value is that of its last four bits.
    let word = u64::from_be_bytes(eight);
    let is_decimal = word & 0x4040_4040_4040_4040 == 0;
    let values = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (values >> 8 & 0x00ff_00ff_00ff_00ff) * 10 + (values & 0x00ff_00ff_00ff_00ff);
    let fours = (pairs >> 16 & 0x0000_ffff_0000_ffff) * 100 + (pairs & 0x0000_ffff_0000_ffff);
    let number = (fours >> 32) * 10_000 + (fours & 0xffff_ffff);
    (hex.filter(|_| is_decimal).map(|_| number), hex)
}

/// Eight digits at once: a byte is a digit where the digit of its value is that byte.
fn eight_hex(digits: [u8; 8]) -> Option<u64> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_be_bytes(digits);
    let letters = word >> 6 & ONES;
    let values = (word & (0x0f * ONES)) + 9 * letters;
    let above_nine = (values + 6 * ONES) >> 4 & ONES;
    let again = values + 0x30 * ONES + 39 * above_nine;
    if again != word || values & (0xf0 * ONES) != 0 {
        return None;
    }
    let pairs = (values | values >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) & 0xffff_ffff)
}

/// A decimal number as `%d` prints it: no sign, no leading zeros.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || digits[0] == b'0' && digits.len() > 1 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs by formatting each candidate again: slow, and plainly right.
    fn packed_by_trial(id: &str) -> PackedId<'_> {
        let candidates = id.split_once('-').into_iter().flat_map(|(high, low)| {
            let hex = |text: &str| u64::from_str_radix(text, 16).ok();
            let decimal =
                (high.len() == 16).then(|| Some(PackedId::Hex16Decimal(hex(high)?, low.parse().ok()?))).flatten();
            [decimal, hex(high).zip(hex(low)).map(|(high, low)| PackedId::HexHex(high, low))]
        });
        candidates.flatten().find(|packed| packed.unpack() == id).unwrap_or(PackedId::Text(id))
    }

    #[test]
    fn usual_forms_become_numbers() {
        assert_eq!(PackedId::pack("5c11932a63f77b97-7a"), PackedId::HexHex(0x5c11_932a_63f7_7b97, 0x7a));
        assert_eq!(PackedId::pack("005c11932a63f779-118"), PackedId::Hex16Decimal(0x5c_1193_2a63_f779, 118));
        assert_eq!(PackedId::pack("0-0"), PackedId::HexHex(0, 0));
    }

    #[test]
    fn every_id_comes_back() {
        for id in [
            "",
            "-",
            "abc",
            "ABC-1",
            "00-1",
            "1-01",
            "+1-1",
            "1-+1",
            "0000000000000000-0",
            "0000000000000000-0a",
            "ffffffffffffffff-ffffffffffffffff",
            "ffffffffffffffff-18446744073709551615",
            "ffffffffffffffff-18446744073709551616",
            "10000000000000000-1",
            "1-2-3",
            " 1-2",
            "ü-1",
            "5c11932a63f77b97-00",
            "go11932a63f77b97-1",
            "5c11932a63f77b9O-1",
            "5C11932A63F77B97-1",
        ] {
            let (form, high, low, text) = PackedId::pack(id).columns();
            assert_eq!(PackedId::from_columns(form, high, low, text).unpack(), id);
            assert_eq!(PackedId::pack(id), packed_by_trial(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn packing_is_what_trial_gives(id in "([0-9a-g]{0,18}|[0-9a-f]{16})-([0-9a-f]{0,17}|[1-9][0-9]{0,20})|.{0,20}") {
            prop_assert_eq!(PackedId::pack(&id), packed_by_trial(&id));
        }

        #[test]
        fn a_byte_that_is_no_digit_is_seen_among_digits(place in 0..16_usize, byte in 0..128_u8) {
            let mut id = *b"5c11932a63f77b97-1";
            id[place] = byte;
            let id = std::str::from_utf8(&id).unwrap();
            prop_assert_eq!(PackedId::pack(id), packed_by_trial(id));
        }
    }
}
