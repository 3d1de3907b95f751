//! `log_line_prefix`: a setting of the server to a matcher of the beginnings of its log lines. Only beginnings: messages are read elsewhere,
//! and which prefix a log has is found out in [`infer`].

pub(crate) mod infer;
pub(crate) mod languages;

use memchr::memchr;

use crate::entry::Severity;
use crate::postgres::message::english_severity;
use crate::search::find_short;
use crate::timestamp::{TimestampReader, epoch, number};

/// How far into a line its prefix may reach. Names in PostgreSQL have at most 63 bytes each.
pub(crate) const PREFIX_BYTES_MAX: usize = 1024;
/// How many ways to cut one prefix into fields are tried: names may contain what separates them.
const ATTEMPTS_MAX: u32 = 256;

/// A `log_line_prefix` that log lines are matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    setting: String,
    tokens: Vec<Token>,
    /// Given by the user: a line that has another prefix is a reject, not an occasion to guess.
    insisted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(Vec<u8>),
    Field(Field),
    /// `%q`: processes without a session stop here.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    Epoch,
    Pid,
    User,
    Database,
    Application,
    /// `%r` and `%h`: a host, perhaps with a port.
    Client,
    QueryId,
    /// `%x`: a transaction id, 0 without one.
    Transaction,
    /// `%e`: five letters and digits.
    SqlState,
    /// `%b`: what kind of process it is.
    Backend,
    /// A time that is not when the line was written (`%s`).
    OtherTime,
    /// Digits, perhaps none.
    Digits,
    /// Anything; not kept.
    Text,
}

/// What a label says of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// The first line of an event. Of a word of another language nobody knows how severe it is.
    Main(Option<Severity>),
    /// More about the event before.
    Part(Part),
    /// More about the event before that nobody keeps: `QUERY:`, `LOCATION:`, `BACKTRACE:`.
    OtherPart,
}

/// What a follow-up line says about its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Detail,
    Hint,
    Context,
    Statement,
}

impl Part {
    pub(crate) const COUNT: usize = 4;
}

/// The beginning of one line, read. Ranges are offsets in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) label: Label,
    /// Where the message begins.
    pub(crate) message: usize,
    pub(crate) time_us: Option<i64>,
    pub(crate) pid: Option<i64>,
    pub(crate) query_id: Option<i64>,
    /// 0 is none.
    pub(crate) transaction_id: Option<i64>,
    pub(crate) sql_state: (u16, u16),
    pub(crate) backend: (u16, u16),
    pub(crate) user: (u16, u16),
    pub(crate) database: (u16, u16),
    pub(crate) application: (u16, u16),
    pub(crate) client: (u16, u16),
}

impl Head {
    fn new(label: Label) -> Head {
        let none = (0, 0);
        Head {
            label,
            message: 0,
            time_us: None,
            pid: None,
            query_id: None,
            transaction_id: None,
            sql_state: none,
            backend: none,
            user: none,
            database: none,
            application: none,
            client: none,
        }
    }
}

impl Prefix {
    /// The prefix of a setting as in `postgresql.conf`. Unknown escapes print nothing, as in the server.
    pub fn new(setting: &str) -> Prefix {
        Prefix {
            insisted: true,
            ..Prefix::guessed(setting)
        }
    }

    /// Like [`Prefix::new`], but lines that do not match are read as well as they can be.
    pub(crate) fn guessed(setting: &str) -> Prefix {
        Prefix {
            setting: setting.to_owned(),
            tokens: tokens(setting.as_bytes()),
            insisted: false,
        }
    }

    /// The setting, as in `postgresql.conf`.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    pub(crate) fn is_insisted(&self) -> bool {
        self.insisted
    }

    /// The head of a line; `None` when the line does not begin with this prefix and a label.
    pub(crate) fn head(&self, line: &[u8], time: &mut TimestampReader) -> Option<Head> {
        let mut matcher = Matcher {
            line: &line[..line.len().min(PREFIX_BYTES_MAX)],
            head: Head::new(Label::OtherPart),
            time,
            attempts_left: ATTEMPTS_MAX,
        };
        matcher.tokens(&self.tokens, 0).then_some(matcher.head)
    }
}

