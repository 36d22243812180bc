//! A block that was read: its columns, looked at in place.

use crate::error::QueryError;

/// Ends of the lists of each row, counted in items from the block's begin.
pub type Ends<'a> = &'a [[u8; 8]];

/// Where a column lies in the block.
pub(super) struct Column {
    pub(super) name: (usize, usize),
    pub(super) layout: Layout,
}

#[derive(Default)]
pub(super) struct Layout {
    /// Bytes of one value; 0 for the places of a dictionary.
    pub(super) width: usize,
    pub(super) nulls: Option<usize>,
    pub(super) values: usize,
    pub(super) dictionary: Option<Dictionary>,
    /// Where the ends of arrays lie, and how many items there are behind them.
    pub(super) array: Option<(usize, usize)>,
}

#[derive(Default)]
pub(super) struct Dictionary {
    pub(super) keys: Vec<(usize, usize)>,
    /// Bytes of one key; 0 where they are texts.
    pub(super) key_width: usize,
    /// Whether the first key stands for what is absent.
    pub(super) absent: bool,
    /// 0 where each row has its own key, in their order.
    pub(super) place_width: usize,
}

/// One block; its columns are looked at in place.
pub struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) columns: &'a [Column],
    pub(super) rows: usize,
}

impl<'a> Block<'a> {
    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The column at this place, which has to have this name.
    ///
    /// # Errors
    /// When another is there.
    fn column(&self, place: usize, name: &str) -> Result<&'a Layout, QueryError> {
        let column = self.columns.get(place).filter(|it| &self.bytes[it.name.0..it.name.1] == name.as_bytes());
        column.map(|column| &column.layout).ok_or_else(|| odd(name))
    }

    /// Values of so many bytes each.
    ///
    /// # Errors
    /// When the column is another.
    pub fn plain<const WIDTH: usize>(&self, place: usize, name: &str) -> Result<&'a [[u8; WIDTH]], QueryError> {
        let layout = self.column(place, name)?;
        let is_plain = layout.array.is_none() && layout.nulls.is_none() && layout.dictionary.is_none();
        if is_plain { self.values(layout, self.rows, name) } else { Err(odd(name)) }
    }

    /// Values that may be absent.
    ///
    /// # Errors
    /// When the column is another.
    pub fn optional<const WIDTH: usize>(&self, place: usize, name: &str) -> Result<Optional<'a, WIDTH>, QueryError> {
        let layout = self.column(place, name)?;
        if layout.array.is_some() { Err(odd(name)) } else { self.optional_values(layout, self.rows, name) }
    }

    /// Texts by dictionary, or one a row. What is absent is empty.
    ///
    /// # Errors
    /// When the column is another.
    pub fn texts(&self, place: usize, name: &str) -> Result<Texts<'a>, QueryError> {
        let layout = self.column(place, name)?;
        if layout.array.is_some() { Err(odd(name)) } else { self.text_values(layout, self.rows, name) }
    }

    /// Numbers by dictionary, as their bytes; the first key stands for what is absent.
    ///
    /// # Errors
    /// When the column is another.
    pub fn numbers(&self, place: usize, name: &str) -> Result<Texts<'a>, QueryError> {
        let layout = self.column(place, name)?;
        let of_numbers = layout.dictionary.as_ref().filter(|it| it.key_width == 8 && it.absent);
        let dictionary = of_numbers.filter(|_| layout.array.is_none()).ok_or_else(|| odd(name))?;
        Ok(self.keyed(layout, dictionary, self.rows))
    }

    /// Lists of texts: where each list ends, and all their items.
    ///
    /// # Errors
    /// When the column is another.
    pub fn text_lists(&self, place: usize, name: &str) -> Result<(Ends<'a>, Texts<'a>), QueryError> {
        let layout = self.column(place, name)?;
        let (ends, items) = self.ends(layout, name)?;
        let items = if items == 0 { Texts::default() } else { self.text_values(layout, items, name)? };
        Ok((ends, items))
    }

    /// Lists of values that may be absent.
    ///
    /// # Errors
    /// When the column is another.
    pub fn optional_lists<const WIDTH: usize>(
        &self,
        place: usize,
        name: &str,
    ) -> Result<(Ends<'a>, Optional<'a, WIDTH>), QueryError> {
        let layout = self.column(place, name)?;
        let (ends, items) = self.ends(layout, name)?;
        let items = if items == 0 { Optional::default() } else { self.optional_values(layout, items, name)? };
        Ok((ends, items))
    }

    /// Lists of values.
    ///
    /// # Errors
    /// When the column is another.
    pub fn plain_lists<const WIDTH: usize>(
        &self,
        place: usize,
        name: &str,
    ) -> Result<(Ends<'a>, &'a [[u8; WIDTH]]), QueryError> {
        let layout = self.column(place, name)?;
        let (ends, items) = self.ends(layout, name)?;
        let items = if items == 0 { &[] } else { self.values(layout, items, name)? };
        Ok((ends, items))
    }

    fn ends(&self, layout: &Layout, name: &str) -> Result<(Ends<'a>, usize), QueryError> {
        let (at, items) = layout.array.ok_or_else(|| odd(name))?;
        Ok((self.bytes[at..at + self.rows * 8].as_chunks().0, items))
    }

    fn values<const WIDTH: usize>(
        &self,
        layout: &Layout,
        rows: usize,
        name: &str,
    ) -> Result<&'a [[u8; WIDTH]], QueryError> {
        if layout.width != WIDTH {
            return Err(odd(name));
        }
        Ok(self.bytes[layout.values..layout.values + rows * WIDTH].as_chunks().0)
    }

    fn optional_values<const WIDTH: usize>(
        &self,
        layout: &Layout,
        rows: usize,
        name: &str,
    ) -> Result<Optional<'a, WIDTH>, QueryError> {
        let nulls = layout.nulls.ok_or_else(|| odd(name))?;
        Ok(Optional { nulls: &self.bytes[nulls..nulls + rows], values: self.values(layout, rows, name)? })
    }

    fn text_values(&self, layout: &'a Layout, rows: usize, name: &str) -> Result<Texts<'a>, QueryError> {
        let of_texts = layout.dictionary.as_ref().filter(|it| it.key_width == 0);
        of_texts.map(|dictionary| self.keyed(layout, dictionary, rows)).ok_or_else(|| odd(name))
    }

    fn keyed(&self, layout: &Layout, dictionary: &'a Dictionary, rows: usize) -> Texts<'a> {
        let width = dictionary.place_width;
        let places = &self.bytes[layout.values..layout.values + rows * width];
        Texts { bytes: self.bytes, keys: &dictionary.keys, places: Places::of(places, width) }
    }
}

fn odd(name: &str) -> QueryError {
    QueryError::Mismatch(format!("column {name}"))
}

/// Values that may be absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Optional<'a, const WIDTH: usize> {
    nulls: &'a [u8],
    values: &'a [[u8; WIDTH]],
}

