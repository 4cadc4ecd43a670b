//! Reads the fields of one JSON object and keeps account of what is wrong with them.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value as Json};

use crate::contract::exports::plugboard::plugin::common::{Problem, Severity};

/// Most problems reported at once; who has that many mends the first ones first.
const MAX_PROBLEMS: usize = 1_000;

/// All that is wrong with a document.
#[derive(Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(crate) fn push(&self, at: &Place<'_>, severity: Severity, code: &str, message: String, remedy: &str) {
        let mut all = self.0.borrow_mut();
        if all.len() < MAX_PROBLEMS {
            all.push(Problem {
                severity,
                code: code.into(),
                node: at.node.map(Into::into),
                field: Some(at.pointer.clone()),
                message,
                remedy: remedy.into(),
                extra: Vec::new(),
            });
        }
    }

    pub(crate) fn error(&self, at: &Place<'_>, code: &str, message: String, remedy: &str) {
        self.push(at, Severity::Error, code, message, remedy);
    }

    pub(crate) fn warn(&self, at: &Place<'_>, code: &str, message: String, remedy: &str) {
        self.push(at, Severity::Warning, code, message, remedy);
    }

    /// Errors first, then by node; else in the order in which they were found.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut all = self.0.into_inner();
        all.sort_by(|a, b| {
            let rank = |problem: &Problem| (problem.severity != Severity::Error, problem.node.clone());
            rank(a).cmp(&rank(b))
        });
        all
    }
}

/// Where in the document: a JSON Pointer, and the node that it belongs to.
#[derive(Clone)]
pub(crate) struct Place<'a> {
    pub(crate) node: Option<&'a str>,
    pub(crate) pointer: String,
}

impl Place<'_> {
    pub(crate) fn child(&self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { node: self.node, pointer: format!("{}/{step}", self.pointer) }
    }
}

/// One object while it is read: what nobody asked for is reported at the end as a likely slip of the pen.
pub(crate) struct Fields<'a> {
    pub(crate) place: Place<'a>,
    object: &'a Map<String, Json>,
    asked: RefCell<Vec<&'static str>>,
    pub(crate) problems: &'a Problems,
    sound: Cell<bool>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(object: &'a Map<String, Json>, place: Place<'a>, problems: &'a Problems) -> Self {
        Self { place, object, asked: RefCell::default(), problems, sound: Cell::new(true) }
    }

    /// The object at `json`, or a problem.
    pub(crate) fn at(json: &'a Json, place: Place<'a>, problems: &'a Problems) -> Option<Self> {
        let Json::Object(object) = json else {
            problems.error(
                &place,
                "wrong-type",
                format!("{} stands where an object belongs", kind(json)),
                "write { … }",
            );
            return None;
        };
        Some(Self::new(object, place, problems))
    }

    /// The value, asked for by name; null is as good as absent.
    pub(crate) fn get(&self, name: &'static str) -> Option<&'a Json> {
        self.asked.borrow_mut().push(name);
        self.object.get(name).filter(|json| !json.is_null())
    }

    /// Of a field; of the object itself where the name is empty.
    pub(crate) fn place_of(&self, name: &str) -> Place<'a> {
        if name.is_empty() {
            return self.place.clone();
        }
        Place { node: self.place.node, pointer: self.place.child(name).pointer }
    }

    /// Reports and remembers that this object cannot be used.
    pub(crate) fn error(&self, name: &str, code: &str, message: String, remedy: &str) {
        self.problems.error(&self.place_of(name), code, message, remedy);
        self.sound.set(false);
    }

    fn wrong_type(&self, name: &str, json: &Json, wanted: &str) {
        self.error(
            name,
            "wrong-type",
            format!("{} stands where {wanted} belongs", kind(json)),
            "give a value of that type",
        );
    }

    pub(crate) fn missing(&self, name: &str, what: &str) {
        self.error(name, "missing-field", format!("`{name}` is missing"), what);
    }

    pub(crate) fn text(&self, name: &'static str) -> Option<&'a str> {
        let json = self.get(name)?;
        if json.as_str().is_none() {
            self.wrong_type(name, json, "text");
        }
        json.as_str().filter(|text| {
            let fits = text.len() <= 4_096;
            if !fits {
                self.error(name, "out-of-range", format!("{} bytes of text", text.len()), "at most 4096 bytes");
            }
            fits
        })
    }

    pub(crate) fn required_text(&self, name: &'static str, remedy: &str) -> Option<&'a str> {
        let text = self.text(name);
        if !self.object.contains_key(name) || text == Some("") {
            self.missing(name, remedy);
            return None;
        }
        text
    }

    pub(crate) fn bool(&self, name: &'static str, default: bool) -> bool {
        match self.get(name) {
            None => default,
            Some(Json::Bool(yes)) => *yes,
            Some(json) => {
                self.wrong_type(name, json, "true or false");
                default
            }
        }
    }

    /// A whole number within bounds, or the default.
    pub(crate) fn number(&self, name: &'static str, bounds: (u32, u32), default: u32) -> u32 {
        self.optional_number(name, bounds).unwrap_or(default)
    }

    pub(crate) fn optional_number(&self, name: &'static str, (least, most): (u32, u32)) -> Option<u32> {
        let json = self.get(name)?;
        let Some(number) = json.as_i64() else {
            self.wrong_type(name, json, "a whole number");
            return None;
        };
        let inside = u32::try_from(number).ok().filter(|number| (least..=most).contains(number));
        if inside.is_none() {
            self.error(name, "out-of-range", format!("`{name}` is {number}"), &format!("give {least} to {most}"));
        }
        inside
    }

    /// Keys of a telephone.
    pub(crate) fn keys(&self, name: &'static str, default: &str) -> String {
        let keys = self.text(name).unwrap_or(default);
        if keys.chars().any(|key| !is_key(key)) || keys.len() > 16 {
            self.error(name, "bad-key", format!("{keys:?} holds what is no key"), "use 0-9, *, # and A-D");
        }
        keys.into()
    }

    pub(crate) fn key(&self, name: &'static str) -> Option<char> {
        let keys = self.keys(name, "");
        if keys.len() > 1 {
            self.error(name, "bad-key", format!("{keys:?} is more than one key"), "give one key");
        }
        keys.chars().next()
    }

    /// Whether nothing wrong was found; reports what nobody asked for.
    pub(crate) fn finish(self) -> bool {
        let asked = self.asked.borrow();
        for name in self.object.keys().filter(|name| !asked.contains(&name.as_str())) {
            let place = self.place_of(name);
            let remedy = format!("known here: {}", asked.join(", "));
            self.problems.warn(&place, "unknown-field", format!("nothing reads `{name}`"), &remedy);
        }
        self.sound.get()
    }
}

pub(crate) fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

pub(crate) fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
