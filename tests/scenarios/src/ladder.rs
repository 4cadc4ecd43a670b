//! What happened, drawn: one column for each party, time downwards.

use std::{fmt::Write as _, time::Duration};

const WIDTH: usize = 22;
const MARGIN: usize = 10;

/// Parties beyond the known columns are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ladder {
    columns: Vec<String>,
    rows: String,
}

impl Ladder {
    pub(crate) fn with_columns(columns: &[&str]) -> Self {
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let mut head = format!("{:<MARGIN$}", "m:s");
        for name in &columns {
            let _ = write!(head, "{name:<WIDTH$}");
        }
        Self { rows: format!("{}\n", head.trim_end()), columns }
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.columns.is_empty()
    }

    pub(crate) fn arrow(&mut self, at: Duration, from: &str, to: &str, label: &str) {
        let column = |name: &str| self.columns.iter().position(|column| column == name);
        let (Some(from), Some(to)) = (column(from), column(to)) else { return };
        let (left, right) = (from.min(to), from.max(to));
        let mut line = String::new();
        for index in 0..self.columns.len() {
            if index == left && left < right {
                let span = (right - left) * WIDTH - 1;
                let label: String = label.chars().take(span - 3).collect();
                let fill = "-".repeat(span - 1 - label.chars().count());
                let arrow = if to > from { format!("-{label}{}>", &fill[1..]) } else { format!("<{label}{fill}") };
                let _ = write!(line, "|{arrow:<span$}");
            } else if index > left && index < right {
            } else {
                let _ = write!(line, "{:<WIDTH$}", "|");
            }
        }
        self.row(at, &line);
    }

    /// A word about one party.
    pub(crate) fn note(&mut self, at: Duration, party: &str, note: &str) {
        let Some(index) = self.columns.iter().position(|column| column == party) else { return };
        let mut line = String::new();
        for column in 0..self.columns.len() {
            if column == index {
                let room = if column + 1 == self.columns.len() { note.chars().count() + 2 } else { WIDTH };
                let _ = write!(line, "{:<room$}", format!("* {note}"));
                if note.chars().count() + 2 > WIDTH {
                    break;
                }
            } else {
                let _ = write!(line, "{:<WIDTH$}", "|");
            }
        }
        self.row(at, &line);
    }

    fn row(&mut self, at: Duration, line: &str) {
        let (minutes, seconds) = (at.as_secs() / 60, at.as_secs() % 60);
        let _ = writeln!(self.rows, "{minutes:02}:{seconds:02}.{:03} {}", at.subsec_millis(), line.trim_end());
    }

    pub(crate) fn text(&self) -> &str {
        &self.rows
    }
}
