//! Lists of constants: `IN (...)`, `ARRAY[...]`, rows of `VALUES`, arguments of `CALL`.
//!
//! Follows the elements of a bracket with a small automaton and, where all of them are constants, leaves one. Decides
//! about no other bracket.

use super::super::dialect::Dialect;
use super::super::form::Kind;
use super::super::keyword::Keyword;
use super::frame::{self, Frame};
use super::{Canonical, Place};

/// What a bracket holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// Nothing any rule is about.
    Plain,
    /// `IN (`
    In,
    /// `ARRAY[`, and a bracket directly inside.
    Array,
    /// A row after `VALUES`.
    Values,
    /// `CALL name(` of MySQL.
    Call,
    /// A row, or just parentheses, as an element of a list.
    Row,
    /// `CAST(` as an element of a list.
    Cast,
    /// `(10)` of a type as an element of a list, `[]` too.
    Modifier,
    /// `EXTRACT(`
    Extract,
    /// `[` of a subscript or slice.
    Subscript,
}

impl FrameKind {
    /// Its elements are followed.
    fn is_list(self) -> bool {
        !matches!(self, FrameKind::Plain | FrameKind::Extract | FrameKind::Subscript)
    }

    /// Constants inside become one.
    pub(super) fn is_collapsed(self) -> bool {
        matches!(
            self,
            FrameKind::In | FrameKind::Array | FrameKind::Values | FrameKind::Call | FrameKind::Row
        )
    }
}

/// How far an element of a list is a constant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Start,
    /// `-`
    Sign,
    /// `DATE`, `_utf8mb4`: a type or character set, if a literal follows.
    Prefix,
    /// `CAST`, `ROW`, `ARRAY`, before their bracket.
    CastWord,
    RowWord,
    ArrayWord,
    /// A whole constant.
    Value,
    /// `::`, or `AS` in `CAST`.
    Colon,
    /// A constant with its cast.
    Type,
    /// No constant.
    Other,
}

/// Where in the rows of `VALUES` a query is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    None,
    /// Before the first row.
    First,
    /// After a comma.
    Next,
    /// After a row.
    After,
}

impl Canonical {
    /// Shows the next token to the bracket it is in, before it is written.
    #[inline]
    pub(super) fn hook(&mut self, kind: Kind, keyword: Keyword) {
        if self.hooked {
            self.hook_rows(kind, keyword);
            if self.top.kind.is_list() {
                self.hook_element(kind, keyword);
            }
        }
    }

    pub(super) fn hook_operator(&mut self, sign: bool) {
        match self.top.element {
            Element::Start | Element::Sign if sign && self.top.kind.is_list() => {
                self.top.element = Element::Sign;
            }
            Element::Prefix if sign && self.top.kind.is_list() => {}
            _ => self.hook(Kind::Operator, Keyword::None),
        }
    }

    /// `VALUES` was written: rows follow.
    pub(super) fn begin_rows(&mut self) {
        self.top.rows = Rows::First;
        self.top.row = self.form.count();
        self.rehook();
    }

    pub(super) fn rehook(&mut self) {
        self.hooked = self.top.kind.is_list() || self.top.rows != Rows::None;
    }

    /// What the bracket about to be opened holds.
    pub(super) fn frame_kind(&mut self, bracket: Kind) -> FrameKind {
        let last = self.form.last();
        let rows = self.top.rows;
        if bracket == Kind::Open && matches!(rows, Rows::First | Rows::Next) {
            return FrameKind::Values;
        }
        self.top.rows = Rows::None;
        let kind = match (bracket, last.keyword) {
            (Kind::Open, Keyword::In) => FrameKind::In,
            (Kind::Open, Keyword::Extract) if self.dialect == Dialect::Postgres => FrameKind::Extract,
            (Kind::Open, _) if self.is_call(last) => FrameKind::Call,
            (Kind::OpenSquare, Keyword::Array) => FrameKind::Array,
            (Kind::OpenSquare, _)
                if self.top.kind == FrameKind::Array && self.top.element == Element::Start =>
            {
                FrameKind::Array
            }
            (Kind::OpenSquare, _) => FrameKind::Subscript,
            _ => FrameKind::Plain,
        };
        match self.top.kind.is_list() {
            true => self.element_kind(bracket, kind),
            false => kind,
        }
    }

