//! The canonical form under construction: tokens, and beside them the bytes that are hashed.
//!
//! Tokens and bytes grow and shrink together, so a rule can take back what it has just read. Decides nothing about SQL:
//! which token comes next is the business of [`super::canonical`].

use super::bytes::Head;
use super::fingerprint::Fingerprint;
use super::keyword::Keyword;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// No token: what lies before the first and after the last.
    Nothing,
    /// A name or a keyword, the same with or without quotes.
    Word,
    /// A name that is another one, or none, without its quotes.
    Quoted,
    /// `@name`, `@@name` of MySQL.
    Variable,
    /// A literal or a placeholder: `?`.
    Param,
    /// A list of constants: `?+`.
    List,
    /// `...`: more elements like those before.
    More,
    /// The number of an output column after `ORDER BY` or `GROUP BY`.
    Ordinal,
    Operator,
    Open,
    Close,
    OpenSquare,
    CloseSquare,
    Comma,
    Semicolon,
    Dot,
    /// `::`
    Cast,
}

/// One token of the canonical form, 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Where its spelling begins and ends in the padded text, or in [`Form::masked`]. Empty for a keyword a rule has put in.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where its bytes begin in the hashed form; set by [`Form`].
    pub(super) at: u32,
    /// Of a word; `None` for names.
    pub(super) keyword: Keyword,
    pub(super) kind: Kind,
    pub(super) flags: u8,
}

impl Token {
    pub(super) const NOTHING: Token = Token {
        start: 0,
        end: 0,
        at: 0,
        keyword: Keyword::None,
        kind: Kind::Nothing,
        flags: 0,
    };

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// A name, of a table or anything else, in whatever spelling.
    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted)
    }
}

/// Flags of a [`Token`].
pub(super) mod flag {
    /// Printed, not hashed.
    pub(crate) const NOISE: u8 = 1;
    /// A word that keeps its quotes in print, lest it be read as a keyword.
    pub(crate) const KEEP_QUOTES: u8 = 1 << 1;
    /// The spelling lies in `masked`.
    pub(crate) const MASKED: u8 = 1 << 2;
    /// A `+` or `-` where an operand is expected.
    pub(crate) const SIGN: u8 = 1 << 3;
    /// A literal where no operand was expected.
    pub(crate) const UNEXPECTED: u8 = 1 << 4;
    /// `TO`, hashed as `=`.
    pub(crate) const EQUALS: u8 = 1 << 5;
    /// A keyword that is hashed as its synonym.
    pub(crate) const SYNONYM: u8 = 1 << 6;
    /// A name that is a character set, if a literal follows.
    pub(crate) const INTRODUCER: u8 = 1 << 7;
}

/// Tokens and hashed bytes of one text. Reused: nothing is allocated once the buffers have grown.
pub(super) struct Form {
    pub(super) tokens: Vec<Token>,
    /// The hashed form is `bytes[..length]`; the rest is room.
    bytes: Vec<u8>,
    length: usize,
    /// Spellings that differ from the text's.
    pub(super) masked: Vec<u8>,
    /// Quoted names are compared without regard to case.
    fold_quoted: bool,
}