impl<const WIDTH: usize> Optional<'_, WIDTH> {
    /// The value of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8; WIDTH]> {
        if self.nulls[row] == 0 { Some(&self.values[row]) } else { None }
    }
}

/// Texts: a dictionary, and for each row the place of its text in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    bytes: &'a [u8],
    keys: &'a [(usize, usize)],
    places: Places<'a>,
}

impl<'a> Texts<'a> {
    /// The texts of the dictionary.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.keys.iter().map(move |(from, to)| &bytes[*from..*to])
    }

    /// Where the text of a row is in the dictionary.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    #[inline]
    pub fn place(&self, row: usize) -> usize {
        self.places.get(row)
    }

    /// The text of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &'a [u8] {
        let (from, to) = self.keys[self.place(row)];
        &self.bytes[from..to]
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Places<'a> {
    Own,
    One(&'a [u8]),
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
}

impl Default for Places<'_> {
    fn default() -> Self {
        Self::One(&[])
    }
}

impl<'a> Places<'a> {
    pub(super) fn of(bytes: &'a [u8], width: usize) -> Self {
        match width {
            0 => Self::Own,
            1 => Self::One(bytes),
            2 => Self::Two(bytes.as_chunks().0),
            _ => Self::Four(bytes.as_chunks().0),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> usize {
        match self {
            Self::Own => row,
            Self::One(places) => usize::from(places[row]),
            Self::Two(places) => usize::from(u16::from_le_bytes(places[row])),
            Self::Four(places) => u32::from_le_bytes(places[row]) as usize,
        }
    }

    pub(super) fn highest(&self) -> usize {
        match self {
            Self::Own => 0,
            Self::One(places) => usize::from(places.iter().copied().max().unwrap_or(0)),
            Self::Two(places) => usize::from(places.iter().map(|it| u16::from_le_bytes(*it)).max().unwrap_or(0)),
            Self::Four(places) => places.iter().map(|it| u32::from_le_bytes(*it)).max().unwrap_or(0) as usize,
        }
    }
}
