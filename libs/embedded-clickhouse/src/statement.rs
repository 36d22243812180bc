//! Just enough of SQL's lexer to route a statement: whether it selects, inserts or does something else; the FORMAT at its end; and
//! where the data of an INSERT begin.

/// What kind of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Gives rows that can be streamed.
    Select,
    /// Takes data.
    InsertData,
    /// Anything else, `INSERT ... SELECT` included.
    Other,
}

/// A statement, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement<'text> {
    pub(crate) kind: Kind,
    /// The statement without its FORMAT clause and semicolon.
    pub(crate) sql: String,
    pub(crate) format: Option<String>,
    /// Data that stand behind an INSERT.
    pub(crate) data: &'text [u8],
}

struct Token<'text> {
    text: &'text [u8],
    start: usize,
    end: usize,
    depth: i32,
    is_word: bool,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.is_word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Words and single characters, without blanks and comments; strings and quoted names are one token.
struct Tokens<'text> {
    text: &'text [u8],
    at: usize,
    depth: i32,
}

impl<'text> Tokens<'text> {
    fn starts_with(&self, what: &str) -> bool {
        self.text[self.at..].starts_with(what.as_bytes())
    }

    fn skip_until(&mut self, end: &str) {
        let rest = &self.text[self.at..];
        let found = rest.windows(end.len()).position(|window| window == end.as_bytes());
        self.at = found.map_or(self.text.len(), |position| self.at + position + end.len());
    }

    fn skip_blanks(&mut self) {
        while self.at < self.text.len() {
            if self.text[self.at].is_ascii_whitespace() {
                self.at += 1;
            } else if self.starts_with("--") || self.starts_with("# ") || self.starts_with("#!") {
                self.skip_until("\n");
            } else if self.starts_with("/*") {
                self.skip_until("*/");
            } else {
                break;
            }
        }
    }

    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.text.len() {
            match self.text[self.at] {
                b'\\' => self.at += 2,
                byte if byte == quote && self.text.get(self.at + 1) == Some(&quote) => self.at += 2,
                byte if byte == quote => break,
                _ => self.at += 1,
            }
        }
        self.at = (self.at + 1).min(self.text.len());
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'text> Iterator for Tokens<'text> {
    type Item = Token<'text>;

    fn next(&mut self) -> Option<Token<'text>> {
        self.skip_blanks();
        let start = self.at;
        let first = *self.text.get(start)?;
        let is_word = is_word_byte(first);
        let mut depth = self.depth;
        match first {
            b'\'' | b'"' | b'`' => self.skip_quoted(first),
            _ if is_word => {
                let rest = &self.text[start..];
                self.at += rest.iter().position(|byte| !is_word_byte(*byte)).unwrap_or(rest.len());
            }
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                depth = self.depth;
                self.at += 1;
            }
            b')' | b']' | b'}' => {
                self.depth -= 1;
                self.at += 1;
            }
            _ => self.at += 1,
        }
        Some(Token { text: &self.text[start..self.at], start, end: self.at, depth, is_word })
    }
}

/// Takes a statement apart. Behind the FORMAT of an INSERT come data, which need not be text.
pub(crate) fn parse(text: &[u8]) -> Statement<'_> {
    let mut tokens = Tokens { text, at: 0, depth: 0 };
    let (mut first, mut previous) = (None, None);
    let (mut format, mut selects, mut end) = (None, false, 0);
    while let Some(token) = tokens.next() {
        let is_insert = first.as_ref().is_some_and(|it: &Token<'_>| it.is("INSERT"));
        if token.depth == 0 && is_insert && !selects && token.is("VALUES") {
            return insert(text, token.start, "Values".to_owned(), token.end);
        }
        selects |= token.depth == 0 && is_insert && (token.is("SELECT") || token.is("WITH"));
        if token.depth == 0
            && token.is("FORMAT")
            && previous != Some(&b"."[..])
            && let Some(name) = tokens.next()
        {
            let named = String::from_utf8_lossy(name.text).into_owned();
            if is_insert && !selects {
                return insert(text, token.start, named, after_one_line_end(text, name.end));
            }
            format = Some((token.start, name.end, named));
            end = name.end;
            previous = None;
            continue;
        }
        if token.text != b";" {
            end = token.end;
        }
        previous = Some(token.text);
        first.get_or_insert(token);
    }
    let kind = match &first {
        Some(it) if it.is("INSERT") && !selects => Kind::InsertData,
        Some(it) if ["SELECT", "WITH", "FROM", "VALUES"].iter().any(|word| it.is(word)) || it.text == b"(" => {
            Kind::Select
        }
        _ => Kind::Other,
    };
    let slice = |from: usize, to: usize| String::from_utf8_lossy(&text[from..to.max(from)]).into_owned();
    let sql = match &format {
        Some((from, to, _)) => format!("{} {}", slice(0, *from), slice(*to, end)),
        None => slice(0, end),
    };
    Statement { kind, sql, format: format.map(|(_, _, name)| name), data: &[] }
}

fn insert(text: &[u8], head: usize, format: String, data: usize) -> Statement<'_> {
    let sql = String::from_utf8_lossy(&text[..head]).into_owned();
    Statement { kind: Kind::InsertData, sql, format: Some(format), data: &text[data..] }
}

/// Blanks and one line end behind the format's name belong to the statement, not to the data.
fn after_one_line_end(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\r')) {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') { at + 1 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insert_is_cut_from_its_data() {
        let found = parse(b"INSERT INTO a.`FORMAT`(x, y) SETTINGS a=1 FORMAT RowBinary\n\x01\xff");
        assert_eq!(found.kind, Kind::InsertData);
        assert_eq!(found.sql, "INSERT INTO a.`FORMAT`(x, y) SETTINGS a=1 ");
        assert_eq!((found.format.as_deref(), found.data), (Some("RowBinary"), &b"\x01\xff"[..]));
    }

    #[test]
    fn format_of_a_query_is_taken_out() {
        let found = parse(b"-- c\nselect 'FORMAT x', format('a') from t format CSV settings max_threads=1;");
        assert_eq!((found.kind, found.format.as_deref()), (Kind::Select, Some("CSV")));
        assert!(found.sql.ends_with("settings max_threads=1"), "{}", found.sql);
    }

    #[test]
    fn insert_of_a_query_has_no_data() {
        assert_eq!(parse(b"insert into t select 1").kind, Kind::Other);
        assert_eq!(parse(b"insert into t with 1 as x select x").kind, Kind::Other);
    }

    #[test]
    fn values_are_data() {
        let found = parse(b"insert into t values (1)");
        assert_eq!((found.kind, found.format.as_deref(), found.data), (Kind::InsertData, Some("Values"), &b" (1)"[..]));
    }

    #[test]
    fn insert_without_data_waits_for_them() {
        let found = parse(b"INSERT INTO t(x)");
        assert_eq!((found.kind, found.format), (Kind::InsertData, None));
    }

    #[test]
    fn anything_else_is_run_as_it_is() {
        assert_eq!(parse(b"SHOW TABLES").kind, Kind::Other);
        assert_eq!(parse(b"").kind, Kind::Other);
    }
}
