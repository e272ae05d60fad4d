//! Splits master-file text into tokens (RFC 1035 5.1).
//!
//! One entry (a record or a directive) is everything up to an end of line that is not inside
//! parentheses. The lexer collects the tokens of one entry into a vector that is used again for the
//! next, so nothing is allocated per token. A token borrows the text: escapes stay in it, because only
//! the field that reads it knows whether `\.` means a dot in a label or a dot in a string.

#![warn(clippy::indexing_slicing)]

/// A piece of an entry, by its place in the text. Of a quoted one the quotes do not belong to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
}

/// Something wrong at an offset of the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TextError {
    /// Offset of the offending token, or where one is missing.
    pub(crate) at: usize,
    /// The reason, in words for the person who wrote the text.
    pub(crate) reason: String,
}

impl TextError {
    pub(crate) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self {
            at,
            reason: reason.into(),
        }
    }
}

/// What begins an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// RFC 1035 5.1: a line that starts with a blank is about the owner of the record before.
    pub(crate) blank_owner: bool,
    /// The line of the first token, counted from 1.
    pub(crate) line: u32,
}

/// Walks over a text entry by entry.
pub(crate) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
}

const ORDINARY: u8 = 0;
const BLANK: u8 = 1;
const SPECIAL: u8 = 2;

/// What an octet means outside of quotes.
static KINDS: [u8; 256] = kinds();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn kinds() -> [u8; 256] {
    let mut kinds = [ORDINARY; 256];
    kinds[b' ' as usize] = BLANK;
    kinds[b'\t' as usize] = BLANK;
    kinds[b'\r' as usize] = BLANK;
    kinds[b'\n' as usize] = SPECIAL;
    kinds[b';' as usize] = SPECIAL;
    kinds[b'(' as usize] = SPECIAL;
    kinds[b')' as usize] = SPECIAL;
    kinds[b'"' as usize] = SPECIAL;
    kinds[b'\\' as usize] = SPECIAL;
    kinds[0] = SPECIAL;
    kinds
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        // Editors of some systems put a byte order mark in front.
        let at = if text.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self { text, at, line: 1 }
    }

    /// Collects the tokens of the next entry that has any; `None` at the end of the text. After an
    /// error the lexer stands at the next line.
    pub(crate) fn next_entry(
        &mut self,
        tokens: &mut Vec<Token>,
    ) -> Result<Option<Entry>, TextError> {
        tokens.clear();
        let mut entry = Entry {
            blank_owner: self.starts_blank(),
            line: self.line,
        };
        let mut open: Option<usize> = None;
        loop {
            let Some(&octet) = self.text.get(self.at) else {
                return match open {
                    Some(at) => Err(TextError::new(at, "parenthesis is never closed")),
                    None => Ok((!tokens.is_empty()).then_some(entry)),
                };
            };
            match octet {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if open.is_none() {
                        if !tokens.is_empty() {
                            return Ok(Some(entry));
                        }
                        entry = Entry {
                            blank_owner: self.starts_blank(),
                            line: self.line,
                        };
                    }
                }
                b';' => self.skip_line(),
                b'(' => match open {
                    None => {
                        open = Some(self.at);
                        self.at += 1;
                    }
                    // RFC 1035 5.1 knows one level; NSD and Knot refuse a second one, BIND takes it.
                    Some(_) => return Err(self.fail("parenthesis inside parentheses")),
                },
                b')' => match open.take() {
                    Some(_) => self.at += 1,
                    None => return Err(self.fail("closing parenthesis without an opening one")),
                },
                _ => {
                    if tokens.is_empty() {
                        entry.line = self.line;
                    }
                    let token = if octet == b'"' {
                        self.quoted()?
                    } else {
                        self.plain()?
                    };
                    tokens.push(token);
                }
            }
        }
    }

    fn starts_blank(&self) -> bool {
        matches!(self.text.get(self.at), Some(b' ' | b'\t'))
    }

    /// Everything up to a blank, a delimiter or a quote. A quote after `=` belongs to the token:
    /// RFC 9460 2.1 writes `key="value"`.
    fn plain(&mut self) -> Result<Token, TextError> {
        let start = self.at;
        let mut at = start;
        while let Some(&octet) = self.text.get(at) {
            match KINDS.get(usize::from(octet)) {
                Some(&ORDINARY) => at += 1,
                Some(&BLANK) => break,
                _ => match octet {
                    b'\\' if matches!(self.text.get(at + 1), None | Some(b'\n' | b'\r')) => {
                        return Err(self.fail_from(at, "backslash at the end of a line"));
                    }
                    b'\\' => at += 2,
                    // BIND and Knot refuse it too (NSD takes it): nobody writes one on purpose outside
                    // of a string, and what shows names as C strings would show half of the name.
                    0 => return Err(self.fail_from(at, "a zero octet; it is written as \\000")),
                    b'"' if at > start && self.text.get(at - 1) == Some(&b'=') => {
                        at = self.closing_quote(at)? + 1;
                    }
                    _ => break,
                },
            }
        }
        self.at = at;
        Ok(Token {
            start,
            end: at,
            quoted: false,
        })
    }

    fn quoted(&mut self) -> Result<Token, TextError> {
        let start = self.at + 1;
        let end = self.closing_quote(self.at)?;
        self.at = end + 1;
        Ok(Token {
            start,
            end,
            quoted: true,
        })
    }

    /// The offset of the quote that closes the one at `open`. A string does not cross lines: a
    /// forgotten quote would otherwise swallow the zone and be reported somewhere else.
    fn closing_quote(&mut self, open: usize) -> Result<usize, TextError> {
        let mut at = open + 1;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            match memchr::memchr3(b'"', b'\\', b'\n', rest) {
                Some(skip) => match rest.get(skip) {
                    Some(b'"') => return Ok(at + skip),
                    Some(b'\\') if !matches!(rest.get(skip + 1), None | Some(b'\n')) => {
                        at += skip + 2
                    }
                    _ => return Err(self.fail_from(open, "quote is not closed on its line")),
                },
                None => return Err(self.fail_from(open, "quote is not closed on its line")),
            }
        }
    }

    fn fail(&mut self, reason: &str) -> TextError {
        self.fail_from(self.at, reason)
    }

    fn fail_from(&mut self, at: usize, reason: &str) -> TextError {
        self.at = at;
        self.skip_line();
        if self.at < self.text.len() {
            self.at += 1;
            self.line += 1;
        }
        TextError::new(at, reason)
    }

    /// Goes to the end of the line, before its line feed.
    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }
}

