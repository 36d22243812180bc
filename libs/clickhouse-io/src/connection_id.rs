//! Connection ids in fewer bytes, reversibly: two usual forms become two numbers.

/// How an id is kept. The numbers are those of the column's Enum8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackedId {
    /// As it is.
    Text(String),
    /// `%x-%x`: two numbers without leading zeros.
    HexHex(u64, u64),
    /// `%016x-%d`: 16 digits, and a decimal number without leading zeros.
    Hex16Decimal(u64, u64),
}

impl PackedId {
    /// Packs an id; what fits no form stays text.
    pub(crate) fn pack(id: &str) -> Self {
        let candidates = id.split_once('-').into_iter().flat_map(|(high, low)| {
            let hex = |text: &str| u64::from_str_radix(text, 16).ok();
            let decimal = (high.len() == 16).then(|| Some(Self::Hex16Decimal(hex(high)?, low.parse().ok()?)));
            [decimal.flatten(), hex(high).zip(hex(low)).map(|(high, low)| Self::HexHex(high, low))]
        });
        // Whatever was parsed, it counts only where it gives the same text again.
        let reversible = candidates.flatten().find(|packed| packed.unpack() == id);
        reversible.unwrap_or_else(|| Self::Text(id.to_owned()))
    }

    /// The id as it was.
    pub(crate) fn unpack(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::HexHex(high, low) => format!("{high:x}-{low:x}"),
            Self::Hex16Decimal(high, low) => format!("{high:016x}-{low}"),
        }
    }

    /// Form, high, low and text of the columns.
    pub(crate) fn into_columns(self) -> (i8, u64, u64, String) {
        match self {
            Self::Text(text) => (0, 0, 0, text),
            Self::HexHex(high, low) => (1, high, low, String::new()),
            Self::Hex16Decimal(high, low) => (2, high, low, String::new()),
        }
    }

    /// From the columns.
    pub(crate) fn from_columns(form: i8, high: u64, low: u64, text: &str) -> Self {
        match form {
            1 => Self::HexHex(high, low),
            2 => Self::Hex16Decimal(high, low),
            _ => Self::Text(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "ffffffffffffffff-ffffffffffffffff",
            "ffffffffffffffff-18446744073709551615",
            "10000000000000000-1",
            "1-2-3",
            " 1-2",
            "ü-1",
            "5c11932a63f77b97-00",
        ] {
            let (form, high, low, text) = PackedId::pack(id).into_columns();
            assert_eq!(PackedId::from_columns(form, high, low, &text).unpack(), id);
        }
    }
}