    /// As [`Canonical::frame_kind`], for a bracket inside an element of a list.
    fn element_kind(&mut self, bracket: Kind, otherwise: FrameKind) -> FrameKind {
        let within = match (self.top.element, bracket) {
            (Element::Start | Element::RowWord, Kind::Open) => Some(FrameKind::Row),
            (Element::CastWord, Kind::Open) => Some(FrameKind::Cast),
            (Element::Type, _) => Some(FrameKind::Modifier),
            (Element::ArrayWord | Element::Start, Kind::OpenSquare) if otherwise == FrameKind::Array => {
                Some(otherwise)
            }
            _ => None,
        };
        if within.is_none() {
            self.top.element = Element::Other;
        }
        within.unwrap_or(otherwise)
    }

    /// The bracket `closed` is written to its end: what it is to the list around it, or to the rows before it.
    pub(super) fn closed(&mut self, closed: &Frame) {
        if closed.kind == FrameKind::Values {
            return self.end_row();
        }
        if !self.top.kind.is_list() || self.top.element == Element::Other {
            return;
        }
        let constant = closed.kind.is_list() && closed.flags & frame::MIXED == 0;
        let dressed = closed.kind != FrameKind::Row || self.top.element != Element::Start;
        if dressed || closed.flags & frame::DRESSED != 0 {
            self.top.flags |= frame::DRESSES;
        }
        self.top.element = match closed.kind {
            _ if !constant => Element::Other,
            FrameKind::Modifier => Element::Type,
            FrameKind::Row | FrameKind::Cast | FrameKind::Array => Element::Value,
            _ => Element::Other,
        };
    }

    /// The innermost bracket is about to close: leaves one of its constants if there is nothing else.
    pub(super) fn end_list(&mut self) {
        if !self.top.kind.is_list() {
            return;
        }
        let empty = self.top.elements == 0 && self.top.element == Element::Start;
        if !empty {
            self.end_element();
        }
        if empty && !matches!(self.top.kind, FrameKind::Modifier | FrameKind::Array) {
            self.top.flags |= frame::MIXED;
        }
        if self.top.flags & frame::MIXED != 0 || empty || !self.top.kind.is_collapsed() {
            return;
        }
        let first = self.top.open + 1;
        let unlike = self.top.flags & frame::UNLIKE != 0;
        match (self.top.flags & frame::DRESSED != 0, self.top.kind) {
            (false, _) | (true, FrameKind::Call) => self.leave_list(first),
            (true, FrameKind::In) if unlike => self.leave_list(first),
            (true, FrameKind::Array) if unlike => {}
            (true, FrameKind::In | FrameKind::Array) => {
                self.form.truncate(self.top.first_end);
                self.form.mark_only(Kind::Comma);
                self.form.mark_only(Kind::More);
            }
            _ => {}
        }
    }

    /// Ends a statement that was cut inside a list of constants as if the list, too, ended there.
    pub(super) fn close_cut_lists(&mut self) {
        let nowhere = Place { start: 0, end: 0 };
        while self.untracked == 0 && self.top.kind.is_collapsed() && self.top.flags & frame::MIXED == 0 {
            match self.top.element {
                Element::Other => break,
                Element::Value | Element::Type => {}
                _ if self.top.elements > 0 => {
                    self.form.truncate(self.top.element_at - 1);
                    self.top.elements -= 1;
                    self.top.flags &= !frame::DRESSES;
                    self.top.element = Element::Value;
                }
                _ if self.top.kind == FrameKind::Values || self.top.kind == FrameKind::Row => {
                    self.drop_cut_row();
                    continue;
                }
                _ => break,
            }
            self.truncated = true;
            let kind = if self.top.kind == FrameKind::Array {
                Kind::CloseSquare
            } else {
                Kind::Close
            };
            self.close(kind, nowhere);
        }
        if self.top.rows == Rows::Next {
            self.form.truncate(self.top.row_before.1);
            self.truncated = true;
        }
    }

    /// Takes back the bracket of a row of which nothing was read.
    fn drop_cut_row(&mut self) {
        self.form.truncate(self.top.open);
        self.truncated = true;
        if let Some(outer) = self.outer.pop() {
            self.top = outer;
        }
        self.rehook();
    }

    fn leave_list(&mut self, first: u32) {
        if self.form.count() != first + 1 || self.form.last().kind != Kind::List {
            self.form.truncate(first);
            self.form.mark_only(Kind::List);
        }
    }

