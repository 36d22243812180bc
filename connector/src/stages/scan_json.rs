//! JSON exactly as the contract means it, in one pass and without a tree: whoever reads an object is called for each of its keys, and
//! takes or skips the value there.
//!
//! What is skipped is held to the same rules: `NaN`, half a surrogate pair, control characters in strings, and anything behind the value
//! are no JSON, wherever they stand. `-0` is an integer, and integers above 2^64 - 1 are numbers like any other.

mod text;

pub use text::Text;

/// One more than the objects and lists that may stand in each other. The contract leaves open what lies over 100.
const DEPTH_MAX: u8 = 128;

/// One value. Of what is in objects and lists nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// `null`, or no such key.
    #[default]
    Absent,
    /// An integer from 0 to 2^64 - 1; `-0` is 0.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(Text<'a>),
    /// `true`, `false`, an object or a list.
    Other,
}

/// Where a value has to be an object.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Part<T> {
    /// `null`, or no such key.
    #[default]
    Absent,
    /// It is one.
    Object(T),
    /// It is something else.
    Other,
}

/// What is taken of an object: of a key that comes twice the last one counts.
pub trait Keys<'a>: Default {
    /// Takes or skips the value of `key`, at which `scanner` stands; `None` where it is no JSON.
    fn take(&mut self, key: &[u8], scanner: &mut Scanner<'a>) -> Option<()>;
}

/// A place in a text.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

/// The whole of `text`, one value that should be an object, into `part`, which holds nothing yet; `None` where it is no JSON.
pub fn scan_object<'a, T: Keys<'a>>(text: &'a str, part: &mut Part<T>) -> Option<()> {
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    scanner.part(part)?;
    scanner.skip_blanks();
    (scanner.at == text.len()).then_some(())
}

impl<'a> Scanner<'a> {
    /// The object that begins here, or what stands in its place, into `part`: what an event has is large, and copying it dear.
    pub fn part<T: Keys<'a>>(&mut self, part: &mut Part<T>) -> Option<()> {
        if self.token()? != b'{' {
            *part = if self.value()? == Value::Absent { Part::Absent } else { Part::Other };
            return Some(());
        }
        *part = Part::Object(T::default());
        let Part::Object(keys) = part else { return None };
        self.object(|scanner, key| keys.take(key, scanner))
    }

    /// The value that begins here.
    pub fn value(&mut self) -> Option<Value<'a>> {
        match self.token()? {
            b'"' => self.string().map(Value::Text),
            b'{' => self.object(|scanner, _| scanner.value().map(drop)).map(|()| Value::Other),
            b'[' => self.list(|scanner| scanner.value().map(drop)).map(|()| Value::Other),
            b'n' => self.word("null").map(|()| Value::Absent),
            b't' => self.word("true").map(|()| Value::Other),
            b'f' => self.word("false").map(|()| Value::Other),
            _ => self.number(),
        }
    }

    /// Passes over the value that begins here.
    pub fn skip(&mut self) -> Option<()> {
        self.value().map(drop)
    }

    /// The first byte of what comes next.
    pub fn token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => return Some(byte),
            }
        }
    }

    /// The list that begins here; `on_element` takes or skips each element.
    pub fn list(&mut self, mut on_element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enter()?;
        if self.token()? == b']' {
            return self.leave();
        }
        loop {
            self.token()?;
            on_element(self)?;
            match self.token()? {
                b',' => self.at += 1,
                b']' => return self.leave(),
                _ => return None,
            }
        }
    }

    /// The object that begins here; `on_key` takes or skips each value.
    fn object(&mut self, mut on_key: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.enter()?;
        if self.token()? == b'}' {
            return self.leave();
        }
        loop {
            if self.token()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if self.token()? != b':' {
                return None;
            }
            self.at += 1;
            on_key(self, key.decoded().as_bytes())?;
            match self.token()? {
                b',' => self.at += 1,
                b'}' => return self.leave(),
                _ => return None,
            }
        }
    }

    fn enter(&mut self) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        (self.depth < DEPTH_MAX).then_some(())
    }

    fn leave(&mut self) -> Option<()> {
        self.at += 1;
        self.depth -= 1;
        Some(())
    }

    fn skip_blanks(&mut self) {
        // `None` is the end.
        let _ = self.token();
    }

    fn string(&mut self) -> Option<Text<'a>> {
        let (text, end) = text::text_at(self.text, self.at)?;
        self.at = end;
        Some(text)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let is_it = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        is_it.then_some(())
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let is_negative = self.text.as_bytes()[start] == b'-';
        self.at += usize::from(is_negative);
        let whole = match self.byte()? {
            b'0' => {
                self.at += 1;
                // A digit behind it is refused by what comes next, which can be no digit.
                Some(0)
            }
            b'1'..=b'9' => self.whole_digits(),
            _ => return None,
        };
        let end_of_whole = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        match whole {
            Some(number) if self.at == end_of_whole && (!is_negative || number == 0) => Some(Value::Whole(number)),
            // Beyond a double is left open by the contract.
            _ => self.text[start..self.at].parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
        }
    }

    /// The number of the digits that begin here; `None` where it does not fit.
    fn whole_digits(&mut self) -> Option<u64> {
        let mut number = Some(0_u64);
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            number = number.and_then(|number| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            self.at += 1;
        }
        number
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
#[path = "scan_json_tests.rs"]
mod tests;