struct Matcher<'m> {
    line: &'m [u8],
    head: Head,
    time: &'m mut TimestampReader,
    attempts_left: u32,
}

impl Matcher<'_> {
    /// Whether `tokens` and then a label stand at `at`; fills the head.
    fn tokens(&mut self, mut tokens: &[Token], mut at: usize) -> bool {
        while let Some((token, rest)) = tokens.split_first() {
            match token {
                Token::Literal(literal) => {
                    if !self.line[at..].starts_with(literal) {
                        return false;
                    }
                    at += literal.len();
                }
                Token::Stop => {
                    if self.label(at) {
                        return true;
                    }
                }
                Token::Field(field) => match self.fixed(*field, at) {
                    Fixed::Read(end) => at = end,
                    Fixed::No => return false,
                    Fixed::Text => return self.text(*field, rest, at),
                },
            }
            tokens = rest;
        }
        self.label(at)
    }

    fn label(&mut self, at: usize) -> bool {
        match label(&self.line[at..]) {
            Some((label, length)) => {
                (self.head.label, self.head.message) = (label, at + length);
                true
            }
            None => false,
        }
    }

    /// A field whose end its own shape tells.
    fn fixed(&mut self, field: Field, at: usize) -> Fixed {
        let rest = &self.line[at..];
        match field {
            Field::Time | Field::OtherTime => match self.time.postgres(rest) {
                Some((us, length)) => {
                    if field == Field::Time && self.head.time_us.is_none() {
                        self.head.time_us = Some(us);
                    }
                    Fixed::Read(at + length)
                }
                None => Fixed::No,
            },
            Field::Epoch => match epoch(rest) {
                Some((us, length)) => {
                    self.head.time_us.get_or_insert(us);
                    Fixed::Read(at + length)
                }
                None => Fixed::No,
            },
            Field::Pid => match digits(rest) {
                0 => Fixed::No,
                n => {
                    self.head.pid = number(&rest[..n]);
                    Fixed::Read(at + n)
                }
            },
            Field::Digits => Fixed::Read(at + digits(rest)),
            Field::QueryId => {
                let sign = usize::from(rest.first() == Some(&b'-'));
                let end = sign + digits(&rest[sign..]);
                self.head.query_id = std::str::from_utf8(&rest[..end])
                    .ok()
                    .and_then(|text| text.parse().ok());
                Fixed::Read(at + end)
            }
            Field::Transaction => {
                let length = digits(rest);
                self.head.transaction_id = number(&rest[..length]);
                Fixed::Read(at + length)
            }
            Field::SqlState => match rest.get(..5) {
                Some(code) if is_sql_state(code) => {
                    self.head.sql_state = (at as u16, at as u16 + 5);
                    Fixed::Read(at + 5)
                }
                _ => Fixed::No,
            },
            Field::User
            | Field::Database
            | Field::Application
            | Field::Client
            | Field::Backend
            | Field::Text => Fixed::Text,
        }
    }

    /// A field that ends where what follows it matches: the shortest such.
    fn text(&mut self, field: Field, rest: &[Token], at: usize) -> bool {
        let anchor = match rest.first() {
            Some(Token::Literal(literal)) => Some(literal.as_slice()),
            _ => None,
        };
        let mut end = at;
        loop {
            if self.attempts_left == 0 {
                return false;
            }
            self.attempts_left -= 1;
            if let Some(literal) = anchor {
                match find_short(&self.line[end..], literal) {
                    Some(distance) => end += distance,
                    None => return false,
                }
            }
            // Hosts have no spaces; every other name may.
            if field == Field::Client && self.line[at..end].contains(&b' ') {
                return false;
            }
            if self.tokens(rest, end) {
                self.capture(field, at, end);
                return true;
            }
            end += 1;
            if end > self.line.len() {
                return false;
            }
        }
    }

    fn capture(&mut self, field: Field, start: usize, end: usize) {
        let value = self.line[start..end].trim_ascii();
        let start = start + (self.line[start..end].len() - self.line[start..end].trim_ascii_start().len());
        // A line's prefix is at most PREFIX_BYTES_MAX long, so both fit.
        let range = (start as u16, (start + value.len()) as u16);
        match field {
            Field::User => self.head.user = range,
            Field::Database => self.head.database = range,
            Field::Application => self.head.application = range,
            Field::Backend => self.head.backend = range,
            Field::Client => {
                // `10.0.0.5(48418)`: the port says nothing about the client.
                let host = memchr(b'(', value).map_or(value.len(), |at| at);
                self.head.client = (range.0, range.0 + host as u16);
            }
            _ => {}
        }
    }
}

