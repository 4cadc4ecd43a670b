//! Prompts and templates of a document.

use serde_json::Value as Json;

use crate::{
    document::{Piece, Prompt, Source, Template, Value},
    fields::{Fields, kind},
    kinds::Scope,
};

pub(crate) fn required_prompt(fields: &Fields<'_>, name: &'static str, scope: &Scope<'_>) -> Option<Prompt> {
    if fields.get(name).is_none() {
        fields.missing(name, "say what to play: \"welcome.wav\", or { \"zh-CN\": …, \"en\": … }");
        return None;
    }
    prompt(fields, name, scope)
}

/// One source, a list of them, or either by language.
pub(crate) fn prompt(fields: &Fields<'_>, name: &'static str, scope: &Scope<'_>) -> Option<Prompt> {
    match fields.get(name)? {
        Json::Object(by_language) if !by_language.is_empty() && by_language.keys().all(|key| is_language(key)) => {
            for language in scope.languages.iter().filter(|language| !by_language.contains_key(*language)) {
                let message = format!("the prompt is missing in {language}");
                fields.error(name, "missing-language", message, "add it, or take the language out of `languages`");
            }
            let read =
                |(language, json): (&String, &Json)| Some((language.clone(), sources(fields, name, json, scope)?));
            by_language.iter().map(read).collect::<Option<Vec<_>>>().map(Prompt)
        }
        json => Some(Prompt(vec![(String::new(), sources(fields, name, json, scope)?)])),
    }
}

fn sources(fields: &Fields<'_>, name: &str, json: &Json, scope: &Scope<'_>) -> Option<Vec<Source>> {
    match json {
        Json::Array(list) if (1..=8).contains(&list.len()) => {
            list.iter().map(|json| source(fields, name, json, scope)).collect()
        }
        Json::Array(_) => {
            fields.error(name, "out-of-range", "no sources, or more than 8".into(), "give 1 to 8");
            None
        }
        json => source(fields, name, json, scope).map(|source| vec![source]),
    }
}

fn source(fields: &Fields<'_>, name: &str, json: &Json, scope: &Scope<'_>) -> Option<Source> {
    let remedy = "give a file name, or { \"file\" | \"text\" | \"digits\" | \"number\": … }, { \"position\": true }, or { \"ahead\": file for whoever is next }";
    let object = match json {
        Json::String(file) => return file_name(fields, name, file).map(Source::File),
        Json::Object(object) if object.len() == 1 => object,
        _ => {
            fields.error(name, "wrong-type", format!("{} cannot be played", kind(json)), remedy);
            return None;
        }
    };
    match object.iter().next().map(|(key, json)| (key.as_str(), json)) {
        Some(("file", Json::String(file))) => file_name(fields, name, file).map(Source::File),
        Some(("text", Json::String(text))) if !text.is_empty() && text.len() <= 1_000 => {
            if text.chars().count() > 120 {
                let message = format!("{} characters in one prompt", text.chars().count());
                fields.problems.warn(
                    &fields.place_of(name),
                    "long-prompt",
                    message,
                    "keep a prompt under 120 characters",
                );
            }
            template(fields, name, text, scope).map(Source::Text)
        }
        Some(("digits", Json::String(text))) => template(fields, name, text, scope).map(Source::Digits),
        Some(("number", Json::String(variable))) => {
            let slot = scope.known_slot(fields, name, variable)?;
            if !matches!(scope.initial(slot), Value::Number(_)) {
                fields.error(
                    name,
                    "type-mismatch",
                    format!("{variable} is no number"),
                    "read it out as digits or text",
                );
            }
            Some(Source::Number(slot))
        }
        Some(("position", Json::Bool(true))) => Some(Source::Position),
        Some(("ahead", Json::String(next))) => file_name(fields, name, next).map(Source::Ahead),
        _ => {
            fields.error(name, "wrong-type", "this cannot be played".into(), remedy);
            None
        }
    }
}

pub(crate) fn file_name(fields: &Fields<'_>, name: &str, file: &str) -> Option<String> {
    let refused = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(refused);
    // Of a pack: `acme.ivr/welcome`.
    let (pack, name_there) = file.split_once('/').unwrap_or(("acme.ivr", file));
    let fits = plain(name_there) && plain(pack) && pack.contains('.') && file.len() <= 128;
    if !fits {
        fields.error(
            name,
            "bad-file",
            format!("{file:?} is no plain file name"),
            "name a file of the prompts folder, without a path",
        );
    }
    fits.then(|| file.into())
}

pub(crate) fn required_template(fields: &Fields<'_>, name: &'static str, scope: &Scope<'_>) -> Option<Template> {
    template(fields, name, fields.required_text(name, "say where to")?, scope)
}

/// `Order {order}`: a name in braces is a variable.
pub(crate) fn template(fields: &Fields<'_>, name: &str, text: &str, scope: &Scope<'_>) -> Option<Template> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((variable, after)) = after.split_once('}') else {
            fields.error(
                name,
                "open-brace",
                format!("{text:?} opens a brace and does not close it"),
                "write {variable}",
            );
            return None;
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.into()));
        }
        pieces.push(Piece::Variable(scope.known_slot(fields, name, variable)?));
        rest = after;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest.into()));
    }
    Some(Template(pieces))
}

pub(crate) fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    tag.len() <= 35
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
