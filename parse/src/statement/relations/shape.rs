//! What the tokens around one say about it: a clause or a statement, a table or a name of something else.
//!
//! Questions only; the answers are used by [`super::walk`].

use super::super::dialect::Dialect;
use super::super::form::{Kind, Token};
use super::super::keyword::Keyword;
use super::spell;
use super::walk::Walk;

impl Walk<'_> {
    /// `IS DISTINCT FROM`, `IS NOT DISTINCT FROM`.
    pub(super) fn is_comparison(&self, from: usize) -> bool {
        matches!(self.keyword(from.wrapping_sub(2)), Keyword::Is | Keyword::Not)
    }

    /// `UPDATE`, `INSERT` or `REPLACE` that is a statement's verb rather than an event or a clause.
    pub(super) fn is_verb(&self, index: usize) -> bool {
        use Keyword as K;
        let before = index.wrapping_sub(1);
        let clause = matches!(
            self.keyword(before),
            K::Key
                | K::Do
                | K::On
                | K::Before
                | K::After
                | K::Or
                | K::Instead
                | K::Of
                | K::Then
                | K::Grant
                | K::Revoke
        );
        let locks = self.keyword(before) == K::For && self.first != K::Set;
        !clause
            && !locks
            && !matches!(self.kind(before), Kind::Comma | Kind::Operator | Kind::Dot)
            && self.kind(index + 1) != Kind::Open
    }

    /// `INTO` before a table: always, but of `SELECT` only in PostgreSQL.
    pub(super) fn is_target(&self, index: usize) -> bool {
        use Keyword as K;
        let file = matches!(self.keyword(index + 1), K::Outfile | K::Dumpfile);
        let variables = self.dialect == Dialect::Mysql && self.top.query;
        self.first != K::Fetch && !file && !variables
    }

    /// `WITH` before common table expressions.
    pub(super) fn begins_expressions(&self, index: usize) -> bool {
        use Keyword as K;
        let name = if self.keyword(index + 1) == K::Recursive {
            index + 2
        } else {
            index + 1
        };
        let after = self.kind(name + 1) == Kind::Open || self.keyword(name + 1) == K::As;
        !self.top.query && self.is_word(name) && after
    }

    /// `TABLE` before a table's name.
    pub(super) fn takes_table(&self, index: usize) -> bool {
        use Keyword as K;
        let next = self.keyword(index + 1);
        let of_schema = self.keyword(index.wrapping_sub(1)) == K::All;
        let schemas = self.keyword(index) == K::Tables && !matches!(self.first, K::Lock | K::Flush);
        self.kind(index + 1) != Kind::Open
            && next != K::Status
            && !of_schema
            && !schemas
            && (self.first != K::Comment || self.keyword(index.wrapping_sub(1)) == K::On)
    }

    pub(super) fn is_definition(&self) -> bool {
        matches!(self.first, Keyword::Create | Keyword::Alter | Keyword::Drop)
    }

    /// `LIKE t` in `CREATE TABLE`, rather than in an expression.
    pub(super) fn copies_definition(&self, index: usize) -> bool {
        let before = self.kind(index - 1);
        matches!(before, Kind::Open | Kind::Comma) || self.room.outer.is_empty() && !self.top.query
    }

    /// `ON` of an index, a trigger, a policy, a grant.
    pub(super) fn is_on_table(&self, index: usize) -> bool {
        use Keyword as K;
        let next = self.keyword(index + 1);
        let definition = self.is_definition() && matches!(self.object, K::Index | K::Trigger | K::Policy);
        let kind = matches!(
            next,
            K::Table
                | K::All
                | K::Database
                | K::Schema
                | K::Function
                | K::Procedure
                | K::Routine
                | K::Sequence
                | K::Language
                | K::Tablespace
                | K::Domain
                | K::Type
                | K::Foreign
                | K::Large
                | K::Parameter
        );
        let grant = matches!(self.first, K::Grant | K::Revoke) && !kind && self.is_word(index + 1);
        self.room.outer.is_empty() && !self.top.query && (definition || grant)
    }

    /// A word that could precede a name is the name: nothing that could be one follows.
    pub(super) fn is_name_here(&self, index: usize) -> bool {
        let reserved = self.form.tokens[index].keyword.traits().reserved(self.dialect);
        !reserved && !matches!(self.kind(index + 1), Kind::Word | Kind::Quoted | Kind::Open)
    }

    /// `OJ` of `{OJ a LEFT OUTER JOIN b}`.
    pub(super) fn is_escape_word(&self, index: usize) -> bool {
        let before = self.form.tokens.get(index.wrapping_sub(1));
        before
            .is_some_and(|token| token.kind == Kind::Operator && self.form.spelling(self.text, token) == b"{")
    }

    /// `DUAL`, or the name of a common table expression.
    pub(super) fn is_known(&self, index: usize, end: usize) -> bool {
        let mut name = Vec::new();
        spell(
            self.form,
            self.text,
            &self.form.tokens[index],
            self.dialect,
            &mut name,
        );
        end == index + 1 && self.room.expressions.contains(&name)
    }

    pub(super) fn kind(&self, index: usize) -> Kind {
        self.form
            .tokens
            .get(index)
            .map_or(Kind::Nothing, |token| token.kind)
    }

    pub(super) fn keyword(&self, index: usize) -> Keyword {
        self.form
            .tokens
            .get(index)
            .map_or(Keyword::None, |token| token.keyword)
    }

    pub(super) fn is_word(&self, index: usize) -> bool {
        self.form.tokens.get(index).is_some_and(Token::is_name)
    }
}
