//! What an assistant is asked: conversations of all kinds of texts, in any language, as far as it says that it takes part in them.

use plugboard_model::{
    InteractionId, Timestamp,
    assistant::{BotAction, Conversation, Speaker, Turn},
    flow::Setting,
};

use crate::{
    Answer, Ask, Assistant, Ended, Kind, Question,
    exam::{Exam, Given},
    hostile, network,
};

/// Monday 2026-11-23, 10:00 UTC.
const NOW: u64 = 1_795_428_000;
/// Turns of one conversation.
const MOST_TURNS: u64 = 100;

pub(crate) fn plain(about: Assistant) -> Ask {
    let conversation = || Box::new(conversation("chat", "en", vec![turn(0, Speaker::Customer, "good morning")]));
    if about.replies {
        Ask::Reply(conversation())
    } else if about.suggests {
        Ask::Suggest(conversation())
    } else {
        Ask::Classify { text: "good morning".into(), language: "en".into() }
    }
}

pub(crate) fn examine(exam: &mut Exam<'_>, about: Assistant, given: &Given<'_>) {
    for (case, conversation) in conversations() {
        if about.replies {
            ask(exam, &format!("reply: {case}"), &given.question(Ask::Reply(Box::new(conversation.clone()))));
        }
        if about.suggests {
            ask(exam, &format!("suggest: {case}"), &given.question(Ask::Suggest(Box::new(conversation))));
        }
    }
    if about.classifies {
        for (case, text) in hostile::texts() {
            for language in ["zh-CN", "en", "", "x-kit"] {
                let question = given.question(Ask::Classify { text: text.clone(), language: language.into() });
                ask(exam, &format!("classify: {case}"), &question);
            }
        }
    }
    for (case, expected) in given.asked.iter().take(network::MOST_SEEDS) {
        let question = network::question(given, expected.ask.clone(), &expected.http);
        if network::sends(exam, case, &question) {
            // It may hand over, or answer without what it did not get.
            network::examine(exam, case, &question, false);
        }
    }
}

fn ask(exam: &mut Exam<'_>, case: &str, question: &Question) {
    let told = exam.asks(case, question);
    // Whom it asks does not answer here.
    if told.sent.is_empty() {
        exam.refused(case, question, &told.ended);
    }
    match &told.ended {
        Ended::Answered(Answer::Actions(actions)) => {
            let ends = |action: &BotAction| matches!(action, BotAction::HandOver { .. } | BotAction::End);
            if let Some(at) = actions.iter().position(ends).filter(|at| at + 1 < actions.len()) {
                exam.note(Kind::NotLast, case, question, &format!("action {at} of {}", actions.len()));
            }
        }
        Ended::Answered(Answer::Suggestions(suggestions)) => {
            let order: Vec<u16> = suggestions.iter().map(|suggestion| suggestion.confidence).collect();
            if !order.is_sorted_by(|one, next| one >= next) {
                exam.note(Kind::NotBestFirst, case, question, &format!("confidence {order:?}"));
            }
        }
        _ => {}
    }
}

fn conversations() -> Vec<(String, Conversation)> {
    let one = |text: &str| vec![turn(0, Speaker::Customer, text)];
    let speakers = [Speaker::Customer, Speaker::Assistant, Speaker::Agent, Speaker::Other];
    let many = (0..MOST_TURNS).map(|at| turn(at, speakers[at as usize % 4], &"付款".repeat(100))).collect();
    let mut conversations = vec![
        ("no turn at all".to_owned(), conversation("chat", "en", Vec::new())),
        ("100 turns".to_owned(), conversation("voice", "zh-CN", many)),
        ("an agent spoke last".to_owned(), conversation("chat", "en", vec![turn(0, Speaker::Agent, "hello")])),
        ("a language that nobody knows".to_owned(), conversation("chat", "x-kit", one("kit"))),
        ("no language, a channel that nobody knows".to_owned(), conversation("fax", "", one("kit"))),
    ];
    for (case, text) in hostile::texts() {
        conversations.push((case.to_owned(), conversation("message", "zh-CN", one(&text))));
    }
    conversations
}

fn conversation(channel: &str, language: &str, turns: Vec<Turn>) -> Conversation {
    Conversation {
        interaction: InteractionId(1),
        channel: channel.into(),
        language: language.into(),
        at: Timestamp::from_secs(NOW + MOST_TURNS),
        turns,
        tags: vec![Setting { name: "vip".into(), value: "true".into() }],
    }
}

fn turn(at: u64, speaker: Speaker, text: &str) -> Turn {
    Turn { speaker, at: Timestamp::from_secs(NOW + at), text: text.to_owned() }
}