    fn hook_rows(&mut self, kind: Kind, keyword: Keyword) {
        match (self.top.rows, kind) {
            (Rows::None, _) => {}
            (Rows::After, Kind::Comma) => {
                self.top.rows = Rows::Next;
                self.top.row = self.form.count() + 1;
            }
            (Rows::First | Rows::Next, Kind::Word) if keyword == Keyword::Row => {}
            _ => {
                self.top.rows = Rows::None;
                self.rehook();
            }
        }
    }

    /// A row of `VALUES` was closed: it goes if it is like the row before.
    fn end_row(&mut self) {
        let row = (self.top.row, self.form.count());
        let repeated = self.top.rows == Rows::Next && self.form.alike(row, self.top.row_before);
        if repeated {
            self.form.truncate(self.top.row_before.1);
        } else {
            self.top.row_before = row;
        }
        self.top.rows = Rows::After;
        // Rows are no constant of a list around them.
        self.top.element = Element::Other;
    }

    fn hook_element(&mut self, kind: Kind, keyword: Keyword) {
        if kind == Kind::Comma {
            self.end_element();
            self.top.element = Element::Start;
            self.top.element_at = self.form.count() + 1;
            return;
        }
        if self.is_escape(kind, keyword) {
            return;
        }
        // With or without quotes a name is the same.
        let kind = if kind == Kind::Quoted { Kind::Word } else { kind };
        let cast = self.top.kind == FrameKind::Cast;
        let next = match (self.top.element, kind) {
            (Element::Start | Element::Sign, Kind::Param | Kind::List | Kind::More)
            | (Element::Prefix, Kind::Param) => Element::Value,
            (Element::Start, Kind::Word) => self.first_word(keyword),
            (Element::Prefix, Kind::Word) if !self.is_reserved(keyword) || keyword == Keyword::With => {
                Element::Prefix
            }
            (Element::Value | Element::Type, Kind::Cast) => Element::Colon,
            (Element::Value, Kind::Word) if cast && keyword == Keyword::As => Element::Colon,
            (Element::Colon, Kind::Word) => Element::Type,
            (Element::Type, Kind::Word) if cast || !self.is_reserved(keyword) || keyword == Keyword::With => {
                Element::Type
            }
            (Element::Type, Kind::Dot) => Element::Colon,
            _ => Element::Other,
        };
        // Only what is complete counts: a cut may take the rest of the element away.
        if next == Element::Type || (self.top.element, next) == (Element::Prefix, Element::Value) {
            self.top.flags |= frame::DRESSES;
        }
        self.top.element = next;
    }

    /// `UESCAPE` behind a constant or a name in quotes, or what follows it: goes, and so changes nothing.
    fn is_escape(&self, kind: Kind, keyword: Keyword) -> bool {
        let last = self.form.last();
        match kind {
            Kind::Word => keyword == Keyword::Uescape && matches!(last.kind, Kind::Param | Kind::Quoted),
            Kind::Param | Kind::List | Kind::More => self.escapes(last),
            _ => false,
        }
    }

    fn first_word(&self, keyword: Keyword) -> Element {
        match keyword {
            Keyword::Cast => Element::CastWord,
            Keyword::Row => Element::RowWord,
            Keyword::Array => Element::ArrayWord,
            _ if self.is_reserved(keyword) => Element::Other,
            _ => Element::Prefix,
        }
    }

    fn end_element(&mut self) {
        if !matches!(self.top.element, Element::Value | Element::Type) {
            self.top.flags |= frame::MIXED;
        }
        if self.top.flags & frame::DRESSES != 0 {
            self.top.flags = self.top.flags & !frame::DRESSES | frame::DRESSED;
        }
        let end = self.form.count();
        if self.top.elements == 0 {
            self.top.first_end = end;
        } else if self.top.flags & (frame::MIXED | frame::DRESSED | frame::UNLIKE) == frame::DRESSED {
            let first = (self.top.open + 1, self.top.first_end);
            let more = self.form.last().kind == Kind::More;
            // Of an element that was cut nothing is left, and the one before it was compared.
            let cut = self.top.element_at > end;
            if !more && !cut && !self.form.alike(first, (self.top.element_at, end)) {
                self.top.flags |= frame::UNLIKE;
            }
        }
        self.top.elements += 1;
    }

    fn is_reserved(&self, keyword: Keyword) -> bool {
        keyword.traits().reserved(self.dialect)
    }
}
