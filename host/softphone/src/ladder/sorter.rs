//! Lines of several sources, in the order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Line, What};

/// More than a screen can show; beyond it the earliest is given out at once.
const MOST_HELD: usize = 4_096;

/// Holds each line back a little, because what happened first may be told last: phones and host tell from threads of their own.
#[derive(Clone, Debug)]
pub struct Sorter {
    patience: Duration,
    held: BTreeMap<(Duration, u64), What>,
    pushed: u64,
}

impl Sorter {
    /// A line comes out `patience` after its time; 100 ms is more than enough within one machine.
    pub fn new(patience: Duration) -> Self {
        Self { patience, held: BTreeMap::new(), pushed: 0 }
    }

    pub fn push(&mut self, line: Line) {
        self.pushed += 1;
        self.held.insert((line.at, self.pushed), line.what);
    }

    /// The earliest line whose time has come; call until `None`. Lines of the same time keep their order.
    pub fn poll_line(&mut self, now: Duration) -> Option<Line> {
        let ((at, number), _) = self.held.first_key_value()?;
        if *at + self.patience > now && self.held.len() <= MOST_HELD {
            return None;
        }
        let (at, number) = (*at, *number);
        self.held.remove(&(at, number)).map(|what| Line { at, what })
    }

    /// When to ask again.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.held.first_key_value().map(|((at, _), _)| *at + self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Column;
    use super::*;

    #[test]
    fn line_that_is_told_late_still_stands_in_its_place() {
        let mut sorter = Sorter::new(Duration::from_millis(100));
        for (at, text) in [(5, "second"), (200, "third"), (1, "first")] {
            let what = What::Note { column: Column::Plugboard, text: text.into() };
            sorter.push(Line { at: Duration::from_millis(at), what });
        }
        let mut shown = Vec::new();
        for now in [100, 105, 299, 300] {
            while let Some(line) = sorter.poll_line(Duration::from_millis(now)) {
                let What::Note { text, .. } = line.what else { panic!() };
                shown.push((now, text));
            }
        }
        assert_eq!(shown, [(105, "first".into()), (105, "second".to_owned()), (300, "third".to_owned())]);
    }
}
