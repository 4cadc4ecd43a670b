//! Settings by name, and every fault in them at once.

use std::{fmt::Display, str::FromStr};

use crate::{Problem, Setting, Severity};

/// Reads each setting once; what nobody asked for is a fault too.
#[derive(Debug)]
pub struct Settings<'a> {
    given: &'a [Setting],
    asked: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Settings<'a> {
    pub fn new(given: &'a [Setting]) -> Self {
        Self { given, asked: Vec::new(), problems: Vec::new() }
    }

    /// As it stands there.
    pub fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.asked.push(name);
        self.given.iter().find(|setting| setting.name == name).map(|setting| setting.value.trim())
    }

    /// One that there has to be.
    pub fn required(&mut self, name: &'static str, remedy: &str) -> String {
        let text = self.text(name).filter(|text| !text.is_empty());
        if text.is_none() {
            self.fault("missing", name, format!("`{name}` is missing"), remedy);
        }
        text.unwrap_or_default().to_owned()
    }

    /// One of these words.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let known = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if known.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault("bad-word", name, format!("`{name}` is {text:?}"), &format!("write {}", words.join(" or ")));
        }
        known
    }

    /// A number within bounds, both included.
    pub fn number<T: FromStr + PartialOrd + Display>(&mut self, name: &'static str, least: T, most: T) -> Option<T> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
        if number.is_none() {
            let remedy = format!("give a whole number from {least} to {most}");
            self.fault("bad-number", name, format!("`{name}` is {text:?}"), &remedy);
        }
        number
    }

    /// Words between commas or on lines of their own. `None`: not given.
    pub fn list(&mut self, name: &'static str) -> Option<Vec<String>> {
        let text = self.text(name)?;
        let items = text.split([',', '，', '\n']).map(str::trim).filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
    }

    pub fn fault(&mut self, code: &str, name: &str, message: String, remedy: &str) {
        self.problems.push(Problem {
            severity: Severity::Error,
            code: code.to_owned(),
            node: None,
            field: Some(name.to_owned()),
            message,
            remedy: remedy.to_owned(),
            extra: Vec::new(),
        });
    }

    pub fn finish(mut self) -> Vec<Problem> {
        for setting in self.given {
            if !self.asked.contains(&setting.name.as_str()) {
                let (message, known) = (format!("there is no setting {:?}", setting.name), self.asked.join(", "));
                self.fault("unknown-setting", &setting.name, message, &format!("take it out; there are {known}"));
            }
        }
        self.problems
    }
}
