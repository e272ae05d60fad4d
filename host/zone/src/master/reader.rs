//! Entries to records: owner, TTL, class, type, directives.

use std::path::Path;

use super::report::{Lines, Place, Report};
use super::{ParseOptions, Severity, include};
use crate::name::Name;
use crate::rdata;
use crate::record::{Record, RecordBuf};
use crate::rtype::{Class, RecordType};
use crate::token::{Cursor, Entry, Lexer, TextError, Token, Word};

/// RFC 2181 8: the top bit of a TTL is zero.
const TTL_MAX: u32 = 0x7fff_ffff;

/// What was read, good or not.
pub(super) struct Read {
    pub(super) report: Report,
    pub(super) records: RecordBuf,
    /// For each record where it stands.
    pub(super) places: Vec<Place>,
    /// The first owner.
    pub(super) apex: Option<Name>,
}

/// Reads a text and what it includes.
pub(super) fn read(text: &[u8], options: &ParseOptions) -> Read {
    // The average record of real zones takes about 50 octets of text and 30 of wire form.
    let guess = text.len() / 50;
    let mut reader = Reader {
        records: RecordBuf::with_capacity(guess, text.len() / 2),
        places: Vec::with_capacity(guess),
        report: Report::new(options.file.clone()),
        apex: None,
        default_ttl: None,
        last_ttl: None,
        fallback_ttl: options.default_ttl,
        include_dir: options.include_dir.as_deref(),
        includes: 0,
        owner: Vec::with_capacity(256),
        rdata: Vec::with_capacity(1024),
    };
    let origin = options
        .origin
        .as_ref()
        .map(|origin| origin.as_wire().to_vec());
    reader.text(text, 0, origin, 0);
    Read {
        report: reader.report,
        records: reader.records,
        places: reader.places,
        apex: reader.apex,
    }
}

struct Reader<'o> {
    records: RecordBuf,
    places: Vec<Place>,
    report: Report,
    apex: Option<Name>,
    /// What `$TTL` says (RFC 2308 4).
    default_ttl: Option<u32>,
    /// RFC 1035 5.1: a TTL that is left out is the last one stated.
    last_ttl: Option<u32>,
    fallback_ttl: Option<u32>,
    include_dir: Option<&'o Path>,
    includes: usize,
    /// The owner of the record before; empty when there is none.
    owner: Vec<u8>,
    rdata: Vec<u8>,
}

/// One text while it is read.
struct Source<'t> {
    text: &'t [u8],
    lines: Lines<'t>,
    file: u32,
    depth: usize,
    origin: Option<Vec<u8>>,
    /// The owner word of the record before, to see quickly that it is repeated.
    owner_word: &'t [u8],
}

