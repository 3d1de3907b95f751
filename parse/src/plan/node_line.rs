//! One line of the text format that stands for a node: `Index Scan using orders_pkey on orders o  (cost=… rows=… width=…) (actual …)`.

use memchr::memmem;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::digit1;
use nom::combinator::{eof, opt, recognize};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use super::PlanNode;
use super::draft::{Printed, number};

/// What such a line says.
#[derive(Debug, Default)]
pub(super) struct NodeLine {
    name: String,
    schema: String,
    relation: String,
    index: String,
    numbers: Numbers,
}

#[derive(Debug, Clone, Copy, Default)]
struct Numbers {
    total_cost: f64,
    estimated_rows: f64,
    printed: Printed,
}

impl NodeLine {
    /// Reads a line without indentation and arrow; `None` when it is no node's.
    pub(super) fn read(line: &[u8]) -> Option<NodeLine> {
        if !line.first()?.is_ascii_uppercase() {
            return None;
        }
        // A quoted name may hold anything, so look for the last one.
        let end = memmem::rfind(line, b"  (cost=")?;
        let numbers = numbers(&line[end..]).ok()?.1;
        let mut node = NodeLine {
            numbers,
            ..NodeLine::default()
        };
        node.head(&line[..end])?;
        node.settle();
        Some(node)
    }

    pub(super) fn fill(self, node: &mut PlanNode, printed: &mut Printed) {
        node.name = self.name;
        node.schema = self.schema;
        node.relation = self.relation;
        node.index = self.index;
        node.total_cost = Some(self.numbers.total_cost);
        node.estimated_rows = Some(self.numbers.estimated_rows.round() as i64);
        *printed = self.numbers.printed;
    }

    /// Words of the name, perhaps `using` an index, perhaps `on` something. What follows that is an alias.
    fn head(&mut self, mut text: &[u8]) -> Option<()> {
        loop {
            let (rest, word) = word(text).ok()?;
            match word {
                b"using" => {
                    let (rest, index) = identifier(rest.strip_prefix(b" ")?)?;
                    self.index = index;
                    text = rest;
                }
                b"on" => {
                    let (rest, name) = identifier(rest.strip_prefix(b" ")?)?;
                    self.relation = name;
                    if let Some(rest) = rest.strip_prefix(b".") {
                        let (_, name) = identifier(rest)?;
                        self.schema = std::mem::replace(&mut self.relation, name);
                    }
                    return Some(());
                }
                _ => {
                    if !self.name.is_empty() {
                        self.name.push(' ');
                    }
                    self.name.push_str(&String::from_utf8_lossy(word));
                    text = rest;
                }
            }
            match text.strip_prefix(b" ") {
                Some(rest) => text = rest,
                None => return text.is_empty().then_some(()),
            }
        }
    }

    /// Two kinds of node put something else where others have a relation.
    fn settle(&mut self) {
        if self.name.ends_with("Bitmap Index Scan") {
            self.index = std::mem::take(&mut self.relation);
        } else if self.name.ends_with("Subquery Scan") || self.name.ends_with("Values Scan") {
            self.relation.clear(); // an alias
        }
    }
}

/// A word of a node's name; the provider of a custom scan stands in parentheses.
fn word(text: &[u8]) -> IResult<&[u8], &[u8]> {
    let letters = || take_while1(|byte: u8| byte.is_ascii_alphabetic());
    let provider = || take_while1(|byte: u8| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte));
    alt((letters(), recognize(delimited(tag("("), provider(), tag(")"))))).parse(text)
}

/// A name, quoted as in SQL if need be, and what follows it.
fn identifier(text: &[u8]) -> Option<(&[u8], String)> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text
            .iter()
            .position(|byte| b" .".contains(byte))
            .unwrap_or(text.len());
        return (end > 0).then(|| (&text[end..], String::from_utf8_lossy(&text[..end]).into_owned()));
    };
    let mut name = Vec::new();
    loop {
        let end = memchr::memchr(b'"', rest)?;
        name.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(after) => {
                name.push(b'"');
                rest = after;
            }
            None => return Some((rest, String::from_utf8_lossy(&name).into_owned())),
        }
    }
}