/// Reads the tokens of one entry one after another.
#[derive(Clone)]
pub(crate) struct Cursor<'t> {
    text: &'t [u8],
    tokens: &'t [Token],
    /// Where a token is missing when there are no more.
    end: usize,
}

/// A token with its octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'t> {
    pub(crate) raw: &'t [u8],
    pub(crate) quoted: bool,
    /// Where it starts, with its quote.
    pub(crate) at: usize,
}

impl Word<'_> {
    pub(crate) fn error(&self, reason: impl Into<String>) -> TextError {
        TextError::new(self.at, reason)
    }

    /// The unquoted text `expected`, in any case.
    pub(crate) fn is(&self, expected: &[u8]) -> bool {
        !self.quoted && self.raw.eq_ignore_ascii_case(expected)
    }
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t [u8], tokens: &'t [Token]) -> Self {
        let end = tokens.last().map_or(text.len(), |token| token.end);
        Self { text, tokens, end }
    }

    pub(crate) fn peek(&self) -> Option<Word<'t>> {
        let token = self.tokens.first()?;
        let raw = self.text.get(token.start..token.end)?;
        Some(Word {
            raw,
            quoted: token.quoted,
            at: token.start - usize::from(token.quoted),
        })
    }

    pub(crate) fn take(&mut self) -> Option<Word<'t>> {
        let word = self.peek()?;
        self.tokens = self.tokens.get(1..).unwrap_or_default();
        Some(word)
    }

    /// The next word, or an error that names what is missing.
    pub(crate) fn expect(&mut self, what: &str) -> Result<Word<'t>, TextError> {
        self.take()
            .ok_or_else(|| TextError::new(self.end, format!("{what} is missing")))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// An error at the place after the last token.
    pub(crate) fn end_error(&self, reason: impl Into<String>) -> TextError {
        TextError::new(self.end, reason)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    /// Blank owner, line, words; or offset and reason.
    type Found = Result<(bool, u32, Vec<String>), (usize, String)>;

    fn entries(text: &str) -> Vec<Found> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut tokens = Vec::new();
        let mut found = Vec::new();
        loop {
            match lexer.next_entry(&mut tokens) {
                Ok(None) => return found,
                Ok(Some(entry)) => {
                    let words = tokens
                        .iter()
                        .map(|token| text[token.start..token.end].to_owned());
                    found.push(Ok((entry.blank_owner, entry.line, words.collect())));
                }
                Err(error) => found.push(Err((error.at, error.reason))),
            }
        }
    }

    fn entry(blank: bool, line: u32, words: &[&str]) -> Found {
        Ok((
            blank,
            line,
            words.iter().map(|&word| word.to_owned()).collect(),
        ))
    }

    /// RFC 1035 5.1: parentheses join lines, `;` starts a comment, a leading blank repeats the owner.
    #[test]
    fn entries_follow_rfc_1035() {
        let text = "; head\n\na SOA ( 1 ; one\n 2\n) 3\r\n\tA 1 ;\n   \nb TXT \"x ; ( y\"z \\; ";
        assert_eq!(
            entries(text),
            [
                entry(false, 3, &["a", "SOA", "1", "2", "3"]),
                entry(true, 6, &["A", "1"]),
                entry(false, 8, &["b", "TXT", "x ; ( y", "z", "\\;"]),
            ]
        );
    }

    /// RFC 1035 5.1 has one level of parentheses: NSD and Knot refuse more, whatever stands between.
    #[test]
    fn parentheses_do_not_nest() {
        for text in [
            "a TXT ((x))\n",
            "a TXT (x (y) z)\n",
            "a TXT ( x\n ( y ) )\n",
        ] {
            let words = entries(text)[0].as_ref().unwrap_err().1.clone();
            assert_eq!(words, "parenthesis inside parentheses", "{text}");
        }
        assert_eq!(
            entries("a TXT (x) (y)"),
            [entry(false, 1, &["a", "TXT", "x", "y"])]
        );
    }

    /// A raw zero octet is refused outside of strings, as BIND and Knot do; in a string and in a comment all
    /// peers take it, and `\000` is the way to write one.
    #[test]
    fn a_raw_zero_octet_is_refused_outside_of_strings() {
        for (text, at) in [("a\0b A x\n", 1), ("\0 A x\n", 0), ("a TXT x\0\n", 7)] {
            let (found, words) = entries(text)[0].as_ref().unwrap_err().clone();
            assert_eq!(found, at, "{text:?}");
            assert!(words.contains("\\000"), "{words}");
        }
        for text in ["a\\000b TXT x", "a TXT \"x\0y\"", "a TXT x ; \0"] {
            assert!(entries(text)[0].is_ok(), "{text:?}");
        }
    }

    #[test]
    fn quote_after_equals_sign_stays_in_its_token() {
        assert_eq!(
            entries("a alpn=\"h2 , h3\" x"),
            [entry(false, 1, &["a", "alpn=\"h2 , h3\"", "x"])]
        );
    }

    #[test]
    fn errors_leave_the_next_line_readable() {
        let text = "a \"x\nb )\nc d\n(";
        let found = entries(text);
        assert_eq!(found[0].as_ref().unwrap_err().0, 2);
        assert_eq!(found[1].as_ref().unwrap_err().0, 7);
        assert_eq!(found[2], entry(false, 3, &["c", "d"]));
        assert_eq!(
            found[3].as_ref().unwrap_err().1,
            "parenthesis is never closed"
        );
    }
}
