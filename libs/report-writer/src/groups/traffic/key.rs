//! Keys of what was counted: names of ids first, then groups, in the order of their buckets and of what they are made by.

use traffic_query::{Dimension, TABLE_BY_MAX};

use super::Group;
use super::columns::is_number;
use crate::groups::names::Names;
use crate::groups::number::take_bytes;

/// What a key begins with: the name of an id, or a group.
pub(super) const NAME: u8 = 0;
pub(super) const GROUP: u8 = 1;

/// Ends a text; [`ESCAPED`] is behind each such byte within one. So texts are in the order of their bytes, and none begins another.
const END: u8 = 0;
const ENDED: u8 = 1;
const ESCAPED: u8 = 0xff;

/// By what a dimension tells groups apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Number(u64),
    Text(Vec<u8>),
}

/// Appends the key of a name: that of an id of the dimension at `place`.
pub(super) fn push_name(key: &mut Vec<u8>, place: usize, id: u64) {
    key.extend_from_slice(&[NAME, u8::try_from(place).unwrap_or(u8::MAX)]);
    key.extend_from_slice(&id.to_be_bytes());
}

/// Place of the dimension, and id, behind the first byte of a name's key.
pub(super) fn take_name(mut rest: &[u8]) -> Option<(usize, u64)> {
    let [place] = take_bytes(&mut rest)?;
    let id = u64::from_be_bytes(take_bytes(&mut rest)?);
    rest.is_empty().then_some((place.into(), id))
}

/// Appends the key of a group, of which more follows.
pub(super) fn push_group(key: &mut Vec<u8>, group: &Group, by: &[Dimension], names: &Names) {
    key.push(GROUP);
    key.extend_from_slice(&group.bucket.to_be_bytes());
    for (by, part) in by.iter().zip(&group.keys) {
        if is_number(*by) {
            // The word of nothing becomes 0: what is not there is before all others.
            key.extend_from_slice(&part.wrapping_add(1).to_be_bytes());
            continue;
        }
        for byte in super::columns::text(*part, names) {
            key.push(*byte);
            if *byte == END {
                key.push(ESCAPED);
            }
        }
        key.extend_from_slice(&[END, ENDED]);
    }
}

/// Bucket, and what each dimension tells it apart by, behind the first byte of a group's key; `rest` is what follows then.
pub(super) fn take_group(rest: &mut &[u8], by: &[Dimension]) -> Option<(u64, Vec<Key>)> {
    let bucket = u64::from_be_bytes(take_bytes(rest)?);
    let mut keys = Vec::with_capacity(TABLE_BY_MAX);
    for by in by {
        keys.push(if is_number(*by) {
            Key::Number(u64::from_be_bytes(take_bytes(rest)?).wrapping_sub(1))
        } else {
            Key::Text(take_text(rest)?)
        });
    }
    Some((bucket, keys))
}

fn take_text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        match take_bytes(rest)? {
            [END] => match take_bytes(rest)? {
                [ESCAPED] => text.push(END),
                [ENDED] => return Some(text),
                _ => return None,
            },
            [byte] => text.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_come_back_and_have_the_order_of_what_they_are_made_of(
            groups in prop::collection::vec(
                (0..3_u64, prop::collection::vec(prop::sample::select(vec![0, 1, 2, 255]), 0..4), prop::sample::select(vec![0, 7, u64::MAX])),
                2,
            ),
        ) {
            let (by, mut names) = ([Dimension::Address, Dimension::Device], Names::default());
            let keys: Vec<Vec<u8>> = groups.iter().map(|(bucket, text, device)| {
                let number = names.number(text).into();
                let mut key = Vec::new();
                push_group(&mut key, &Group { bucket: *bucket, keys: [number, *device, 0, 0] }, &by, &names);
                key
            }).collect();
            for (key, (bucket, text, device)) in keys.iter().zip(&groups) {
                let mut rest = &key[1..];
                let taken = take_group(&mut rest, &by);
                prop_assert_eq!(taken, Some((*bucket, vec![Key::Text(text.clone()), Key::Number(*device)])));
                prop_assert!(rest.is_empty() && take_group(&mut &key[1..key.len() - 1], &by).is_none());
            }
            let order = |(bucket, text, device): &(u64, Vec<u8>, u64)| (*bucket, text.clone(), device.wrapping_add(1));
            prop_assert_eq!(keys[0].cmp(&keys[1]), order(&groups[0]).cmp(&order(&groups[1])));
        }
    }
}