/// The end of the line, from the two spaces on.
fn numbers(text: &[u8]) -> IResult<&[u8], Numbers> {
    let cost = (
        range("  (cost="),
        preceded(tag(" rows="), decimal),
        preceded(tag(" width="), decimal),
    );
    let times = (opt(range(" (actual time=")), alt((tag(" (actual"), tag(""))));
    let counts = (
        preceded(tag(" rows="), decimal),
        preceded(tag(" loops="), decimal),
    );
    let measured =
        (times, terminated(counts, tag(")"))).map(|((time_ms, _), (rows, loops))| (time_ms, rows, loops));
    let never = tag(" (never executed)").map(|_| (None, 0.0, 0.0));
    let (rest, ((total_cost, estimated_rows, _), _, actual, _)) =
        (cost, tag(")"), opt(alt((never, measured))), eof).parse(text)?;
    let mut numbers = Numbers {
        total_cost,
        estimated_rows,
        printed: Printed::default(),
    };
    if let Some((time_ms, rows, loops)) = actual {
        numbers.printed.time_ms = time_ms;
        numbers.printed.rows = Some(rows);
        numbers.printed.loops = Some(loops);
    }
    Ok((rest, numbers))
}

/// The second of the two numbers after `start`: what is complete rather than begun.
fn range<'t>(
    start: &'static str,
) -> impl Parser<&'t [u8], Output = f64, Error = nom::error::Error<&'t [u8]>> {
    (tag(start), decimal, tag(".."), decimal).map(|(_, _, _, total)| total)
}

fn decimal(text: &[u8]) -> IResult<&[u8], f64> {
    recognize(pair(digit1, opt(pair(tag("."), digit1))))
        .map(|digits| number(digits).unwrap_or(f64::MAX))
        .parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_aliases_are_not() {
        let check = |line: &str, expect: [&str; 4]| {
            let line = format!("{line}  (cost=0.43..8.45 rows=1 width=8)");
            let node = NodeLine::read(line.as_bytes()).unwrap();
            assert_eq!(
                [&*node.name, &*node.schema, &*node.relation, &*node.index],
                expect,
                "{line}"
            );
        };
        check("Result", ["Result", "", "", ""]);
        check("Seq Scan on orders o", ["Seq Scan", "", "orders", ""]);
        check(
            "Seq Scan on public.orders \"an \"\"o\"",
            ["Seq Scan", "public", "orders", ""],
        );
        check(
            "Index Only Scan Backward using a on b.c",
            ["Index Only Scan Backward", "b", "c", "a"],
        );
        check(
            "Index Scan using \"on (x\" on \"a.b\".\"c\"\"d\"",
            ["Index Scan", "a.b", "c\"d", "on (x"],
        );
        check(
            "Parallel Bitmap Heap Scan on t",
            ["Parallel Bitmap Heap Scan", "", "t", ""],
        );
        check("Bitmap Index Scan on t_a", ["Bitmap Index Scan", "", "", "t_a"]);
        check("Values Scan on \"*VALUES*\"", ["Values Scan", "", "", ""]);
        check("Subquery Scan on x", ["Subquery Scan", "", "", ""]);
        check(
            "Custom Scan (Chunk_Append 2) on m",
            ["Custom Scan (Chunk_Append 2)", "", "m", ""],
        );
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "Result",
            "result  (cost=0.00..1.00 rows=1 width=4)",
            "Filter: (a = 1)  (cost=0.00..1.00 rows=1 width=4)",
            "Result (cost=0.00..1.00 rows=1 width=4)",
            "Result  (cost=0.00..1.00 rows=1 width=4) x",
            "Result  (cost=0.00..1.00 rows=1 width=4) (actual time=0.00..1.00 rows=1)",
            "Result  (cost=0.00..1.00 rows=-1 width=4)",
            "Seq Scan on  (cost=0.00..1.00 rows=1 width=4)",
            "Seq Scan on \"t  (cost=0.00..1.00 rows=1 width=4)",
        ] {
            assert!(NodeLine::read(line.as_bytes()).is_none(), "{line:?}");
        }
    }
}