enum Fixed {
    Read(usize),
    No,
    Text,
}

/// A label (`LOG:  `) at the beginning of `text`, and its length with the spaces. A word of another language counts as a severity when two
/// spaces follow, as the server always writes.
pub(crate) fn label(text: &[u8]) -> Option<(Label, usize)> {
    let colon = memchr(b':', &text[..text.len().min(40)])?;
    let word = &text[..colon];
    let spaces = text[colon + 1..]
        .iter()
        .take(2)
        .take_while(|b| **b == b' ')
        .count();
    let ends_line = matches!(text.get(colon + 1), None | Some(b'\n' | b'\r'));
    if spaces == 0 && !ends_line {
        return None;
    }
    let label = match word {
        b"DETAIL" => Label::Part(Part::Detail),
        b"HINT" => Label::Part(Part::Hint),
        b"CONTEXT" => Label::Part(Part::Context),
        b"STATEMENT" => Label::Part(Part::Statement),
        b"QUERY" | b"LOCATION" | b"BACKTRACE" => Label::OtherPart,
        _ => match english_severity(word) {
            Some(severity) => Label::Main(Some(severity)),
            // French has a space before the colon, and one behind it.
            None => match word.strip_suffix(b" ") {
                Some(word) => languages::follow_up(word)?,
                None if spaces < 2 && !ends_line => return None,
                None => foreign_label(word)?,
            },
        },
    };
    Some((label, colon + 1 + spaces))
}

/// A label in a language other than English; a word that nobody here knows is taken for a severity.
fn foreign_label(word: &[u8]) -> Option<Label> {
    // Most of what stands before a colon is something else: the names of a session, say.
    if word.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    if let Some(severity) = languages::severity(word) {
        return Some(Label::Main(Some(severity)));
    }
    languages::follow_up(word).or_else(|| is_foreign_word(word).then_some(Label::Main(None)))
}

