//! Names and variables, in quotes or not, and the character sets that only look like names.
//!
//! Says how each is kept so that quotes which change nothing do not count; never what a name is the name of.

use super::super::bytes::Head;
use super::super::dialect::Dialect;
use super::super::form::{Kind, flag};
use super::super::keyword::Keyword;
use super::{Canonical, Place};

impl Canonical {
    /// A name without quotes.
    #[inline]
    pub(in super::super) fn name(&mut self, text: &[u8], head: Head, place: Place) {
        self.settle(Kind::Word, Keyword::None);
        if self.name_next {
            return self.varying_name(place);
        }
        self.hook(Kind::Word, Keyword::None);
        let flags = self.introducer_flag(text, place);
        self.form
            .word(text, head, place.token(Kind::Word, Keyword::None, flags));
        self.after_operand();
    }

    /// A name in quotes. `word`: the same without them, as long as it is not taken for a keyword.
    pub(in super::super) fn quoted_name(&mut self, text: &[u8], place: Place, word: bool, keyword: Keyword) {
        self.settle(Kind::Quoted, Keyword::None);
        if self.name_next {
            return self.varying_name(place);
        }
        self.hook(Kind::Quoted, Keyword::None);
        let keep = keyword.traits().needs_quotes(self.dialect);
        let token = match word && !keyword.traits().reserved(self.dialect) {
            true => place.token(
                Kind::Word,
                Keyword::None,
                self.introducer_flag(text, place) | if keep { flag::KEEP_QUOTES } else { 0 },
            ),
            false => place.token(Kind::Quoted, Keyword::None, 0),
        };
        self.form
            .name(&text[place.start..place.end], text[place.start - 1], token);
        self.after_operand();
    }

    /// A name of MySQL that begins with a digit or `$`. `glued`: it is one even if no dot is before it.
    pub(in super::super) fn digit_name(&mut self, text: &[u8], place: Place, glued: bool) {
        self.settle(Kind::Quoted, Keyword::None);
        if self.name_next {
            return self.varying_name(place);
        }
        self.hook(Kind::Quoted, Keyword::None);
        let token = place.token(if glued { Kind::Word } else { Kind::Quoted }, Keyword::None, 0);
        self.form.name(&text[place.start..place.end], 0, token);
        self.after_operand();
    }

    /// A name whose numbers are masked: always a quoted one, for it holds a `?`.
    pub(in super::super) fn masked_name(&mut self, spelling: impl Iterator<Item = u8>) {
        self.settle(Kind::Quoted, Keyword::None);
        if self.name_next {
            return self.varying_name(Place { start: 0, end: 0 });
        }
        self.hook(Kind::Quoted, Keyword::None);
        let (place, spelling) = self.mask(spelling);
        self.form.name(
            &spelling,
            0,
            place.token(Kind::Quoted, Keyword::None, flag::MASKED),
        );
        self.after_operand();
    }

    /// `@name`.
    pub(in super::super) fn variable(&mut self, text: &[u8], place: Place) {
        self.settle(Kind::Variable, Keyword::None);
        self.hook(Kind::Variable, Keyword::None);
        self.form.variable(
            &text[place.start..place.end],
            place.token(Kind::Variable, Keyword::None, 0),
        );
        self.after_operand();
    }

    /// `` @`name` ``, spelt as without quotes.
    pub(in super::super) fn masked_variable(&mut self, spelling: impl Iterator<Item = u8>) {
        self.settle(Kind::Variable, Keyword::None);
        self.hook(Kind::Variable, Keyword::None);
        let (place, spelling) = self.mask(spelling);
        self.form.variable(
            &spelling,
            place.token(Kind::Variable, Keyword::None, flag::MASKED),
        );
        self.after_operand();
    }

    /// The character set before a literal of MySQL: whichever it is, it says nothing about the query.
    pub(in super::super) fn introducer(&mut self, place: Place) {
        self.settle(Kind::Word, Keyword::None);
        if self.name_next {
            return self.varying_name(place);
        }
        self.hook(Kind::Word, Keyword::None);
        self.form.keyword(Keyword::Charset);
        self.after_operand();
    }

    /// A name of MySQL that is a character set, if a literal follows.
    #[inline]
    fn introducer_flag(&self, text: &[u8], place: Place) -> u8 {
        let introduces =
            text.get(place.start) == Some(&b'_') && self.dialect == Dialect::Mysql && !self.after_dot();
        if introduces { flag::INTRODUCER } else { 0 }
    }

    /// Keeps a spelling that differs from the text's.
    #[cold]
    fn mask(&mut self, spelling: impl Iterator<Item = u8>) -> (Place, Vec<u8>) {
        let start = self.form.masked.len();
        self.form.masked.extend(spelling);
        let place = Place {
            start,
            end: self.form.masked.len(),
        };
        (place, self.form.masked[start..].to_vec())
    }
}
