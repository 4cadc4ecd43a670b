//! What a document names of the tenant's: prompts, queues, skills, agents and flows.

use crate::{
    contract::exports::plugboard::plugin::flow::{Reference, ReferenceKind},
    document::{Fallback, Graph, Kind, Mailbox, Prompt, QueueChoice, Source, Template},
    fields::Place,
    rules::prompts,
};

/// The contract's bound.
const MOST: usize = 10_000;

pub(crate) fn references(graph: &Graph) -> Vec<Reference> {
    let mut found = Found { place: Place { node: None, pointer: "/exception".into() }, all: Vec::new() };
    if let Some(exception) = &graph.exception {
        found.prompts(exception.prompt.iter());
        if let Fallback::Queue(queue) = &exception.fallback {
            found.add(ReferenceKind::Queue, queue);
        }
    }
    for node in &graph.nodes {
        let pointer = Place { node: None, pointer: String::new() }.child("nodes").child(&node.id).pointer;
        found.place = Place { node: Some(&node.id), pointer };
        found.prompts(prompts(&node.kind));
        match &node.kind {
            Kind::SetQueue(choice) => found.choice(choice),
            Kind::Queue(wait) => {
                found.choice(&wait.choice);
                wait.hold_music.iter().for_each(|file| found.add(ReferenceKind::Prompt, file));
            }
            Kind::TransferAgent { agent, .. } => found.fixed(ReferenceKind::Agent, agent),
            Kind::Connector(question) => found.add(ReferenceKind::Connector, &question.connector),
            Kind::TransferFlow { flow } => found.add(ReferenceKind::Flow, flow),
            Kind::Voicemail(voicemail) => match &voicemail.mailbox {
                Some(Mailbox::Queue(queue)) => found.add(ReferenceKind::Queue, queue),
                Some(Mailbox::Agent(agent)) => found.add(ReferenceKind::Agent, agent),
                None => {}
            },
            _ => {}
        }
    }
    found.all
}

struct Found<'a> {
    place: Place<'a>,
    all: Vec<Reference>,
}

impl Found<'_> {
    fn add(&mut self, kind: ReferenceKind, name: &str) {
        if self.all.len() < MOST {
            let (node, field) = (self.place.node.map(Into::into), Some(self.place.pointer.clone()));
            self.all.push(Reference { kind, name: name.into(), node, field });
        }
    }

    /// A name with no variable in it.
    fn fixed(&mut self, kind: ReferenceKind, name: &Template) {
        if name.variables().next().is_none() {
            self.add(kind, &name.fill(&[]));
        }
    }

    fn choice(&mut self, choice: &QueueChoice) {
        choice.queue.iter().for_each(|queue| self.add(ReferenceKind::Queue, queue));
        choice.skills.iter().flatten().for_each(|(skill, _)| self.add(ReferenceKind::Skill, skill));
    }

    fn prompts<'p>(&mut self, prompts: impl Iterator<Item = &'p Prompt>) {
        for source in prompts.flat_map(|prompt| &prompt.0).flat_map(|(_, sources)| sources) {
            if let Source::File(file) | Source::Ahead(file) = source {
                self.add(ReferenceKind::Prompt, file);
            }
        }
    }
}
