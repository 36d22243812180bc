//! Names of ids that were not held while rows were made: found for each row that wants one, by a merge.
//!
//! Of an id the name is one pair, and each row that wants it is another, behind it in the order of keys. Joined they are names in the
//! order of rows, each right behind its row.

use super::row_sorter::RowSorter;
use super::run::BadRun;

/// What a key begins with: the place of the dimension, and the id.
pub(super) type NamedId = [u8; 9];

/// An id whose names may be of the dimension at `place`. In the order of places, then of ids.
pub(super) fn named_id(place: usize, id: u64) -> NamedId {
    let mut key = [u8::try_from(place).unwrap_or(u8::MAX); 9];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

/// Gives names to rows. It holds one.
#[derive(Debug, Default)]
pub struct Naming {
    id: Option<NamedId>,
    name: Vec<u8>,
}

impl Naming {
    /// A pair of what [`GroupRows::names`](super::GroupRows::names) gives; they come in the order of keys. What a row wants is put into
    /// `to`, which gives it in the order of rows.
    ///
    /// # Errors
    /// When it is no such pair.
    pub fn add(&mut self, key: &[u8], name: &[u8], to: &mut RowSorter) -> Result<(), BadRun> {
        let (id, row) = key.split_first_chunk().ok_or(BadRun)?;
        if row.is_empty() {
            self.id = Some(*id);
            self.name.clear();
            self.name.extend_from_slice(name);
        } else if self.id == Some(*id) {
            // No key of a row begins another one: it stands right behind its own.
            to.push_pair(&[row, &id[..1]], &self.name);
        } else {
            // Each id of a row has a name, be it empty.
            return Err(BadRun);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_the_names_of_their_ids_and_no_others() {
        let (mut naming, mut sorter) = (Naming::default(), RowSorter::default());
        let (jo, network) = (named_id(1, 7), named_id(0, 7));
        for (key, name) in [
            (network.to_vec(), "office"),
            ([&network[..], b"row b"].concat(), ""),
            (jo.to_vec(), "jo"),
            ([&jo[..], b"row a"].concat(), ""),
            ([&jo[..], b"row b"].concat(), ""),
        ] {
            naming.add(&key, name.as_bytes(), &mut sorter).unwrap();
        }
        let mut found = Vec::new();
        sorter.drain(|key, name| {
            found.push((key.to_vec(), name.to_vec()));
            true
        });
        let expected = [(&b"row a\x01"[..], &b"jo"[..]), (b"row b\x00", b"office"), (b"row b\x01", b"jo")];
        assert_eq!(found, expected.map(|(key, name)| (key.to_vec(), name.to_vec())));
        assert!(sorter.is_empty());
        let nameless = [&named_id(1, 8)[..], b"row"].concat();
        assert_eq!(naming.add(&nameless, &[], &mut sorter), Err(BadRun), "that of another id is not taken");
        assert_eq!(naming.add(b"short", &[], &mut sorter), Err(BadRun));
    }
}
