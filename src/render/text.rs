//! The summary for a terminal: the answer first, aligned, with units; colour only helps.

mod coverage;
mod query;
mod sections;

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::render::markdown::shorten;
use crate::render::quantity::{duration, percent, plural, time};
use crate::summary::{Breakdown, Slot, Summary};

/// What the terminal can do, and how much to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style<'s> {
    /// Width in columns.
    pub(crate) columns: usize,
    /// Whether to colour.
    pub(crate) color: bool,
    /// Whether the table of skipped and rejected bytes is asked for.
    pub(crate) coverage: bool,
    /// Whether every query is shown in full.
    pub(crate) in_full: bool,
    /// Sections that are asked for in full.
    pub(crate) sections: &'s [String],
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The whole report.
pub(crate) fn render(summary: &Summary, style: &Style<'_>) -> String {
    let mut page = Page {
        out: String::new(),
        style,
    };
    // Writing to a String cannot fail.
    let _ = page.summary(summary);
    page.out
}

struct Page<'p> {
    out: String,
    style: &'p Style<'p>,
}

impl Page<'_> {
    fn summary(&mut self, summary: &Summary) -> std::fmt::Result {
        let title = self.strong(&summary.title);
        writeln!(self.out, "{title}")?;
        for input in &summary.inputs {
            self.wrapped("", input)?;
        }
        if let Some((_, words)) = &summary.read_from {
            self.wrapped("", &format!("read from {words}"))?;
        }
        if let Some((first, last)) = summary.window {
            let servers = summary.servers_in_words();
            let servers = servers.map_or_else(String::new, |words| format!("   {words}"));
            writeln!(
                self.out,
                "{} → {} UTC   {}{servers}",
                time(first),
                time(last),
                duration(last - first)
            )?;
        }
        writeln!(self.out)?;
        if summary.calls > 0 {
            self.totals(summary)?;
            self.queries(summary)?;
        }
        self.sections(&summary.sections)?;
        self.coverage(&summary.coverage)?;
        self.next(&summary.next)
    }

    fn totals(&mut self, summary: &Summary) -> std::fmt::Result {
        let latency = &summary.latency;
        let totals = format!(
            "{}   {}   {} database time   p50 {}   p95 {}   p99 {}   max {}",
            plural(summary.calls, "execution"),
            plural(summary.shapes as i64, "query shape"),
            duration(summary.database_time_us()),
            duration(latency.p50_us),
            duration(latency.p95_us),
            duration(latency.p99_us),
            duration(latency.max_us),
        );
        self.wrapped("  ", &totals)?;
        if summary.is_sampled {
            let text = format!(
                "the server logs one execution in so many: in fact about {}, {} database time; order, shares and averages are by that",
                plural(summary.estimated_calls, "execution"),
                duration(summary.estimated_total_us),
            );
            self.wrapped("  ", &text)?;
        }
        if summary.nested.0 > 0 {
            let text = format!(
                "{} inside stored routines whose call is logged as well: their {} are not added to the database time",
                plural(summary.nested.0, "execution"),
                duration(summary.nested.1),
            );
            self.wrapped("  ", &text)?;
        }
        if let Some(line) = timeline(&summary.timeline, self.style.columns.saturating_sub(60)) {
            writeln!(self.out, "  time  {line}")?;
        }
        for breakdown in &summary.by {
            let line = format!("{:<12}{}", breakdown.name, parts(breakdown, 5));
            let line = shorten(&printable(&line), self.style.columns.saturating_sub(2));
            writeln!(self.out, "  {line}")?;
        }
        writeln!(self.out)
    }

    fn queries(&mut self, summary: &Summary) -> std::fmt::Result {
        let header = format!(
            "{:>3} {:>8} {:>10} {:>10} {:>8} {:>8} {:>8} {:>10}  query (by {})",
            "#", "share", "time", "calls", "p50", "p95", "p99", "max", summary.order
        );
        let header = self.strong(&header);
        writeln!(self.out, "{header}")?;
        for query in &summary.queries {
            self.query(query)?;
        }
        if summary.left_out.0 > 0 {
            let more = format!(
                "    … and {}, {} database time; --limit shows more",
                plural(summary.left_out.0 as i64, "more query shape"),
                duration(summary.left_out.1)
            );
            let more = self.faint(&more);
            writeln!(self.out, "{more}")?;
        }
        writeln!(self.out)
    }

    fn next(&mut self, next: &[(String, String)]) -> std::fmt::Result {
        let width = next
            .iter()
            .map(|(command, _)| command.width())
            .max()
            .unwrap_or(0)
            .min(64);
        for (at, (command, purpose)) in next.iter().enumerate() {
            let label = if at == 0 { "next" } else { "" };
            writeln!(self.out, "{label:<6}{command:<width$}  {}", self.faint(purpose))?;
        }
        Ok(())
    }

    /// A text in as many lines as it takes.
    fn wrapped(&mut self, before: &str, text: &str) -> std::fmt::Result {
        for line in wrapped(&printable(text), self.style.columns - before.len()) {
            writeln!(self.out, "{before}{line}")?;
        }
        Ok(())
    }

    fn strong(&self, text: &str) -> String {
        self.colored(text, "1")
    }

    fn faint(&self, text: &str) -> String {
        self.colored(text, "2")
    }

    fn warning(&self, text: &str) -> String {
        self.colored(text, "33")
    }

    fn colored(&self, text: &str, code: &str) -> String {
        if self.style.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

fn parts(breakdown: &Breakdown, most: usize) -> String {
    let total_us = breakdown.total_us();
    let share = |us: i64| {
        if total_us == 0 {
            0.0
        } else {
            us as f64 / total_us as f64
        }
    };
    let each = |part: &crate::summary::Part| {
        let name = if part.name.is_empty() {
            "(none)"
        } else {
            part.name.as_str()
        };
        if breakdown.parts.len() == 1 {
            name.to_owned()
        } else {
            format!("{name} {}", percent(share(part.total_us)))
        }
    };
    let mut list: Vec<String> = breakdown.parts.iter().take(most).map(each).collect();
    if breakdown.parts.len() > most {
        list.push(format!("{} more", breakdown.parts.len() - most));
    }
    list.join(", ")
}

fn timeline(slots: &[Slot], room: usize) -> Option<String> {
    if slots.len() < 2 {
        return None;
    }
    let merge = slots.len().div_ceil(room.clamp(10, 120));
    let sums: Vec<i64> = slots
        .chunks(merge)
        .map(|chunk| chunk.iter().map(|slot| slot.total_us).sum())
        .collect();
    let length_us = slots[0].length_us * merge as i64;
    let (at, most) = sums
        .iter()
        .enumerate()
        .max_by_key(|(at, sum)| (**sum, std::cmp::Reverse(*at)))?;
    let peak = slots[at * merge].start_us;
    Some(format!(
        "{}  each {}, peak {} UTC: {:.1} average active sessions",
        bars(&sums),
        duration(length_us)
            .trim_end_matches(" 00 s")
            .trim_end_matches(" 00 m")
            .trim_end_matches(" 00 h"),
        &time(peak)[..16],
        *most as f64 / length_us as f64,
    ))
}

pub(crate) fn bars(values: &[i64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let bar = |value: &i64| {
        if *value == 0 {
            '·'
        } else {
            BARS[((*value as f64 / most * 7.999) as usize).min(7)]
        }
    };
    values.iter().map(bar).collect()
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

/// Lines of at most `room` columns, cut between words, but never after a digit: a number stays with its unit.
pub(crate) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut piece = String::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        piece.push_str(word);
        if words.peek().is_some() && word.ends_with(|c: char| c.is_ascii_digit()) {
            piece.push(' ');
            continue;
        }
        match lines.last_mut() {
            Some(line) if line.width() + 1 + piece.width() <= room => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(piece.clone()),
        }
        piece.clear();
    }
    lines
}

/// Control characters of a log must not reach a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_words_but_not_between_a_number_and_its_unit() {
        assert_eq!(wrapped("one two  three", 8), ["one two ", "three"]);
        assert_eq!(
            wrapped("took 1.69 s in 3 629 files", 12),
            ["took 1.69 s", "in", "3 629 files"]
        );
        assert_eq!(wrapped("unbreakable", 4), ["unbreakable"]);
    }
}
