//! Answers a conversation with every action that there is, the first of which says all that was heard.

wit_bindgen::generate!({ path: "../../../../../../wit/released/0.1.1", world: "assistant-plugin" });
export!(Released);

use exports::plugboard::plugin::{
    assistant::{Action, Classified, Conversation, Description, Guest, HandOver, Suggestion},
    common::{Failure, FailureCode, Open, Problem, Setting, Severity},
};

struct Released;

impl Guest for Released {
    fn describe() -> Description {
        Description {
            name: "released".into(),
            replies: true,
            suggests: true,
            classifies: true,
            languages: vec!["zh-CN".into(), "en".into()],
            needs: vec![],
            extra: vec![],
        }
    }

    fn check(settings: Vec<Setting>) -> Vec<Problem> {
        let problem = |setting: Setting| Problem {
            severity: Severity::Error,
            code: "acme.odd".into(),
            node: None,
            field: None,
            message: setting.name,
            remedy: setting.value,
            extra: vec![],
        };
        settings.into_iter().map(problem).collect()
    }

    fn reply(conversation: Conversation) -> Result<Vec<Action>, Failure> {
        let heard = format!(
            "{} {} {} {} {:?} {:?}",
            conversation.interaction,
            conversation.channel,
            conversation.language,
            conversation.at_ms,
            conversation.turns,
            conversation.tags
        );
        Ok(vec![
            Action::Say(heard),
            Action::Offer(vec!["yes".into(), "no".into()]),
            Action::Tag(Setting { name: "mood".into(), value: "好".into() }),
            Action::Other(Open { name: "acme.dance".into(), json: "1".into() }),
            Action::HandOver(HandOver { queue: Some("sales".into()), reason: "asked for one".into() }),
            Action::End,
        ])
    }

    fn suggest(conversation: Conversation) -> Result<Vec<Suggestion>, Failure> {
        let suggestion = |(at, text): (usize, String)| Suggestion {
            text,
            source: (at == 0).then(|| "kb/7".into()),
            confidence: 900 - at as u16,
            extra: vec![],
        };
        let turns = conversation.turns.into_iter().map(|turn| turn.text).take(5);
        Ok(turns.enumerate().map(suggestion).collect())
    }

    fn classify(text: String, language: String) -> Result<Classified, Failure> {
        if text.is_empty() {
            return Err(Failure { code: FailureCode::TooLarge, message: "nothing".into(), extra: vec![] });
        }
        Ok(Classified { intent: Some(text), confidence: 800, sentiment: -500, topics: vec![language], extra: vec![] })
    }
}
