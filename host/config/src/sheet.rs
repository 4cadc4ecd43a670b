//! One text file with what was found wrong in it, and where.

use std::{cell::RefCell, ops::Range, path::PathBuf};

use plugboard_pack::manifest::place;

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