impl Form {
    pub(super) fn new(fold_quoted: bool) -> Form {
        Form {
            tokens: Vec::new(),
            bytes: Vec::new(),
            length: 0,
            masked: Vec::new(),
            fold_quoted,
        }
    }

    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.masked.clear();
        self.length = 0;
        self.reserve(0);
        let preamble = Fingerprint::preamble();
        self.bytes[..preamble.len()].copy_from_slice(&preamble);
        self.length = preamble.len();
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.bytes[..self.length])
    }

    /// The number of tokens.
    #[inline]
    pub(super) fn count(&self) -> u32 {
        self.tokens.len() as u32
    }

    #[inline]
    pub(super) fn last(&self) -> Token {
        self.tokens.last().copied().unwrap_or(Token::NOTHING)
    }

    /// The `n`-th token from the end, the last being 1.
    pub(super) fn back(&self, n: usize) -> Token {
        let index = self.tokens.len().wrapping_sub(n);
        self.tokens.get(index).copied().unwrap_or(Token::NOTHING)
    }

    /// Takes back every token from the given one on.
    pub(super) fn truncate(&mut self, count: u32) {
        self.length = self.position(count);
        self.tokens.truncate(count as usize);
    }

    /// Takes back the last `n` tokens.
    pub(super) fn pop(&mut self, n: u32) {
        self.truncate(self.count().saturating_sub(n));
    }

    /// Whether two ranges of tokens hash alike.
    pub(super) fn alike(&self, one: (u32, u32), other: (u32, u32)) -> bool {
        self.hashed(one) == self.hashed(other)
    }

    /// The spelling of a token, quotes of a name excluded, doubled quotes not yet undone.
    pub(super) fn spelling<'t>(&'t self, text: &'t [u8], token: &Token) -> &'t [u8] {
        let source = if token.has(flag::MASKED) {
            &self.masked
        } else {
            text
        };
        &source[token.start as usize..token.end as usize]
    }

    /// A word of the text; `head` is its own.
    #[inline(always)]
    pub(super) fn word(&mut self, text: &[u8], head: Head, token: Token) {
        let (start, length) = (token.start as usize, (token.end - token.start) as usize);
        self.reserve(length);
        let at = self.length;
        self.push(token);
        if token.has(flag::NOISE) {
            return;
        }
        self.bytes[at] = tag::WORD;
        self.put(at + 1, head);
        let mut done = 16;
        while done < length {
            self.put(at + 1 + done, Head::read(text, start + done).0);
            done += 16;
        }
        self.length = at + 1 + length;
    }

    /// A keyword that is not in the text.
    pub(super) fn keyword(&mut self, keyword: Keyword) {
        self.push(Token {
            keyword,
            kind: Kind::Word,
            ..Token::NOTHING
        });
        self.append(tag::WORD, keyword.text().as_bytes());
    }

    /// A keyword of the text that is hashed as its synonym.
    pub(super) fn synonym(&mut self, token: Token) {
        self.push(Token {
            flags: token.flags | flag::SYNONYM,
            ..token
        });
        self.append(tag::WORD, token.keyword.synonym().as_bytes());
    }

    /// A name in quotes: a [`Kind::Quoted`], or a word spelt with them.
    pub(super) fn name(&mut self, spelling: &[u8], quote: u8, token: Token) {
        self.push(token);
        if token.kind == Kind::Word {
            self.append(tag::WORD, spelling);
            let from = self.length - spelling.len();
            self.bytes[from..self.length].make_ascii_lowercase();
            return;
        }
        let from = self.length;
        self.append(tag::QUOTED, &[0; 4]);
        for byte in unquoted(spelling, quote) {
            self.reserve(1);
            self.bytes[self.length] = if self.fold_quoted {
                byte.to_ascii_lowercase()
            } else {
                byte
            };
            self.length += 1;
        }
        let length = (self.length - from - 5) as u32;
        self.bytes[from + 1..from + 5].copy_from_slice(&length.to_le_bytes());
    }

    /// `@name`, in any case.
    pub(super) fn variable(&mut self, spelling: &[u8], token: Token) {
        self.push(token);
        self.append(tag::VARIABLE, spelling);
        let from = self.length - spelling.len();
        self.bytes[from..self.length].make_ascii_lowercase();
    }

    pub(super) fn operator(&mut self, spelling: &[u8], token: Token) {
        self.push(token);
        self.append(tag::OPERATOR, if spelling == b"!=" { b"<>" } else { spelling });
    }

    /// `TO` where it means `=`.
    pub(super) fn equals(&mut self, token: Token) {
        self.push(token);
        self.append(tag::OPERATOR, b"=");
    }

    pub(super) fn ordinal(&mut self, digits: &[u8], token: Token) {
        self.push(token);
        self.append(tag::ORDINAL, digits);
    }

    /// A token that is its kind and nothing else.
    #[inline]
    pub(super) fn mark(&mut self, token: Token) {
        self.reserve(1);
        self.push(token);
        self.bytes[self.length] = match token.kind {
            Kind::Param => tag::PARAM,
            Kind::List => tag::LIST,
            Kind::More => tag::MORE,
            Kind::Open => b'(',
            Kind::Close => b')',
            Kind::OpenSquare => b'[',
            Kind::CloseSquare => b']',
            Kind::Comma => b',',
            Kind::Semicolon => b';',
            Kind::Dot => b'.',
            _ => b':',
        };
        self.length += 1;
    }

    /// A [`Form::mark`] that is not in the text.
    pub(super) fn mark_only(&mut self, kind: Kind) {
        self.mark(Token {
            kind,
            ..Token::NOTHING
        });
    }

    /// Hashes the same tokens again after `change` has renamed some of them.
    pub(super) fn rename(&mut self, text: &[u8], mut change: impl FnMut(&mut Token, &mut Vec<u8>)) {
        let mut tokens = std::mem::take(&mut self.tokens);
        let mut masked = std::mem::take(&mut self.masked);
        tokens.iter_mut().for_each(|token| change(token, &mut masked));
        self.clear();
        self.masked = masked;
        for token in &tokens {
            self.again(text, *token);
        }
    }

    fn again(&mut self, text: &[u8], token: Token) {
        let masked = token
            .has(flag::MASKED)
            .then(|| self.masked[token.start as usize..token.end as usize].to_vec());
        let spelling = masked
            .as_deref()
            .unwrap_or_else(|| &text[token.start as usize..token.end as usize]);
        match token.kind {
            Kind::Nothing => {}
            Kind::Word if token.has(flag::EQUALS) => self.equals(token),
            Kind::Word if token.has(flag::SYNONYM) => self.synonym(token),
            Kind::Word if token.start == token.end => self.keyword(token.keyword),
            Kind::Word => self.word(text, Head::of(spelling), token),
            Kind::Quoted => {
                let quote = if masked.is_some() {
                    0
                } else {
                    text[token.start as usize - 1]
                };
                self.name(spelling, quote, token);
            }
            Kind::Variable => self.variable(spelling, token),
            Kind::Operator => self.operator(spelling, token),
            Kind::Ordinal => self.ordinal(spelling, token),
            _ => self.mark(token),
        }
    }

    #[inline]
    fn push(&mut self, token: Token) {
        self.tokens.push(Token {
            at: self.length as u32,
            ..token
        });
    }

    fn append(&mut self, tag: u8, spelling: &[u8]) {
        self.reserve(spelling.len());
        let at = self.length + 1;
        self.bytes[at - 1] = tag;
        self.bytes[at..at + spelling.len()].copy_from_slice(spelling);
        self.length = at + spelling.len();
    }

    /// Makes room for `length` bytes, a tag before and the excess of [`Form::put`] after them.
    #[inline]
    fn reserve(&mut self, length: usize) {
        if self.length + length + 32 > self.bytes.len() {
            self.grow(length);
        }
    }

    #[cold]
    fn grow(&mut self, length: usize) {
        self.bytes.resize(2 * (self.length + length) + 1024, 0);
    }

    #[inline]
    fn put(&mut self, at: usize, head: Head) {
        let sixteen = u128::from(head.low) | u128::from(head.high) << 64;
        self.bytes[at..at + 16].copy_from_slice(&sixteen.to_le_bytes());
    }

    fn hashed(&self, (from, to): (u32, u32)) -> &[u8] {
        // None are left of a range that a rule has taken back.
        self.bytes
            .get(self.position(from)..self.position(to))
            .unwrap_or_default()
    }

    /// Where the bytes of a token begin; their end for the token after the last.
    fn position(&self, index: u32) -> usize {
        self.tokens
            .get(index as usize)
            .map_or(self.length, |token| token.at as usize)
    }
}

/// The bytes of a quoted name: doubled quotes once, control bytes as spaces so that it prints on one line.
pub(super) fn unquoted(spelling: &[u8], quote: u8) -> impl Iterator<Item = u8> + '_ {
    let mut skip = false;
    spelling.iter().filter_map(move |&byte| {
        if skip && byte == quote {
            skip = false;
            return None;
        }
        skip = byte == quote && quote != 0;
        Some(if byte < b' ' || byte == 0x7f { b' ' } else { byte })
    })
}

/// What begins a token in the hashed bytes: below every byte a spelling can have, so that no two forms share their bytes.
mod tag {
    pub(super) const WORD: u8 = 1;
    pub(super) const QUOTED: u8 = 2;
    pub(super) const OPERATOR: u8 = 3;
    pub(super) const PARAM: u8 = 4;
    pub(super) const LIST: u8 = 5;
    pub(super) const VARIABLE: u8 = 6;
    pub(super) const MORE: u8 = 7;
    pub(super) const ORDINAL: u8 = 8;
}
