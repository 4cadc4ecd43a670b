//! An assistant: answers what it knows by a word, and hands over to a human what it does not.
//!
//! `wit/assistant.wit` says what is asked and until when. What it says is judged and masked by the host; it can do nothing but what it answers.

#[allow(unused_qualifications, reason = "generated from the contract")]
mod contract {
    wit_bindgen::generate!({ path: "wit", world: "assistant-plugin", additional_derives: [PartialEq, Eq] });

    #[cfg(target_arch = "wasm32")]
    export!(Concierge);

    #[cfg(target_arch = "wasm32")]
    use super::Concierge;
}

use contract::{
    exports::plugboard::plugin::{
        assistant::{Action, Classified, Conversation, Description, Guest, HandOver, Speaker, Suggestion},
        common::{Failure, Problem, Setting, Severity},
    },
    plugboard::plugin::config,
};

/// What is known, one a line: a word of the question, `=`, what is said.
const ANSWERS: &str = "answers";
/// Bytes of what is said at once.
const SAID: usize = 4 * 1024;

/// The component's exports.
pub struct Concierge;

impl Guest for Concierge {
    fn describe() -> Description {
        Description {
            name: "@NAME@".to_owned(),
            replies: true,
            suggests: true,
            classifies: false,
            languages: Vec::new(),
            needs: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let text = settings.iter().find(|setting| setting.name == ANSWERS).map_or("", |setting| setting.value.as_str());
        let is_wrong = |line: &&str| !line.trim().is_empty() && known(line).is_none();
        let problem = |line: &str| Problem {
            severity: Severity::Error,
            code: "bad-answer".to_owned(),
            node: None,
            field: Some("/answers".to_owned()),
            message: format!("{:?} is no word with what is said", line.chars().take(80).collect::<String>()),
            remedy: "write one a line: hours = We are there from 9 to 18.".to_owned(),
            extra: Vec::new(),
        };
        text.lines().filter(is_wrong).take(100).map(problem).collect()
    }

    fn reply(conversation: Conversation) -> Result<Vec<Action>, Failure> {
        let reason = "the assistant knows nothing of it".to_owned();
        let hand_over = Action::HandOver(HandOver { queue: None, reason });
        Ok(match answer(&conversation) {
            Some(answer) => vec![Action::Say(answer)],
            None => vec![hand_over],
        })
    }

    fn suggest(conversation: Conversation) -> Result<Vec<Suggestion>, Failure> {
        let suggestion = |text| Suggestion { text, source: None, confidence: 800, extra: Vec::new() };
        Ok(answer(&conversation).map(suggestion).into_iter().collect())
    }

    /// `describe` says that it does not: it is not asked.
    fn classify(_: String, _: String) -> Result<Classified, Failure> {
        Ok(Classified { intent: None, confidence: 0, sentiment: 0, topics: Vec::new(), extra: Vec::new() })
    }
}

/// To the last thing that the customer said.
fn answer(conversation: &Conversation) -> Option<String> {
    let asked = conversation.turns.iter().rev().find(|turn| turn.speaker == Speaker::Customer)?.text.to_lowercase();
    find(&config::get(ANSWERS)?, &asked)
}

/// `asked` in small letters.
fn find(answers: &str, asked: &str) -> Option<String> {
    let (_, said) = answers.lines().filter_map(known).find(|(word, _)| asked.contains(word.as_str()))?;
    Some(said)
}

/// A line's word, in small letters, and what is said.
fn known(line: &str) -> Option<(String, String)> {
    let (word, said) = line.split_once('=')?;
    let (word, said) = (word.trim().to_lowercase(), said.trim());
    let is_said = !said.is_empty() && said.len() <= SAID && !said.chars().any(char::is_control);
    (!word.is_empty() && is_said).then(|| (word, said.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_whose_word_was_asked_is_said() {
        let answers = "hours = From 9 to 18.\n几点 = 9 点到 18 点。\nnothing";
        let said = ["What are your Hours?", "你们几点开门", "Where is my parcel?"]
            .map(|asked| find(answers, &asked.to_lowercase()));
        assert_eq!(said, [Some("From 9 to 18.".to_owned()), Some("9 点到 18 点。".to_owned()), None]);
    }
}
