//! A TOML text with what was found wrong in it: tables are read key by key, keys that nobody asks for are reported in the end.

use std::{cell::RefCell, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{ManifestFault, Place, Wrong};
use crate::archive::is_deceptive;

/// Most faults of one manifest; who has that many mends the first ones first.
const MOST_FAULTS: usize = 100;

/// A value with where it stands.
pub(super) type At<T> = (T, Range<usize>);

pub(super) struct Sheet<'a> {
    file: &'a str,
    pub(super) text: &'a str,
    faults: RefCell<Vec<(usize, ManifestFault)>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faults: RefCell::default() }
    }

    pub(super) fn wrong(&self, span: Range<usize>, wrong: Wrong) {
        let fault = ManifestFault { wrong, file: self.file.to_owned(), place: Some(place(self.text, span.clone())) };
        self.push(span.start, fault);
    }

    /// What a file is wrong with, told where the manifest names it unless it has a place of its own.
    pub(super) fn wrong_file(&self, named_at: Range<usize>, mut fault: ManifestFault) {
        if fault.file == self.file {
            fault.place = Some(place(self.text, named_at.clone()));
        }
        self.push(named_at.start, fault);
    }

    fn push(&self, at: usize, fault: ManifestFault) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.push((at, fault));
        }
    }

    /// How much was found wrong so far.
    pub(super) fn count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// In the order of the text.
    pub(super) fn into_faults(self) -> Vec<ManifestFault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|(at, _)| *at);
        faults.into_iter().map(|(_, fault)| fault).collect()
    }

    /// `None` if the text is no TOML, which is reported.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            // The library's words come on several lines where it quotes.
            let reason = error.message().lines().next().unwrap_or("this is no TOML").to_owned();
            self.wrong(error.span().unwrap_or(0..0), Wrong::NotToml { reason });
        }
        errors.is_empty().then_some(table)
    }
}

/// The line that a stretch of bytes begins on, and the stretch as far as it is on that line.
pub fn place(text: &str, span: Range<usize>) -> Place {
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
        text: text[line_start..line_end].trim_end_matches('\r').chars().map(tame).collect(),
    }
}

fn tame(c: char) -> char {
    if c != '\t' && is_deceptive(c) { '\u{fffd}' } else { c }
}

/// One table.
pub(super) struct Table<'a, 's> {
    table: &'a DeTable<'a>,
    /// In messages: `a component`.
    what: &'static str,
    /// The key or header that opens it.
    span: Range<usize>,
    pub(super) sheet: &'s Sheet<'a>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a, 's> Table<'a, 's> {
    pub(super) fn new(table: &'a DeTable<'a>, what: &'static str, span: Range<usize>, sheet: &'s Sheet<'a>) -> Self {
        Self { table, what, span, sheet, asked: RefCell::default() }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// As [`Self::get`], and reported if it is not there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn needs(&self, key: &'static str, example: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.get(key);
        if value.is_none() {
            self.sheet.wrong(self.span(), Wrong::MissingKey { table: self.what, key, example });
        }
        value
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    pub(super) fn wrong_type(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &'static str,
        example: &'static str,
    ) {
        let wrong = Wrong::WrongType { key: key.to_owned(), found: kind(value.get_ref()), wanted, example };
        self.sheet.wrong(value.span(), wrong);
    }

    pub(super) fn text(&self, key: &'static str, example: &'static str) -> Option<At<&'a str>> {
        self.text_of(key, self.get(key)?, example)
    }

    /// As [`Self::text`], and reported if it is not there.
    pub(super) fn needed_text(&self, key: &'static str, example: &'static str) -> Option<At<&'a str>> {
        self.text_of(key, self.needs(key, example)?, example)
    }

    pub(super) fn text_of(
        &self,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        example: &'static str,
    ) -> Option<At<&'a str>> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, value, "text", example);
        }
        Some((text?, value.span()))
    }

    /// At most `most` texts.
    pub(super) fn texts_of(
        &self,
        key: &'static str,
        value: &'a Spanned<DeValue<'a>>,
        most: usize,
        example: &'static str,
    ) -> Vec<At<&'a str>> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts", example);
            return Vec::new();
        };
        if items.len() > most {
            self.sheet.wrong(value.span(), Wrong::TooMany { what: key, count: items.len(), most });
            return Vec::new();
        }
        items.iter().filter_map(|item| self.text_of(key, item, example)).collect()
    }

    pub(super) fn texts(&self, key: &'static str, most: usize, example: &'static str) -> Vec<At<&'a str>> {
        self.get(key).map(|value| self.texts_of(key, value, most, example)).unwrap_or_default()
    }

    /// A table below this one.
    pub(super) fn table(&self, key: &'static str, what: &'static str, example: &'static str) -> Option<Self> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, "a table", example);
            return None;
        };
        Some(Self::new(table, what, self.span_of(key), self.sheet))
    }

    /// All keys with their values, whatever they are called.
    pub(super) fn entries(&self) -> impl Iterator<Item = (At<&'a str>, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.table.iter().map(|(key, value)| ((key.get_ref().as_ref(), key.span()), value))
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Where the key itself stands: a table's own span may be that of all its lines.
    fn span_of(&self, key: &str) -> Range<usize> {
        self.table.keys().find(|found| found.get_ref() == key).map_or_else(|| self.span(), Spanned::span)
    }

    /// Reports keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.asked.take();
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let wrong = Wrong::UnknownKey { table: self.what, key: shown(key.get_ref()), known: known.clone() };
            self.sheet.wrong(key.span(), wrong);
        }
    }
}

/// What an author wrote, as far as it is quoted in a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).map(tame).collect()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
