//! Text tables as psql draws them: columns aligned, numbers to the right; or one line a value. Pure text in, text out.

use slowlake_sql::Column;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A cell is never cut to less, however narrow the terminal.
const CELL_WIDTH_MIN: usize = 40;

/// The widths of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    widths: Vec<usize>,
    right: Vec<bool>,
    cell_max: usize,
}

impl Table {
    /// Wide enough for these rows; on a terminal of so many columns, no cell is wider than it.
    pub(super) fn fit(columns: &[Column], rows: &[Vec<String>], terminal: Option<usize>) -> Table {
        let cell_max = terminal.map_or(usize::MAX, |width| width.max(CELL_WIDTH_MIN));
        let width_of = |(i, column): (usize, &Column)| {
            let cells = rows
                .iter()
                .flat_map(|row| row[i].split('\n'))
                .map(UnicodeWidthStr::width);
            cells
                .chain([column.name.width()])
                .max()
                .unwrap_or(0)
                .min(cell_max)
        };
        let widths = columns.iter().enumerate().map(width_of).collect();
        Table {
            widths,
            right: columns.iter().map(|column| column.is_number).collect(),
            cell_max,
        }
    }

    /// The names and the rule below them.
    pub(super) fn head(&self, columns: &[Column], out: &mut String) {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.row(&names, out);
        for (i, width) in self.widths.iter().enumerate() {
            out.push_str(if i == 0 { "-" } else { "-+-" });
            out.extend(std::iter::repeat_n('-', *width));
        }
        out.push_str("-\n");
    }

    /// One row; a cell of several lines makes it as many, with a `+` where one goes on.
    pub(super) fn row(&self, cells: &[String], out: &mut String) {
        let lines: Vec<Vec<&str>> = cells.iter().map(|cell| cell.split('\n').collect()).collect();
        let n_lines = lines.iter().map(Vec::len).max().unwrap_or(1);
        for line in 0..n_lines {
            for (column, cell) in lines.iter().enumerate() {
                let goes_on = line + 1 < cell.len();
                self.cell(column, cell.get(line).copied().unwrap_or(""), goes_on, out);
            }
            out.push('\n');
        }
    }

    fn cell(&self, column: usize, text: &str, goes_on: bool, out: &mut String) {
        let is_last = column + 1 == self.widths.len();
        let text = cut(text, self.cell_max);
        let padding = std::iter::repeat_n(' ', self.widths[column].saturating_sub(text.width()));
        out.push_str(if column == 0 { " " } else { "| " });
        if self.right[column] {
            out.extend(padding);
            out.push_str(&text);
        } else {
            out.push_str(&text);
            // Nothing is aligned behind the last column.
            out.extend(padding.take(if is_last && !goes_on { 0 } else { usize::MAX }));
        }
        match (goes_on, is_last) {
            (true, _) => out.push('+'),
            (false, false) => out.push(' '),
            (false, true) => {}
        }
    }
}

/// One row as a line for each value.
pub(super) fn expanded(number: u64, columns: &[Column], cells: &[String], out: &mut String) {
    let width = columns
        .iter()
        .map(|column| column.name.width())
        .max()
        .unwrap_or(0);
    let title = format!("-[ row {number} ]");
    out.push_str(&title);
    out.extend(std::iter::repeat_n('-', (width + 3).saturating_sub(title.len())));
    out.push('\n');
    for (column, cell) in columns.iter().zip(cells) {
        for (i, line) in cell.split('\n').enumerate() {
            let name = if i == 0 { column.name.as_str() } else { "" };
            out.push_str(name);
            out.extend(std::iter::repeat_n(' ', width - name.width()));
            out.push_str(" | ");
            out.push_str(line);
            out.push('\n');
        }
    }
}

/// The beginning of a text that is too wide, with an ellipsis.
fn cut(text: &str, width_max: usize) -> String {
    if text.width() <= width_max {
        return text.to_owned();
    }
    let mut width = 1;
    let mut short = String::new();
    for c in text.chars() {
        width += c.width().unwrap_or(0);
        if width > width_max {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, is_number| Column {
            name: name.to_owned(),
            sql_type: String::new(),
            is_number,
        };
        vec![
            column("name", false),
            column("calls", true),
            column("last", false),
        ]
    }

    fn draw(rows: &[[&str; 3]], terminal: Option<usize>) -> String {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let table = Table::fit(&columns(), &rows, terminal);
        let mut out = String::new();
        table.head(&columns(), &mut out);
        rows.iter().for_each(|row| table.row(row, &mut out));
        out
    }

    #[test]
    fn aligned_by_display_width() {
        let drawn = draw(&[["é", "1", "x"], ["日本", "123456", "longer"]], None);
        let expected = " name |  calls | last\n\
                        ------+--------+--------\n \
                        é    |      1 | x\n \
                        日本 | 123456 | longer\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn cells_of_several_lines() {
        let drawn = draw(&[["a\nlonger", "1", "x\ny"]], None);
        let expected = [
            " name   | calls | last",
            "--------+-------+------",
            " a     +|     1 | x   +",
            " longer |       | y",
        ];
        assert_eq!(drawn.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn wide_cells_are_cut_on_a_terminal_only() {
        let wide = "x".repeat(100);
        assert!(draw(&[[&wide, "1", ""]], None).contains(&wide));
        let cut = draw(&[[&wide, "1", ""]], Some(60));
        assert!(cut.contains(&format!(" {}… | ", "x".repeat(59))), "{cut}");
    }

    #[test]
    fn one_line_a_value() {
        let mut out = String::new();
        expanded(
            1,
            &columns(),
            &["a".to_owned(), "2".to_owned(), "b\nc".to_owned()],
            &mut out,
        );
        assert_eq!(out, "-[ row 1 ]\nname  | a\ncalls | 2\nlast  | b\n      | c\n");
    }
}
