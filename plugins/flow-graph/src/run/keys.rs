//! Menus and collections: what is asked, and what the keys mean.

use super::{Outcome, Run, leaves};
use crate::{
    contract::exports::plugboard::plugin::flow_types::{self as wit, Effect},
    document::{Collect, DIGITS, Menu, Node, Prompt, Value},
    session::Stage,
};

impl Run<'_> {
    pub(super) fn ask_menu(&mut self, menu: &Menu, first: Option<&Prompt>) -> Outcome {
        let prompt = self.say(&[first, Some(&menu.prompt)], menu.barge_in);
        let between_ms = menu.first_ms;
        let gather = wit::Gather {
            prompt,
            max_digits: 1,
            first_ms: menu.first_ms,
            between_ms,
            terminators: String::new(),
            secret: false,
        };
        Outcome::Waits(self.act_answered(Effect::Gather(gather)), Stage::Main)
    }

    pub(super) fn menu_pressed(&mut self, node: &Node, menu: &Menu, pressed: &str) -> Outcome {
        self.session.values[usize::from(DIGITS)] = Value::Text(pressed.into());
        if pressed.chars().count() == 1 && node.exits.contains_key(pressed) {
            return leaves(pressed);
        }
        if menu.repeat_key.is_some_and(|key| pressed.chars().eq([key])) {
            return self.ask_menu(menu, None);
        }
        let (exit, correction) =
            if pressed.is_empty() { ("no_input", &menu.no_input_prompt) } else { ("no_match", &menu.no_match_prompt) };
        if self.tried(menu.retries) { leaves(exit) } else { self.ask_menu(menu, correction.as_ref()) }
    }

    /// Counts an attempt; whether it was the last one.
    fn tried(&mut self, retries: u8) -> bool {
        let last = self.session.tries >= retries;
        self.session.tries = self.session.tries.saturating_add(1);
        last
    }

    pub(super) fn ask_digits(&mut self, collect: &Collect, first: Option<&Prompt>) -> Outcome {
        let gather = wit::Gather {
            prompt: self.say(&[first, Some(&collect.prompt)], collect.barge_in),
            max_digits: collect.max,
            first_ms: collect.first_ms,
            between_ms: collect.between_ms,
            terminators: collect.terminators.clone(),
            secret: collect.secret,
        };
        Outcome::Waits(self.act_answered(Effect::Gather(gather)), Stage::Main)
    }

    pub(super) fn digits_pressed(&mut self, collect: &Collect, pressed: &str) -> Outcome {
        if collect.cancel_key.is_some_and(|key| pressed.contains(key)) {
            return leaves("cancelled");
        }
        let (exit, correction) = if pressed.is_empty() {
            ("no_input", &collect.no_input_prompt)
        } else if is_valid(collect, pressed) {
            match &collect.confirm {
                None => return self.keep(collect, pressed.into()),
                Some(confirm) => {
                    self.session.unconfirmed = pressed.into();
                    let mut prompt = self.say(&[confirm.before.as_ref()], true).unwrap_or_else(|| self.silent());
                    prompt.sources.push(wit::Source::Digits(pressed.into()));
                    prompt.sources.extend(confirm.after.iter().flat_map(|after| self.sources(after)));
                    let first_ms = collect.first_ms;
                    let gather = wit::Gather {
                        prompt: Some(prompt),
                        max_digits: 1,
                        first_ms,
                        between_ms: first_ms,
                        terminators: String::new(),
                        secret: false,
                    };
                    return Outcome::Waits(self.act(Effect::Gather(gather)), Stage::Confirm);
                }
            }
        } else {
            ("invalid", &collect.invalid_prompt)
        };
        if self.tried(collect.retries) { leaves(exit) } else { self.ask_digits(collect, correction.as_ref()) }
    }

    fn silent(&self) -> wit::Prompt {
        wit::Prompt { sources: Vec::new(), language: self.language().into(), barge_in: true }
    }

    pub(super) fn confirmed(&mut self, collect: &Collect, pressed: &str) -> Outcome {
        let digits = std::mem::take(&mut self.session.unconfirmed);
        if collect.confirm.as_ref().is_some_and(|confirm| pressed.chars().eq([confirm.yes])) {
            return self.keep(collect, digits);
        }
        if self.tried(collect.retries) { leaves("invalid") } else { self.ask_digits(collect, None) }
    }

    fn keep(&mut self, collect: &Collect, digits: String) -> Outcome {
        if !collect.secret {
            self.session.values[usize::from(DIGITS)] = Value::Text(digits.clone());
        }
        self.session.values[usize::from(collect.into)] = Value::Text(digits);
        leaves("ok")
    }
}

fn is_valid(collect: &Collect, digits: &str) -> bool {
    let valid = &collect.valid;
    let length = u8::try_from(digits.len()).unwrap_or(u8::MAX);
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && (collect.min..=collect.max).contains(&length)
        && (valid.lengths.is_empty() || valid.lengths.contains(&length))
        && (!valid.luhn || luhn(digits))
        && valid
            .range
            .is_none_or(|(least, most)| digits.parse().is_ok_and(|number: u64| (least..=most).contains(&number)))
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match place % 2 {
                0 => digit,
                _ => digit * 2 / 10 + digit * 2 % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