fn is_sql_state(code: &[u8]) -> bool {
    code.len() == 5 && code.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_foreign_word(word: &[u8]) -> bool {
    (2..=36).contains(&word.len()) && word.iter().all(|b| b.is_ascii_uppercase() || *b >= 0x80)
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn tokens(setting: &[u8]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let literal = |tokens: &mut Vec<Token>, byte: u8| match tokens.last_mut() {
        Some(Token::Literal(bytes)) => bytes.push(byte),
        _ => tokens.push(Token::Literal(vec![byte])),
    };
    let mut bytes = setting.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            literal(&mut tokens, byte);
            continue;
        }
        // `%-10u`: padding is spaces around the value, which are trimmed.
        let mut padded = false;
        let escape = loop {
            match bytes.next() {
                Some(b'-' | b'0'..=b'9') => padded = true,
                other => break other,
            }
        };
        let field = match escape {
            Some(b'%') => {
                literal(&mut tokens, b'%');
                continue;
            }
            Some(b'q') => {
                tokens.push(Token::Stop);
                continue;
            }
            Some(b't' | b'm') => Field::Time,
            Some(b's') => Field::OtherTime,
            Some(b'n') => Field::Epoch,
            Some(b'p') if !padded => Field::Pid,
            Some(b'l' | b'P') if !padded => Field::Digits,
            Some(b'x') if !padded => Field::Transaction,
            Some(b'e') if !padded => Field::SqlState,
            Some(b'b') => Field::Backend,
            Some(b'Q') if !padded => Field::QueryId,
            Some(b'u') => Field::User,
            Some(b'd') => Field::Database,
            Some(b'a') => Field::Application,
            Some(b'r' | b'h') => Field::Client,
            Some(b'L' | b'i' | b'e' | b'c' | b'v' | b'p' | b'l' | b'P' | b'x' | b'Q') => Field::Text,
            _ => continue,
        };
        tokens.push(Token::Field(field));
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(setting: &str, line: &str, expect: Option<[&str; 5]>) {
        let head = Prefix::new(setting).head(line.as_bytes(), &mut TimestampReader::new(None));
        let found = head.map(|head| {
            let text = |range: (u16, u16)| line[range.0 as usize..range.1 as usize].to_owned();
            [
                head.pid.map(|pid| pid.to_string()).unwrap_or_default(),
                text(head.user),
                text(head.database),
                text(head.application),
                text(head.client),
            ]
        });
        assert_eq!(
            found,
            expect.map(|fields| fields.map(str::to_owned)),
            "{setting} on {line}"
        );
    }

    #[test]
    fn session_and_background_lines() {
        let setting = "%m [%p] %q%u@%d/%a %h ";
        let line = "2026-11-23 00:27:18.272 UTC [42] app@shop/web app [local] LOG:  duration: 1 ms";
        check(setting, line, Some(["42", "app", "shop", "web app", "[local]"]));
        check(
            setting,
            "2026-11-23 00:27:18.272 UTC [42] LOG:  checkpoint starting: time",
            Some(["42", "", "", "", ""]),
        );
        check(setting, "2026-11-23 00:27:18.272 UTC LOG:  no pid", None);
    }

    #[test]
    fn names_that_contain_the_separator() {
        check(
            "%m [%p] %u@%d ",
            "2026-11-23 00:27:18 UTC [1] a@b@shop LOG:  x",
            Some(["1", "a", "b@shop", "", ""]),
        );
        check(
            "%t user=%u,app=%a ",
            "2026-11-23 00:27:18 UTC user=x,app=a b LOG: LOG:  x",
            Some(["", "x", "", "a b", ""]),
        );
    }

    #[test]
    fn other_settings() {
        check(
            "%t:%r:%u@%d:[%p]:",
            "2026-11-23 00:27:16 UTC:10.0.0.5(48418):u@d:[26938]:LOG:  x",
            Some(["26938", "u", "d", "", "10.0.0.5"]),
        );
        check(
            "%t-%c-",
            "2026-07-02 03:00:06 UTC-6a45d422.1513f3-LOG:  x",
            Some(["", "", "", "", ""]),
        );
        check(
            "%n <%-6p> %Q|",
            "1795393638.272 <42    > -77|ERROR:  x",
            Some(["", "", "", "", ""]),
        );
        check("", "LOG:  x", Some(["", "", "", "", ""]));
    }

    #[test]
    fn labels() {
        assert_eq!(label(b"LOG:  x"), Some((Label::Main(Some(Severity::Log)), 6)));
        assert_eq!(label(b"DETAIL:  x"), Some((Label::Part(Part::Detail), 9)));
        assert_eq!(
            label("СООБЩЕНИЕ:  x".as_bytes()).map(|l| l.0),
            Some(Label::Main(Some(Severity::Log)))
        );
        assert_eq!(
            label("ANYWORD:  x".as_bytes()).map(|l| l.0),
            Some(Label::Main(None))
        );
        assert_eq!(
            label(b"FEHLER:  x").map(|l| l.0),
            Some(Label::Main(Some(Severity::Error)))
        );
        assert_eq!(
            label(b"INSTRUCTION : x"),
            Some((Label::Part(Part::Statement), 14))
        );
        assert_eq!(
            label("ПОДСКАЗКА:  x".as_bytes()).map(|l| l.0),
            Some(Label::Part(Part::Hint))
        );
        assert_eq!(label(b"postgres LOG:  x"), None);
        assert_eq!(label(b"note: x"), None);
    }
}
