//! Numbers of as many bytes as they need, seven bits each, and texts behind their lengths.

/// Appends a number.
pub(super) fn push_number(out: &mut Vec<u8>, number: impl Into<u128>) {
    let mut rest: u128 = number.into();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a text.
pub(super) fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    push_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// The first number of what is left; none where it has not come as a whole, or is none.
pub(super) fn take_number(rest: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for (place, byte) in rest.iter().enumerate() {
        let bits = u128::from(byte & 0x7f);
        let shift = 7 * u32::try_from(place).ok()?;
        number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            *rest = &rest[place + 1..];
            return Some(number);
        }
    }
    None
}

/// The same of 64 bits.
pub(super) fn take_count(rest: &mut &[u8]) -> Option<u64> {
    take_number(rest)?.try_into().ok()
}

/// The first text of what is left.
pub(super) fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_count(rest)?).ok()?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

/// So many bytes from the beginning of what is left.
pub(super) fn take_bytes<const WIDTH: usize>(rest: &mut &[u8]) -> Option<[u8; WIDTH]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back_and_pieces_of_them_do_not() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u128::from(u64::MAX), u128::MAX];
        for number in numbers {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(take_number(&mut &out[..]), Some(number));
            assert_eq!(take_number(&mut &out[..out.len() - 1]), None, "{number}");
        }
        let mut out = Vec::new();
        push_text(&mut out, b"a.example");
        assert_eq!(take_text(&mut &out[..]), Some(&b"a.example"[..]));
        assert_eq!(take_text(&mut &out[..5]), None);
        assert_eq!(take_number(&mut &[0xff; 40][..]), None, "no number is that large");
    }
}