impl Reader<'_> {
    fn text(&mut self, text: &[u8], file: u32, origin: Option<Vec<u8>>, depth: usize) {
        let mut source = Source {
            text,
            lines: Lines::new(text),
            file,
            depth,
            origin,
            owner_word: b"",
        };
        let mut lexer = Lexer::new(text);
        let mut tokens: Vec<Token> = Vec::with_capacity(32);
        while !self.report.is_full() {
            let result = match lexer.next_entry(&mut tokens) {
                Ok(None) => return,
                Ok(Some(entry)) => self.entry(&mut source, entry, &tokens),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.report
                    .add_at(&mut source.lines, file, Severity::Error, error);
            }
        }
        self.report.add_left_out(1);
    }

    fn entry(
        &mut self,
        source: &mut Source<'_>,
        entry: Entry,
        tokens: &[Token],
    ) -> Result<(), TextError> {
        let mut cursor = Cursor::new(source.text, tokens);
        let Some(first) = cursor.peek() else {
            return Ok(());
        };
        if entry.blank_owner {
            if self.owner.is_empty() {
                return Err(first.error("the record has no owner, and there is none before it"));
            }
            return self.record(source, entry, cursor);
        }
        cursor.take();
        if first.raw.starts_with(b"$") && !first.quoted {
            return self.directive(source, first, cursor);
        }
        if first.raw != source.owner_word || first.quoted {
            self.rdata.clear();
            rdata::scan_name(first, source.origin.as_deref(), &mut self.rdata)
                .map_err(|error| first.error(format!("owner: {error}")))?;
            self.owner.clear();
            self.owner.extend_from_slice(&self.rdata);
            // `source.text` outlives the reader's use of it, as the tokens point into it.
            let at = first.at..first.at + first.raw.len();
            source.owner_word = source.text.get(at).unwrap_or_default();
        }
        self.record(source, entry, cursor)
    }

    /// Everything after the owner: TTL and class in either order, type, RDATA (RFC 1035 5.1).
    fn record(
        &mut self,
        source: &mut Source<'_>,
        entry: Entry,
        mut cursor: Cursor<'_>,
    ) -> Result<(), TextError> {
        if self.apex.is_none() {
            self.apex = Name::from_wire(&self.owner).ok();
            // The apex is also the origin when nothing else was said.
            source.origin.get_or_insert_with(|| self.owner.clone());
        }
        let (mut ttl, mut class) = (None, None);
        let rtype = loop {
            let word = cursor.expect("the record type")?;
            if word.quoted {
                return Err(word.error("a record type is expected here, not a string"));
            }
            if ttl.is_none() && word.raw.first().is_some_and(u8::is_ascii_digit) {
                ttl = Some(self.bounded_ttl(source, word)?);
            } else if class.is_none()
                && let Some(found) = Class::from_mnemonic(word.raw)
            {
                if found != Class::IN {
                    return Err(word.error("only class IN is served"));
                }
                class = Some(found);
            } else {
                break RecordType::from_mnemonic(word.raw).ok_or_else(|| {
                    word.error("not a record type; a type, class or TTL is expected here")
                })?;
            }
        };
        self.rdata.clear();
        let type_end = cursor.end_error("");
        rdata::scan(
            rtype,
            &mut cursor,
            source.origin.as_deref(),
            &mut self.rdata,
        )?;
        if ttl.is_some() {
            self.last_ttl = ttl;
        }
        let ttl = ttl
            .or(self.default_ttl)
            .or(self.last_ttl)
            .or(self.fallback_ttl);
        let ttl = match (ttl, rtype, self.rdata.last_chunk::<4>()) {
            (Some(ttl), ..) => ttl,
            // As BIND and Knot do: a zone that states no TTL at all has that of its SOA minimum.
            (None, RecordType::SOA, Some(minimum)) => {
                let minimum = u32::from_be_bytes(*minimum).min(TTL_MAX);
                self.last_ttl = Some(minimum);
                minimum
            }
            _ => {
                return Err(TextError {
                    reason: "the record has no TTL, and there is no $TTL".to_owned(),
                    ..type_end
                });
            }
        };
        self.records.push(Record {
            owner: &self.owner,
            rtype,
            ttl,
            rdata: &self.rdata,
        });
        self.places.push(Place {
            line: entry.line,
            file: source.file,
        });
        Ok(())
    }

    fn directive(
        &mut self,
        source: &mut Source<'_>,
        word: Word<'_>,
        mut cursor: Cursor<'_>,
    ) -> Result<(), TextError> {
        if word.is(b"$ORIGIN") {
            let name = cursor.expect("the origin")?;
            let origin = origin_name(source, name)?;
            end(&cursor)?;
            source.origin = Some(origin);
            source.owner_word = b"";
        } else if word.is(b"$TTL") {
            let value = cursor.expect("the TTL")?;
            self.default_ttl = Some(self.bounded_ttl(source, value)?);
            end(&cursor)?;
        } else if word.is(b"$INCLUDE") {
            let name = cursor.expect("the file name")?;
            let origin = match cursor.take() {
                Some(word) => Some(origin_name(source, word)?),
                None => source.origin.clone(),
            };
            end(&cursor)?;
            self.include(source, name, origin)?;
        } else if word.is(b"$GENERATE") {
            return Err(
                word.error("$GENERATE is BIND's own and not understood; write the records out")
            );
        } else {
            return Err(word.error("unknown directive; $ORIGIN, $TTL and $INCLUDE are known"));
        }
        Ok(())
    }

    fn include(
        &mut self,
        source: &Source<'_>,
        name: Word<'_>,
        origin: Option<Vec<u8>>,
    ) -> Result<(), TextError> {
        if source.depth >= include::DEPTH_MAX {
            return Err(name.error(format!("$INCLUDE nests deeper than {}", include::DEPTH_MAX)));
        }
        self.includes += 1;
        if self.includes > include::INCLUDES_MAX {
            return Err(name.error(format!(
                "more than {} files are included",
                include::INCLUDES_MAX
            )));
        }
        let text =
            include::read(self.include_dir, name.raw).map_err(|reason| name.error(reason))?;
        let file = self
            .report
            .file(String::from_utf8_lossy(name.raw).into_owned());
        // RFC 1035 5.1: the origin of the including file is not changed; neither is its owner.
        let owner = self.owner.clone();
        self.text(&text, file, origin, source.depth + 1);
        self.owner = owner;
        Ok(())
    }

    fn bounded_ttl(&mut self, source: &mut Source<'_>, word: Word<'_>) -> Result<u32, TextError> {
        let ttl = rdata::parse_ttl(word.raw)
            .ok_or_else(|| word.error("TTL is not a time in seconds or like 1h30m, below 2^32"))?;
        if ttl <= TTL_MAX {
            return Ok(ttl);
        }
        // RFC 2181 8: larger ones are treated as zero.
        let warning = word.error(format!("TTL is larger than {TTL_MAX} and is taken as 0"));
        self.report
            .add_at(&mut source.lines, source.file, Severity::Warning, warning);
        Ok(0)
    }
}

fn origin_name(source: &Source<'_>, word: Word<'_>) -> Result<Vec<u8>, TextError> {
    let mut wire = Vec::new();
    rdata::scan_name(word, source.origin.as_deref(), &mut wire)
        .map_err(|error| word.error(format!("origin: {error}")))?;
    Ok(wire)
}

fn end(cursor: &Cursor<'_>) -> Result<(), TextError> {
    match cursor.peek() {
        Some(word) => Err(word.error("unexpected text after the directive")),
        None => Ok(()),
    }
}
