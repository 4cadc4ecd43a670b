//! One text file with what was found wrong in it, and where.

use std::{cell::RefCell, ops::Range, path::PathBuf};

use crate::{Fault, Place};

/// A file that is being read.
pub(crate) struct Sheet {
    /// As it is named in faults.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    faults: RefCell<Vec<Fault>>,
}

/// Most faults of one file; who has that many mends the first ones first.
const MOST_FAULTS: usize = 200;

impl Sheet {
    pub(crate) fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, faults: RefCell::default() }
    }

    pub(crate) fn error(&self, span: Range<usize>, code: &'static str, message: String, remedy: impl Into<String>) {
        self.push(Fault { place: Some(self.place(span)), ..Fault::of_file(self.path.clone(), code, message, remedy) });
    }

    fn push(&self, fault: Fault) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.push(fault);
        }
    }

    pub(crate) fn take_faults(&self) -> Vec<Fault> {
        self.faults.take()
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        place(&self.text, span)
    }
}

/// The line that a stretch of bytes begins on, and the stretch as far as it is on that line.
pub(crate) fn place(text: &str, span: Range<usize>) -> Place {
    let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = floor(span.start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let end = floor(span.end).clamp(start, line_end);
    Place {
        line: before.matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
        length: text[start..end].chars().count().max(1),
        text: text[line_start..line_end].trim_end_matches('\r').to_owned(),
    }
}
