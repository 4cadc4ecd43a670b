//! What people read, in Chinese: one catalogue for the API, the command line and the checks.
//!
//! Programs write English, which is the key; `zh-CN.txt` holds each sentence in both languages, `{}` standing for what is filled in. A sentence that is not in it stays
//! English, so that nobody is left with nothing; tests of the crates that speak hold every sentence they provoke against it.

use std::{borrow::Cow, collections::BTreeMap, sync::OnceLock};

const ZH_CN: &str = include_str!("zh-CN.txt");

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    /// Of `Accept-Language` (RFC 9110 §12.5.4): the one of ours that is wanted most, English if neither is.
    pub fn of_accept(header: &str) -> Self {
        let wanted = header.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse().ok())?;
            Some((Self::of_tag(tag.trim())?, weight)).filter(|(_, weight)| *weight > 0.0_f32)
        });
        // The first of equals.
        wanted.fold((Self::English, 0.0), |best, next| if next.1 > best.1 { next } else { best }).0
    }

    /// Of a locale as POSIX has it: `zh_CN.UTF-8`.
    pub fn of_locale(locale: &str) -> Self {
        Self::of_tag(locale).unwrap_or_default()
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let main = tag.split(['-', '_', '.']).next()?.to_ascii_lowercase();
        match main.as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// `english` in this language, as far as it is known.
    pub fn say(self, english: &str) -> Cow<'_, str> {
        match self {
            Self::English => Cow::Borrowed(english),
            Self::Chinese => in_chinese(english).map_or(Cow::Borrowed(english), Cow::Owned),
        }
    }
}

/// `None` if the catalogue does not have the sentence.
pub fn in_chinese(english: &str) -> Option<String> {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    let catalogue = CATALOGUE.get_or_init(|| Catalogue::read(ZH_CN));
    catalogue.find(english, 0)
}

struct Catalogue {
    plain: BTreeMap<&'static str, &'static str>,
    /// The fixed parts of each sentence that is filled in, and its translation; those with most fixed letters first.
    filled: Vec<(Vec<&'static str>, &'static str)>,
}

impl Catalogue {
    fn read(text: &'static str) -> Self {
        let (mut plain, mut filled) = (BTreeMap::new(), Vec::new());
        for (english, chinese) in pairs(text) {
            if english.contains("{}") {
                filled.push((english.split("{}").collect::<Vec<_>>(), chinese));
            } else {
                plain.insert(english, chinese);
            }
        }
        filled.sort_by_key(|(parts, _)| std::cmp::Reverse(parts.iter().map(|part| part.len()).sum::<usize>()));
        Self { plain, filled }
    }

    /// What is filled in may be a sentence of the catalogue itself, once.
    fn find(&self, english: &str, depth: u8) -> Option<String> {
        if let Some(chinese) = self.plain.get(english) {
            return Some((*chinese).to_owned());
        }
        self.filled.iter().find_map(|(parts, chinese)| {
            let values = matched(parts, english)?;
            let say = |value: &str| {
                let known = if depth == 0 { self.find(value, 1) } else { self.plain.get(value).map(|&c| c.to_owned()) };
                known.unwrap_or_else(|| value.to_owned())
            };
            Some(fill(chinese, &values, say))
        })
    }
}

/// What stands in `text` between the fixed `parts`, each gap as short as can be.
fn matched<'a>(parts: &[&str], text: &'a str) -> Option<Vec<&'a str>> {
    let (first, rest) = parts.split_first()?;
    let (last, middle) = rest.split_last()?;
    let mut text = text.strip_prefix(first)?;
    let mut values = Vec::with_capacity(rest.len());
    for part in middle {
        let at = text.find(part)?;
        values.push(&text[..at]);
        text = &text[at + part.len()..];
    }
    values.push(text.strip_suffix(last)?);
    values.iter().all(|value| !value.is_empty()).then_some(values)
}

/// `{}` takes the values in order, `{1}` the first of them wherever it stands; `{!}` takes the next as it is written, since somebody types it.
fn fill(template: &str, values: &[&str], say: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let (mut rest, mut next) = (template, 0);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((index, after)) = after.split_once('}') else { break };
        out.push_str(before);
        let at = index.parse::<usize>().map_or(next, |index| index - 1);
        let value = values.get(at).copied().unwrap_or_default();
        out += &if index == "!" { value.to_owned() } else { say(value) };
        next = at + 1;
        rest = after;
    }
    out + rest
}

/// English and Chinese lines, pairs apart by an empty line; `#` begins a comment.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n\n").filter_map(|pair| {
        let mut lines = pair.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Some((lines.next()?, lines.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_there_once_and_filled_in_alike_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        let gaps = |text: &str| text.matches('{').count();
        let wrong: Vec<_> = pairs(ZH_CN)
            .filter(|(english, chinese)| {
                let chinese_letters = chinese.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
                // Braces of examples in TOML are letters like others.
                let alike = gaps(english) == gaps(chinese);
                !seen.insert(*english) || !chinese_letters || !alike
            })
            .collect();
        assert_eq!(wrong, []);
        let lines = ZH_CN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(lines, 2 * pairs(ZH_CN).count(), "each sentence is two lines and an empty one");
    }

    #[test]
    fn what_is_filled_in_stands_where_the_language_has_it() {
        assert_eq!(in_chinese("try again in 7 s").as_deref(), Some("请在 7 秒后重试"));
        assert_eq!(in_chinese("`udp` is a number; it takes a list").as_deref(), Some("`udp` 是数字，应为列表"));
        assert_eq!(in_chinese("no such sentence"), None);
    }

    #[test]
    fn the_language_that_is_wanted_most_is_spoken() {
        let read = Language::of_accept;
        assert_eq!(
            ["zh-CN,zh;q=0.9,en;q=0.8", "en, zh", "de, zh-TW;q=0.5", "zh;q=0", "", "*"].map(read),
            [
                Language::Chinese,
                Language::English,
                Language::Chinese,
                Language::English,
                Language::English,
                Language::English
            ]
        );
        assert_eq!(["zh_CN.UTF-8", "C", "en_GB"].map(Language::of_locale).map(Language::tag), ["zh-CN", "en", "en"]);
    }
}
