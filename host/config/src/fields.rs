//! Reads the keys of one TOML table and keeps account of what is wrong with them; keys that nobody asks for are reported in the end.

use std::{cell::RefCell, collections::BTreeMap, fmt::Display, ops::Range, path::Path, str::FromStr, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{duration, sheet::Sheet, suggest::instead};

/// Bytes of a file that a setting names.
const MOST_BYTES: u64 = 1 << 20;

/// A value with where it stands.
pub(crate) type At<T> = (T, Range<usize>);

/// The table of a whole file; `None` if the text is no TOML, which is reported.
pub(crate) fn parse(sheet: &Sheet) -> Option<Spanned<DeTable<'_>>> {
    let (table, errors) = DeTable::parse_recoverable(&sheet.text);
    for error in &errors {
        let remedy = if error.message().contains("duplicate key") {
            "give each name once; join the two or rename one"
        } else if error.message().contains("unquoted key") {
            "put a name with other letters than a-z in double quotes: \"客服\""
        } else {
            "mend the TOML here; texts stand in double quotes, lists in brackets"
        };
        sheet.error(error.span().unwrap_or(0..0), "not-toml", error.message().to_owned(), remedy);
    }
    errors.is_empty().then_some(table)
}

pub(crate) struct Fields<'a> {
    table: &'a DeTable<'a>,
    /// In messages: `a queue`.
    what: &'static str,
    /// The key or header that opens the table.
    span: Range<usize>,
    pub(crate) sheet: &'a Sheet,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(table: &'a DeTable<'a>, what: &'static str, span: Range<usize>, sheet: &'a Sheet) -> Self {
        Self { table, what, span, sheet, asked: RefCell::default() }
    }

    /// Each table in a table of tables, with its name; other values are reported.
    pub(crate) fn each(table: &'a DeTable<'a>, what: &'static str, sheet: &'a Sheet) -> Vec<(&'a str, Self)> {
        let mut all = Vec::new();
        for (key, value) in table {
            match value.get_ref() {
                DeValue::Table(inner) => all.push((key.get_ref().as_ref(), Self::new(inner, what, key.span(), sheet))),
                other => sheet.error(
                    key.span(),
                    "wrong-type",
                    format!("{} stands where {what} belongs", kind(other)),
                    format!("write a table for {what}: [{}]", key.get_ref()),
                ),
            }
        }
        all
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(crate) fn get(&self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(name);
        self.table.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Says that a key is missing, at the table's head.
    pub(crate) fn missing(&self, name: &str, remedy: &str) {
        self.sheet.error(self.span(), "missing-key", format!("{} needs `{name}`", self.what), remedy);
    }

    fn wrong(&self, name: &str, value: &Spanned<DeValue<'_>>, wanted: &str, remedy: String) {
        let message = format!("`{name}` is {}; it takes {wanted}", kind(value.get_ref()));
        self.sheet.error(value.span(), "wrong-type", message, remedy);
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<At<&'a str>> {
        let value = self.get(name)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            let shown = plain(value.get_ref());
            self.wrong(name, value, "text", format!("put it in double quotes: {name} = \"{shown}\""));
        }
        Some((text?, value.span()))
    }

    /// Text that is there and not empty.
    pub(crate) fn required_text(&self, name: &'static str, remedy: &str) -> Option<At<&'a str>> {
        if !self.table.contains_key(name) {
            self.asked.borrow_mut().push(name);
            self.missing(name, remedy);
            return None;
        }
        let (text, span) = self.text(name)?;
        if text.is_empty() {
            self.sheet.error(span, "missing-key", format!("`{name}` is empty"), remedy);
            return None;
        }
        Some((text, span))
    }

    /// Text that another type reads, with that type's own words on what is wrong.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str, remedy: &str) -> Option<At<T>> {
        let (text, span) = self.text(name)?;
        Some((self.parse_at(name, text, span.clone(), remedy)?, span))
    }

    fn parse_at<T: FromStr<Err: Display>>(
        &self,
        name: &str,
        text: &str,
        span: Range<usize>,
        remedy: &str,
    ) -> Option<T> {
        let parsed = text.parse();
        parsed
            .map_err(|error: T::Err| {
                // Some errors quote the text themselves.
                let reason = error.to_string();
                let message = if reason.contains(text) { reason } else { format!("`{name}` is {text:?}: {reason}") };
                self.sheet.error(span, "bad-value", message, remedy);
            })
            .ok()
    }

    /// A list of texts, each read by another type.
    pub(crate) fn list<T: FromStr<Err: Display>>(&self, name: &'static str, remedy: &str) -> Option<Vec<T>> {
        let value = self.get(name)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(name, value, "a list", format!("put it in brackets: {name} = [\"{}\"]", plain(value.get_ref())));
            return None;
        };
        let read = |item: &Spanned<DeValue<'_>>| match item.get_ref().as_str() {
            Some(text) => self.parse_at(name, text, item.span(), remedy),
            None => {
                self.wrong(name, item, "texts", format!("put each in double quotes: \"{}\"", plain(item.get_ref())));
                None
            }
        };
        Some(items.iter().filter_map(read).collect())
    }

    pub(crate) fn flag(&self, name: &'static str) -> Option<bool> {
        let value = self.get(name)?;
        let DeValue::Boolean(yes) = value.get_ref() else {
            self.wrong(name, value, "true or false", format!("write {name} = true or {name} = false"));
            return None;
        };
        Some(*yes)
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn integer<T: TryFrom<i64>>(&self, name: &'static str, (least, most): (i64, i64)) -> Option<T> {
        let value = self.get(name)?;
        let remedy = || format!("give a whole number from {least} to {most}");
        let Some(number) = integer(value.get_ref()) else {
            self.wrong(name, value, "a whole number", remedy());
            return None;
        };
        let fits = (least..=most).contains(&number);
        if !fits {
            self.sheet.error(value.span(), "out-of-range", format!("`{name}` is {number}"), remedy());
        }
        T::try_from(number).ok().filter(|_| fits)
    }

    /// Two whole numbers from 1 to 65,535, the first not above the second.
    pub(crate) fn ports(&self, name: &'static str) -> Option<At<(u16, u16)>> {
        let value = self.get(name)?;
        let numbers: Option<Vec<u16>> = value.get_ref().as_array().and_then(|items| {
            items.iter().map(|item| integer(item.get_ref()).and_then(|number| u16::try_from(number).ok())).collect()
        });
        match numbers.as_deref() {
            Some([first, last]) if *first > 0 && first < last => Some(((*first, *last), value.span())),
            _ => {
                let message = format!("`{name}` is no range of ports");
                self.sheet.error(value.span(), "bad-value", message, format!("write {name} = [16384, 32767]"));
                None
            }
        }
    }

    /// `1m30s`, at most `most`.
    pub(crate) fn duration(&self, name: &'static str, most: Duration) -> Option<Duration> {
        let value = self.get(name)?;
        let shown = plain(value.get_ref());
        let parsed = value.get_ref().as_str().and_then(duration::parse);
        match parsed {
            None => {
                let example = if integer(value.get_ref()).is_some_and(|number| number >= 0) || is_bare_number(&shown) {
                    format!("write the unit: {name} = \"{shown}s\"")
                } else {
                    format!("write numbers with their units, like {name} = \"20s\", \"1m30s\", \"500ms\" or \"2h\"")
                };
                self.sheet.error(
                    value.span(),
                    "bad-duration",
                    format!("`{name}` is {shown}, which is no duration"),
                    example,
                );
                None
            }
            Some(long) if long > most => {
                let most = duration::written(u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
                self.sheet.error(
                    value.span(),
                    "out-of-range",
                    format!("`{name}` is {shown}"),
                    format!("give at most {most}"),
                );
                None
            }
            parsed => parsed,
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (text, span) = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let remedy = instead(text, words.iter().map(|(word, _)| *word));
            self.sheet.error(span, "unknown-word", format!("`{name}` cannot be {text:?}"), remedy);
        }
        found
    }

    /// One of a few words for each name: `{ carrier = "off" }`.
    pub(crate) fn words<N: FromStr<Err: Display>, T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
        remedy: &str,
    ) -> Vec<(N, T)> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(name, value, "a word for each name", remedy.to_owned());
            return Vec::new();
        };
        let read = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
            let id = self.parse_at(name, key_text, key.span(), remedy);
            let text = if let DeValue::String(text) = value.get_ref() { text.as_ref() } else { "" };
            let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            if found.is_none() {
                let message = format!("`{key_text}` cannot be {}", plain(value.get_ref()));
                let remedy = instead(text, words.iter().map(|(word, _)| *word));
                self.sheet.error(value.span(), "unknown-word", message, remedy);
            }
            Some((id?, found?))
        };
        table.iter().filter_map(read).collect()
    }

    /// Whole numbers by name: `{ english = 5 }`.
    pub(crate) fn levels<T: FromStr<Err: Display>>(&self, name: &'static str) -> Vec<(T, u8)> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let remedy = "write a level from 1 to 10 for each skill: { english = 5 }";
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(name, value, "a level for each skill", remedy.to_owned());
            return Vec::new();
        };
        let read = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
            let skill = self.parse_at(name, key_text, key.span(), remedy);
            let level = integer(value.get_ref()).filter(|level| (1..=10).contains(level));
            if level.is_none() {
                let message = format!("the level of `{key_text}` is {}", plain(value.get_ref()));
                self.sheet.error(value.span(), "out-of-range", message, remedy);
            }
            Some((skill?, u8::try_from(level?).ok()?))
        };
        table.iter().filter_map(read).collect()
    }

    /// A table below this one.
    pub(crate) fn table(&self, name: &'static str, what: &'static str) -> Option<Self> {
        let value = self.get(name)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(name, value, "a table", format!("write [{name}] and its keys below it"));
            return None;
        };
        Some(Fields::new(table, what, value.span(), self.sheet))
    }

    pub(crate) fn is_table(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// Each table of this one, with its name.
    pub(crate) fn every(&self, what: &'static str) -> Vec<(&'a str, Self)> {
        Self::each(self.table, what, self.sheet)
    }

    /// Texts by name; numbers and truths are taken as they are written.
    pub(crate) fn settings(&self, name: &'static str) -> BTreeMap<String, String> {
        self.texts(name, None)
    }

    /// As [`Self::settings`]; `{ file = "crm.json" }` stands for what a file of `folder` holds.
    pub(crate) fn texts(&self, name: &'static str, folder: Option<&Path>) -> BTreeMap<String, String> {
        let Some(value) = self.get(name) else { return BTreeMap::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(name, value, "a value for each setting", format!("write {name} = {{ name = \"value\" }}"));
            return BTreeMap::new();
        };
        let read = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(truth) => truth.to_string(),
                DeValue::Float(number) => number.to_string(),
                number if integer(number).is_some() => integer(number)?.to_string(),
                DeValue::Table(inner) if folder.is_some() => {
                    return Some((key.to_string(), self.file_named(inner, value.span(), folder?)?));
                }
                _ => {
                    self.wrong(key, value, "one value", format!("write one text or number: {key} = \"…\""));
                    return None;
                }
            };
            Some((key.to_string(), text))
        };
        table.iter().filter_map(read).collect()
    }

    fn file_named(&self, table: &DeTable<'_>, span: Range<usize>, folder: &Path) -> Option<String> {
        let path = table.get("file").filter(|_| table.len() == 1).and_then(|path| path.get_ref().as_str());
        let Some(path) = path else {
            let message = "one value or one file belongs here".to_owned();
            self.sheet.error(span, "wrong-type", message, "write a text, or { file = \"crm.json\" }");
            return None;
        };
        let read = std::fs::metadata(folder.join(path)).and_then(|about| match about.len() {
            0..=MOST_BYTES => std::fs::read_to_string(folder.join(path)),
            _ => Err(std::io::ErrorKind::FileTooLarge.into()),
        });
        read.map_err(|error| {
            let remedy = "name a UTF-8 text of at most 1 MiB beside this file";
            self.sheet.error(span, "unreadable", format!("{path:?} cannot be read: {error}"), remedy);
        })
        .ok()
    }

    /// Tables written as `[[name]]`.
    pub(crate) fn tables(&self, name: &'static str, what: &'static str) -> Vec<Self> {
        let Some(value) = self.get(name) else { return Vec::new() };
        let items = value.get_ref().as_array().map(|items| items.iter()).unwrap_or_default();
        let tables: Vec<_> = items
            .filter_map(|item| match item.get_ref() {
                DeValue::Table(table) => Some(Fields::new(table, what, item.span(), self.sheet)),
                _ => None,
            })
            .collect();
        if value.get_ref().as_array().is_none_or(|items| items.len() != tables.len()) {
            self.wrong(name, value, "a list of tables", format!("write [[{name}]] before each"));
        }
        tables
    }

    /// A secret as text, as `NAME_env` (an environment variable) or as `NAME_file` (its first line, relative to `folder`).
    pub(crate) fn secret(&self, names: [&'static str; 3], folder: &Path) -> Option<At<String>> {
        let [plain, variable, file] = names.map(|name| self.text(name));
        let given = [&plain, &variable, &file].into_iter().flatten().count();
        if given > 1 {
            let message = format!("{} has its secret more than once", self.what);
            self.sheet.error(self.span(), "two-secrets", message, format!("keep one of {}", names.join(", ")));
        }
        if let Some((text, span)) = plain {
            return Some((text.to_owned(), span));
        }
        if let Some((name, span)) = variable {
            let found = std::env::var(name).ok().filter(|secret| !secret.is_empty());
            if found.is_none() {
                let message = format!("the environment variable {name} is not set");
                self.sheet.error(span.clone(), "no-secret", message, format!("set {name} where the program starts"));
            }
            return Some((found?, span));
        }
        let (path, span) = file?;
        let read = std::fs::read_to_string(folder.join(path));
        let line = match &read {
            Ok(text) => text.lines().next().unwrap_or_default().trim(),
            Err(_) => "",
        };
        if line.is_empty() {
            let reason = read.as_ref().err().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
            let message = format!("cannot read a secret from {path:?}: {reason}");
            self.sheet.error(span, "no-secret", message, "put the secret on the file's first line");
            return None;
        }
        Some((line.to_owned(), span))
    }

    /// Reports keys that nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|key| !asked.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let remedy = instead(name, asked.iter().copied());
            self.sheet.error(key.span(), "unknown-key", format!("{} has no `{name}`", self.what), remedy);
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn is_bare_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A value as it may be quoted in a message.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.chars().take(60).collect(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => "…".to_owned(),
    }
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
