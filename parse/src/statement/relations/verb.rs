//! What a statement does: its verb.
//!
//! One word; two for definitions and where one says too little (`LOAD DATA`). Of a `WITH`, or a
//! `SET STATEMENT`, it is the main statement's.

use super::super::form::{Form, Kind};
use super::super::keyword::Keyword;

/// So many tokens after `CREATE` its object is looked for.
const OBJECT_WITHIN: usize = 24;

/// Writes the verb of a form in upper case; nothing if it has no words.
pub(super) fn find(form: &Form, text: &[u8], verb: &mut String) {
    use Keyword as K;
    verb.clear();
    let begin = begin(form);
    let Some(first) = form.tokens.get(begin).filter(|token| token.is_name()) else {
        return;
    };
    let main = match first.keyword {
        K::With => main(form, begin),
        K::Set => behind_settings(form, text, begin).unwrap_or(begin),
        _ => begin,
    };
    push(form, text, main, verb);
    let next = form.tokens.get(main + 1).map_or(K::None, |token| token.keyword);
    match first.keyword {
        K::Create | K::Alter | K::Drop => {
            if let Some(object) = object_index(form, begin) {
                push(form, text, object, verb);
            }
        }
        K::Load | K::Rename | K::Start | K::Unlock => push(form, text, main + 1, verb),
        K::Lock if next == K::Tables => push(form, text, main + 1, verb),
        K::None if is_administration(form, text, begin) => push(form, text, main + 1, verb),
        _ => {}
    }
}

/// The first token of the statement behind opening brackets and a prefix such as `autovacuum:`.
pub(super) fn begin(form: &Form) -> usize {
    let mut begin = 0;
    let prefix = form
        .tokens
        .first()
        .is_some_and(|token| token.keyword == Keyword::None && token.is_name())
        && form
            .tokens
            .get(1)
            .is_some_and(|token| token.kind == Kind::Operator && token.end - token.start == 1)
        && form
            .tokens
            .get(2)
            .is_some_and(|token| token.keyword != Keyword::None);
    if prefix {
        begin = 2;
    }
    while form
        .tokens
        .get(begin)
        .is_some_and(|token| token.kind == Kind::Open)
    {
        begin += 1;
    }
    begin
}

/// The kind of thing a definition is about.
pub(super) fn object(form: &Form, begin: usize) -> Keyword {
    let definition = form
        .tokens
        .get(begin)
        .is_some_and(|token| matches!(token.keyword, Keyword::Create | Keyword::Alter | Keyword::Drop));
    if !definition {
        return Keyword::None;
    }
    object_index(form, begin).map_or(Keyword::None, |index| form.tokens[index].keyword)
}

fn object_index(form: &Form, begin: usize) -> Option<usize> {
    use Keyword as K;
    let is_object = |keyword: Keyword| {
        matches!(
            keyword,
            K::Table
                | K::Index
                | K::View
                | K::Database
                | K::Schema
                | K::Function
                | K::Procedure
                | K::Trigger
                | K::Event
                | K::User
                | K::Role
                | K::Sequence
                | K::Type
                | K::Domain
                | K::Extension
                | K::Server
                | K::Tablespace
                | K::Publication
                | K::Subscription
                | K::Policy
                | K::Rule
                | K::Language
                | K::Aggregate
                | K::Operator
                | K::Cast
                | K::Collation
                | K::Conversion
                | K::Statistics
                | K::System
                | K::Routine
        )
    };
    let to = form.tokens.len().min(begin + OBJECT_WITHIN);
    let candidates = begin + 1..to;
    candidates
        .clone()
        .find(|&index| is_object(form.tokens[index].keyword))
        .or_else(|| candidates.clone().next())
}

/// The main statement behind common table expressions.
fn main(form: &Form, begin: usize) -> usize {
    use Keyword as K;
    let mut depth = 0usize;
    for (index, token) in form.tokens.iter().enumerate().skip(begin) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let verb = matches!(
            token.keyword,
            K::Select | K::Insert | K::Update | K::Delete | K::Merge | K::Values | K::Table | K::Replace
        );
        if depth == 0 && verb {
            return index;
        }
    }
    begin
}

/// The statement behind `SET STATEMENT x = 1 FOR`.
fn behind_settings(form: &Form, text: &[u8], begin: usize) -> Option<usize> {
    let word = form.tokens.get(begin + 1)?;
    if !form.spelling(text, word).eq_ignore_ascii_case(b"statement") {
        return None;
    }
    let tokens = form.tokens.iter().enumerate().skip(begin);
    let mut verbs = tokens.filter(|(_, token)| token.keyword == Keyword::For);
    verbs.next().map(|(index, _)| index + 1)
}

/// `administrator command: ...`, which MySQL logs for what is no SQL.
fn is_administration(form: &Form, text: &[u8], begin: usize) -> bool {
    let spells = |index: usize, word: &[u8]| {
        form.tokens
            .get(index)
            .is_some_and(|token| form.spelling(text, token).eq_ignore_ascii_case(word))
    };
    spells(begin, b"administrator") && spells(begin + 1, b"command")
}

fn push(form: &Form, text: &[u8], index: usize, verb: &mut String) {
    let Some(token) = form.tokens.get(index).filter(|token| token.is_name()) else {
        return;
    };
    if !verb.is_empty() {
        verb.push(' ');
    }
    if token.keyword == Keyword::None {
        verb.push_str(&String::from_utf8_lossy(form.spelling(text, token)).to_uppercase());
    } else {
        verb.extend(token.keyword.text().chars().map(|char| char.to_ascii_uppercase()));
    }
}
