//! Texts with places for values: `/customers/{input.phone}`.

use serde_json::Value;

use crate::exchange::Facts;

/// A text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Names of members, from the outermost inwards.
    Input(Vec<String>, As),
    /// Likewise, of what a lookup found.
    Found(Vec<String>, As),
    Key,
    Interaction,
    /// Unix milliseconds.
    At,
    Secret(String),
    /// Of the mapping's `token`.
    Token,
}

/// How a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum As {
    Itself,
    /// A number as its digits.
    Text,
    /// By the list of words of that name; what is not in it is not there.
    Word(String),
}

/// The name that no list of words may have.
pub(crate) const TEXT: &str = "text";

/// Begins the name of a place that a lookup left empty.
pub(crate) const FOUND: &str = "found/";

/// What is between braces and cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPlace(pub(crate) String);

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, BadPlace> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').ok_or_else(|| BadPlace(format!("{{{after}")))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::parse(place).ok_or_else(|| BadPlace(format!("{{{place}}}")))?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub(crate) fn names_a_secret(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Secret(_)))
    }

    pub(crate) fn names_a_token(&self) -> bool {
        self.0.contains(&Piece::Token)
    }

    pub(crate) fn names_the_found(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Found(..)))
    }

    /// Names of the lists that it takes words of.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Input(_, As::Word(name)) | Piece::Found(_, As::Word(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The value of a template that is one place and nothing else keeps its kind: a number stays one. `None`: nothing is there.
    pub(crate) fn value(&self, facts: &Facts<'_>) -> Option<Value> {
        match self.0.as_slice() {
            [piece] => piece.value(facts),
            _ => self.text(facts, str::to_owned).ok().map(Value::String),
        }
    }

    /// With each value written as `write` does. `Err`: nothing is there; the input's JSON Pointer, [`FOUND`] and a path, or a secret's name.
    pub(crate) fn text(&self, facts: &Facts<'_>, write: fn(&str) -> String) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text += literal,
                // The host puts the secret in, and writes it as it must be there.
                Piece::Secret(_) => text += &piece.value(facts).map(shown).ok_or_else(|| piece.pointer())?,
                place => text += &write(&place.value(facts).map(shown).ok_or_else(|| piece.pointer())?),
            }
        }
        Ok(text)
    }

    /// Whether it is one place, which may be left out where nothing is there.
    pub(crate) fn is_one_place(&self) -> bool {
        matches!(self.0.as_slice(), [piece] if !matches!(piece, Piece::Text(_)))
    }
}

impl Piece {
    fn parse(place: &str) -> Option<Self> {
        if place == "token" {
            return Some(Self::Token);
        }
        let (kind, name) = place.split_once('.')?;
        let is_name = |name: &str| !name.is_empty() && !name.contains(char::is_whitespace);
        match (kind, name) {
            ("input" | "found", path) => {
                let (path, written) = match path.split_once('|') {
                    None => (path, As::Itself),
                    Some((path, TEXT)) => (path, As::Text),
                    Some((path, name)) => (path, As::Word(name.to_owned())),
                };
                let names: Vec<String> = path.split('.').map(str::to_owned).collect();
                let is_right = names.iter().all(|name| is_name(name));
                let of = if kind == "input" { Self::Input } else { Self::Found };
                is_right.then(|| of(names, written))
            }
            ("call", "key") => Some(Self::Key),
            ("call", "interaction") => Some(Self::Interaction),
            ("call", "at") => Some(Self::At),
            ("secret", name) => is_name(name).then(|| Self::Secret(name.to_owned())),
            _ => None,
        }
    }

    fn value(&self, facts: &Facts<'_>) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::String(text.clone())),
            Self::Input(names, written) => written.value(at(&facts.input, names)?, facts),
            Self::Found(names, written) => written.value(at(&facts.found, names)?, facts),
            Self::Key => Some(Value::String(facts.key.clone())),
            Self::Interaction => facts.interaction.clone().map(Value::String),
            Self::At => Some(facts.at_ms.into()),
            Self::Secret(name) => facts.world.secret(name).map(Value::String),
            Self::Token => facts.token.clone().map(Value::String),
        }
    }

    fn pointer(&self) -> String {
        match self {
            Self::Input(names, _) => names.iter().map(|name| format!("/{name}")).collect(),
            Self::Found(names, _) => format!("{FOUND}{}", names.join("/")),
            Self::Secret(name) => name.clone(),
            Self::Token => "token".to_owned(),
            _ => String::new(),
        }
    }
}

impl As {
    fn value(&self, value: &Value, facts: &Facts<'_>) -> Option<Value> {
        match self {
            Self::Itself => Some(value.clone()),
            Self::Text => Some(Value::String(shown(value.clone()))),
            Self::Word(name) => facts.words.get(name)?.get(&shown(value.clone())).cloned().map(Value::String),
        }
    }
}

/// What stands there; nothing where that is `null`.
fn at<'a>(value: &'a Value, names: &[String]) -> Option<&'a Value> {
    let found = names.iter().try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    });
    found.filter(|value| !value.is_null())
}

fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// RFC 3986 §2.1: everything but the unreserved characters.
pub(crate) fn percent(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            written.push(char::from(byte));
        } else {
            written += &format!("%{byte:02X}");
        }
    }
    written
}
