//! Members that stand twice in one JSON object. A parser keeps the last of them and says nothing, so a node would vanish unseen.

use std::collections::BTreeSet;

use crate::fields::{Place, Problems};

/// Most that are named; a document with more was made by no hand.
const MOST: usize = 100;

pub(crate) fn check(document: &str, problems: &Problems) {
    for path in twice(document) {
        let node = (path.first().is_some_and(|first| first == "nodes")).then(|| path.get(1)).flatten();
        let root = Place { node: node.map(String::as_str), pointer: String::new() };
        let place = path.iter().fold(root, |place, step| place.child(step));
        let what = if path.len() == 2 && node.is_some() { "node" } else { "member" };
        let name = path.last().map_or("", String::as_str);
        problems.error(
            &place,
            "duplicate-name",
            format!("there are two {what}s {name:?} in one place, and only the last would count"),
            "rename one of them, or take it out",
        );
    }
}

/// What encloses the place that is looked at.
enum Level {
    Object { seen: BTreeSet<String>, key: String },
    List { index: usize },
}

/// The path to each member that was there before. `text` must be JSON.
fn twice(text: &str) -> Vec<Vec<String>> {
    let (mut levels, mut found) = (Vec::<Level>::new(), Vec::new());
    let (mut at, mut is_key) = (0, false);
    while let Some(byte) = text.as_bytes().get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'{' => {
                levels.push(Level::Object { seen: BTreeSet::new(), key: String::new() });
                is_key = true;
            }
            b'[' => levels.push(Level::List { index: 0 }),
            b'}' | b']' => {
                levels.pop();
                is_key = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::List { index }) => *index += 1,
                Some(Level::Object { .. }) | None => is_key = true,
            },
            b'"' => {
                at = end_of_string(text, at);
                if let (true, Some(Level::Object { seen, key })) = (is_key, levels.last_mut()) {
                    *key = serde_json::from_str(&text[begin..at]).unwrap_or_default();
                    if !seen.insert(key.clone()) && found.len() < MOST {
                        found.push(path(&levels));
                    }
                    is_key = false;
                }
            }
            _ => {}
        }
    }
    found
}

/// Behind the closing quote.
fn end_of_string(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while at < bytes.len() && bytes[at] != b'"' {
        at += 1 + usize::from(bytes[at] == b'\\');
    }
    (at + 1).min(bytes.len())
}

fn path(levels: &[Level]) -> Vec<String> {
    let step = |level: &Level| match level {
        Level::Object { key, .. } => key.clone(),
        Level::List { index } => index.to_string(),
    };
    levels.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_named_however_it_is_written() {
        let text = r#"{ "a": [{ "x": 1 }, { "x": { "y": "\"," }, "\u0078": 2 }], "b": { "x": "a" }, "a": "b" }"#;
        assert_eq!(twice(text), [vec!["a", "1", "x"], vec!["a"]]);
        assert_eq!(twice(&format!("{{{}\"a\":1}}", "\"a\":1,".repeat(1_000))).len(), MOST);
        assert_eq!(twice(r#"[["a", "a"], { "a": "a", "b": "a" }, "{\"a\":1,\"a\":2}"]"#), Vec::<Vec<String>>::new());
    }
}
