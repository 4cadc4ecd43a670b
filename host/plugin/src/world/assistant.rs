//! The world `assistant-plugin`: a bot, a whisper for agents, a reader of texts. Each question has an instance of its own.

use plugboard_model::{
    assistant::{self as host, BotAction, Classified, Conversation, Speaker, Suggestion},
    flow::{Open, Setting},
};

use crate::{
    AskFailure, AssistantPlugin, BadAnswer,
    bindings::{assistant as wit, common},
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Checked, Question, SETUP_BUDGET, World, words},
};

const TEXT: usize = 64 * 1024;
const SAID: usize = 4 * 1024;

/// What an assistant is asked; nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssistantDescription {
    pub name: String,
    pub replies: bool,
    pub suggests: bool,
    pub classifies: bool,
    /// BCP 47; empty: any.
    pub languages: Vec<String>,
}

/// Marks what belongs to the world `assistant-plugin`.
pub struct Assistant;

impl World for Assistant {
    const NAME: &'static str = "assistant-plugin";
    const INTERFACE: &'static str = "assistant";
    type About = AssistantDescription;

    world::guest_of!(wit);
    world::reaches_out!();

    fn describe(instance: &mut Instance<Self>) -> Result<(AssistantDescription, Vec<String>), AskFailure> {
        let said = instance.call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_describe(store))?;
        description(said).map_err(AskFailure::BadAnswer)
    }
}

world::described!(AssistantPlugin, AssistantDescription);

/// The bot's answer to the last turn.
pub(crate) struct Converse(pub(crate) Box<Conversation>);

impl Question<Assistant> for Converse {
    type Answer = Vec<BotAction>;

    fn ask(self, instance: &mut Instance<Assistant>, (): &(), turn: Turn) -> Result<Vec<BotAction>, AskFailure> {
        let conversation = conversation(*self.0).map_err(AskFailure::BadAnswer)?;
        let said = instance.call(turn, |guest, store| guest.call_reply(store, &conversation))?;
        actions(said.map_err(world::failure)?).map_err(AskFailure::BadAnswer)
    }
}

/// What the agent might say or read.
pub(crate) struct Suggest(pub(crate) Box<Conversation>);

impl Question<Assistant> for Suggest {
    type Answer = Vec<Suggestion>;

    fn ask(self, instance: &mut Instance<Assistant>, (): &(), turn: Turn) -> Result<Vec<Suggestion>, AskFailure> {
        let conversation = conversation(*self.0).map_err(AskFailure::BadAnswer)?;
        let said = instance.call(turn, |guest, store| guest.call_suggest(store, &conversation))?;
        suggestions(said.map_err(world::failure)?).map_err(AskFailure::BadAnswer)
    }
}

/// What a text is about.
pub(crate) struct Classify {
    pub(crate) text: String,
    pub(crate) language: String,
}

impl Question<Assistant> for Classify {
    type Answer = Classified;

    fn ask(self, instance: &mut Instance<Assistant>, (): &(), turn: Turn) -> Result<Classified, AskFailure> {
        door::at_most("bytes of text", TEXT, self.text.len()).map_err(AskFailure::BadAnswer)?;
        let said = instance.call(turn, |guest, store| guest.call_classify(store, &self.text, &self.language))?;
        classified(said.map_err(world::failure)?).map_err(AskFailure::BadAnswer)
    }
}

fn conversation(conversation: Conversation) -> Checked<wit::Conversation> {
    let Conversation { interaction, channel, language, at, turns, tags } = conversation;
    door::at_most("turns", 100, turns.len())?;
    door::at_most("bytes of turns", TEXT, turns.iter().map(|turn| turn.text.len()).sum())?;
    let turn = |turn: host::Turn| wit::Turn {
        speaker: match turn.speaker {
            Speaker::Customer => wit::Speaker::Customer,
            Speaker::Agent => wit::Speaker::Agent,
            Speaker::Assistant => wit::Speaker::Assistant,
            Speaker::Other => wit::Speaker::Other,
        },
        at_ms: turn.at.as_millis(),
        text: turn.text,
    };
    Ok(wit::Conversation {
        interaction: interaction.to_string(),
        channel,
        language,
        at_ms: at.as_millis(),
        turns: turns.into_iter().map(turn).collect(),
        tags: words::settings(&tags),
        extra: Vec::new(),
    })
}

fn actions(actions: Vec<wit::Action>) -> Checked<Vec<BotAction>> {
    door::at_most("actions", 16, actions.len())?;
    actions.into_iter().map(action).collect()
}

fn action(action: wit::Action) -> Checked<BotAction> {
    Ok(match action {
        wit::Action::Say(text) => BotAction::Say(door::text("say", SAID, text)?),
        wit::Action::Offer(choices) => {
            door::at_most("choices", 10, choices.len())?;
            let choices = choices.into_iter().map(|choice| door::line("offer", 1_024, choice));
            BotAction::Offer(choices.collect::<Checked<_>>()?)
        }
        wit::Action::HandOver(to) => BotAction::HandOver {
            queue: to.queue.map(|queue| door::line("queue", 64, queue)).transpose()?,
            reason: words::shown(&to.reason),
        },
        wit::Action::Tag(common::Setting { name, value }) => {
            BotAction::Tag(Setting { name: door::line("tag", 64, name)?, value: door::line("tag", 1_024, value)? })
        }
        wit::Action::End => BotAction::End,
        wit::Action::Other(open) => {
            let (name, json) = (door::line("name", 64, open.name)?, door::text("json", SAID, open.json)?);
            BotAction::Other(Open { name, json })
        }
    })
}

fn suggestions(suggestions: Vec<wit::Suggestion>) -> Checked<Vec<Suggestion>> {
    door::at_most("suggestions", 5, suggestions.len())?;
    let suggestion = |one: wit::Suggestion| {
        Ok(Suggestion {
            text: door::text("text", SAID, one.text)?,
            source: one.source.map(|source| door::line("source", SAID, source)).transpose()?,
            confidence: door::within("confidence", (0, 1_000), one.confidence)?,
        })
    };
    suggestions.into_iter().map(suggestion).collect()
}

fn classified(said: wit::Classified) -> Checked<Classified> {
    door::at_most("topics", 16, said.topics.len())?;
    let name = |name: String| door::line("name", 64, name);
    Ok(Classified {
        intent: said.intent.map(name).transpose()?,
        confidence: door::within("confidence", (0, 1_000), said.confidence)?,
        sentiment: door::within("sentiment", (-1_000, 1_000), said.sentiment)?,
        topics: said.topics.into_iter().map(name).collect::<Result<_, BadAnswer>>()?,
    })
}

fn description(said: wit::Description) -> Checked<(AssistantDescription, Vec<String>)> {
    door::at_most("languages", 64, said.languages.len())?;
    let languages = said.languages.into_iter().map(|language| door::line("language", 64, language));
    let description = AssistantDescription {
        name: door::line("name", 64, said.name)?,
        replies: said.replies,
        suggests: said.suggests,
        classifies: said.classifies,
        languages: languages.collect::<Checked<_>>()?,
    };
    Ok((description, words::needs(said.needs)?))
}
