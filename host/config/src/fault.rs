//! What is wrong with configuration files, for the person who has to mend them.

use std::{borrow::Cow, fmt::Write as _, path::PathBuf};

use plugboard_model::flow::Severity;
pub use plugboard_pack::manifest::Place;
use plugboard_phrases::Language;
use serde::Serialize;

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub severity: Severity,
    /// Kebab-case, stable: `unknown-key`.
    pub code: Cow<'static, str>,
    /// As the file was named to us, or relative to the tenant's folder.
    pub file: PathBuf,
    /// `None` where the file as a whole is meant, or is missing.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// The node of a flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub message: String,
    /// One sentence.
    pub remedy: String,
}

/// Whether rendered faults carry ANSI colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Colour,
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn of_file(file: impl Into<PathBuf>, code: &'static str, message: String, remedy: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            file: file.into(),
            place: None,
            node: None,
            message,
            remedy: remedy.into(),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:column: error[code]: message`, the line with a caret, and the remedy.
    pub fn render(&self, style: Style, language: Language) -> String {
        let paint = |text: &str, codes: &str| match style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\x1b[{codes}m{text}\x1b[0m"),
        };
        let (word, colour) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let position =
            self.place.as_ref().map_or_else(String::new, |place| format!(":{}:{}", place.line, place.column));
        let node = self.node.as_ref().map_or_else(String::new, |node| format!("node {node}: "));
        let head = paint(&format!("{}{position}:", self.file.display()), "1");
        let label = paint(&format!("{}[{}]:", language.say(word), self.code), colour);
        let mut out = format!("{head} {label} {node}{}\n", language.say(&self.message));
        if let Some(place) = &self.place {
            let number = place.line.to_string();
            let gutter = " ".repeat(number.len());
            let (before, marked) = split(place);
            let _ = writeln!(out, "  {number} | {}", place.text);
            let _ = writeln!(out, "  {gutter} | {}{}", blank(before), paint(&"^".repeat(width(marked).max(1)), colour));
        }
        let _ = writeln!(out, "  {} {}", paint(&language.say("remedy:"), "36"), language.say(&self.remedy));
        out
    }
}

/// The text before the marked stretch, and the stretch.
fn split(place: &Place) -> (&str, &str) {
    let byte = |characters: usize| place.text.char_indices().nth(characters).map_or(place.text.len(), |(byte, _)| byte);
    let (start, end) = (byte(place.column - 1), byte(place.column - 1 + place.length));
    (&place.text[..start], &place.text[start..end])
}

/// As wide as `text`, tabs kept, so that a caret below stands where it belongs.
fn blank(text: &str) -> String {
    text.chars().map(|c| if c == '\t' { "\t".to_owned() } else { " ".repeat(columns(c)) }).collect()
}

/// Terminal columns that a text takes: Chinese characters take two each.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Terminal columns of a character: two for the wide ranges of Unicode's East Asian Width (UAX #11), else one.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// All faults for a terminal, errors first, then a line that counts them.
pub fn render(faults: &[Fault], style: Style) -> String {
    render_in(faults, style, Language::English)
}

/// As [`render`], for a person who reads `language`.
pub fn render_in(faults: &[Fault], style: Style, language: Language) -> String {
    let mut sorted: Vec<&Fault> = faults.iter().collect();
    sorted.sort_by_key(|fault| {
        (fault.severity, &fault.file, fault.place.as_ref().map(|place| (place.line, place.column)))
    });
    let mut out: String = sorted.iter().map(|fault| fault.render(style, language) + "\n").collect();
    let errors = faults.iter().filter(|fault| fault.is_error()).count();
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    let warnings = faults.len() - errors;
    let _ = match language {
        Language::English => writeln!(out, "{}, {}", count(errors, "error"), count(warnings, "warning")),
        Language::Chinese => writeln!(out, "{}", language.say(&format!("{errors} errors, {warnings} warnings"))),
    };
    out
}
