//! A flow at work on this interaction: one step at a time, its actions on the caller's leg one after the other, everything else beside them.

mod acting;
mod ear;

pub(crate) use ear::over_by;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use plugboard_model::{
    EventKind, FlowId, RecordingId, Timestamp,
    flow::{Channel, Direction, Effect, Event, Gather, Happening, Prompt, Record, Start, Stepped, Token},
};

use crate::{
    Call, Context, Ear, FlowError, Output, Sides,
    gate::{Judged, JudgingId},
    lookup::Waited,
};

/// A component gets a little longer than its own deadline of 20 ms, for the way there and back.
const STEP_LIMIT: Duration = Duration::from_secs(1);
/// Events that wait for the step in flight. More means that the component does not keep up.
const MOST_BACKLOG: usize = 64;
/// Actions that queue for the caller's ear.
const MOST_QUEUED: usize = 128;
/// Flows that one call goes through without a person asking for it.
const MOST_FLOWS: u32 = 20;
/// Timers of a flow that run at the same time.
const MOST_TIMERS: usize = 64;
/// A recording that was told to end and says nothing more is given up after this long.
const CLOSING: Duration = Duration::from_secs(10);
/// Keys that the caller types ahead.
const MOST_TYPED: usize = 32;

#[derive(Debug)]
pub(crate) struct FlowRun {
    /// Counts the flows of the call, from 1.
    pub(crate) run: u32,
    flow: FlowId,
    plugin: Arc<str>,
    document: Arc<str>,
    /// What the last step returned; kept while a step is in flight, so that a failure can be replayed.
    state: Vec<u8>,
    next_seq: u32,
    asked: Option<Asked>,
    backlog: VecDeque<News>,
    queued: VecDeque<(Token, OnLeg)>,
    current: Option<Current>,
    timers: Vec<(Token, Timestamp)>,
    /// Sent, or to be sent.
    messages: u32,
    pub(crate) lookups: Vec<Waited>,
    typed: String,
    /// The flow's `transfer` that is under way.
    pub(crate) transfer: Option<Token>,
    /// Nothing more is done with what it says than to note it: the caller is with an agent, or gone.
    closing: bool,
}

#[derive(Debug)]
struct Asked {
    /// Unlike `seq`, never used twice in a call, so that a reply to an earlier flow is told from one to this.
    ask: u64,
    until: Timestamp,
}

#[derive(Debug)]
struct News {
    answers: Option<Token>,
    more: bool,
    what: Happening,
}

/// What needs the caller's ear or keys, one at a time.
#[derive(Debug)]
enum OnLeg {
    Play(Prompt),
    Gather(Gather),
    Record(Record),
}

/// Under way on the leg, each with its end, should nobody tell of it.
#[derive(Debug)]
enum Current {
    Play {
        token: Token,
        play: u64,
        barge_in: bool,
        until: Timestamp,
    },
    Gather {
        token: Token,
        gather: Gather,
        prompt: Option<u64>,
        digits: String,
        /// Of the prompt, then of the next key.
        until: Timestamp,
    },
    /// Rules think about a message that is to be recorded.
    Judged {
        token: Token,
        judging: JudgingId,
        until: Timestamp,
    },
    /// The tone before a message.
    Beep {
        token: Token,
        play: u64,
        record: Record,
        sides: Judged<Sides>,
        until: Timestamp,
    },
    Record {
        token: Token,
        recording: RecordingId,
        until: Timestamp,
        end_keys: String,
        stopping: bool,
    },
    /// An announcement to somebody who waits; no action of the flow.
    Announcement {
        play: u64,
        until: Timestamp,
    },
}

impl FlowRun {
    pub(crate) fn name(&self) -> &FlowId {
        &self.flow
    }

    pub(crate) fn step_deadline(&self) -> Option<Timestamp> {
        self.asked.as_ref().map(|asked| asked.until)
    }

    pub(crate) fn last_step_is_overdue(&self, now: Timestamp) -> bool {
        self.asked.as_ref().is_none_or(|asked| now >= asked.until)
    }

    pub(crate) fn ear(&self) -> Ear {
        match &self.current {
            None if self.asked.is_some() => Ear::Thinking,
            None => Ear::Free,
            Some(Current::Play { .. }) => Ear::Play,
            Some(Current::Gather { .. }) => Ear::Gather,
            Some(Current::Judged { .. }) => Ear::Judged,
            Some(Current::Beep { .. }) => Ear::Beep,
            Some(Current::Record { .. }) => Ear::Record,
            Some(Current::Announcement { .. }) => Ear::Announcement,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let current = self.current.as_ref().map(Current::until);
        let timer = self.timers.iter().map(|(_, at)| *at).min();
        let lookup = self.lookups.iter().map(|waited| waited.until).min();
        [self.step_deadline(), current, timer, lookup].into_iter().flatten().min()
    }
}

impl Call {
    pub(crate) fn start_flow(&mut self, now: Timestamp, flow: &FlowId, context: &mut Context<'_>) {
        self.flows_begun += 1;
        if self.flows_begun > MOST_FLOWS {
            return self.flow_failed(now, flow.clone(), "flows transfer to each other without end".into(), context);
        }
        let Some(document) = context.configuration.flows.get(flow) else {
            return self.flow_failed(now, flow.clone(), "no flow of that name".into(), context);
        };
        self.flow_runs += 1;
        self.flow = Some(FlowRun {
            run: self.flow_runs,
            flow: flow.clone(),
            plugin: document.plugin.as_str().into(),
            document: document.document.clone(),
            state: Vec::new(),
            next_seq: 0,
            asked: None,
            backlog: VecDeque::new(),
            queued: VecDeque::new(),
            current: None,
            timers: Vec::new(),
            messages: 0,
            lookups: Vec::new(),
            typed: String::new(),
            transfer: None,
            closing: false,
        });
        self.fact(EventKind::FlowStarted {
            interaction: self.id,
            flow: flow.clone(),
            revision: context.configuration.revision,
        });
        let start = Start {
            interaction: self.id,
            channel: Channel::Voice,
            direction: if self.dialled_by.is_some() { Direction::Internal } else { Direction::Inbound },
            caller: self.from.to_string(),
            called: self.to.to_string(),
            verified: false,
            language: self.language.clone(),
        };
        self.tell(now, None, false, Happening::Started(start), context);
    }

    /// Hands `what` to the flow, in order, one step at a time.
    pub(crate) fn tell(
        &mut self,
        now: Timestamp,
        answers: Option<Token>,
        more: bool,
        what: Happening,
        context: &mut Context<'_>,
    ) {
        let Some(flow) = &mut self.flow else { return };
        if flow.backlog.len() >= MOST_BACKLOG {
            let name = flow.flow.clone();
            return self.flow_failed(now, name, "too many events wait for a step".into(), context);
        }
        flow.backlog.push_back(News { answers, more, what });
        self.ask_next(now, context);
    }

    /// The hang-up overtakes what else was waiting: nothing else matters to the flow any more.
    pub(crate) fn tell_last(&mut self, now: Timestamp, what: Happening, context: &mut Context<'_>) {
        let Some(flow) = &mut self.flow else { return };
        flow.closing = true;
        flow.backlog.clear();
        flow.backlog.push_back(News { answers: None, more: false, what });
        self.ask_next(now, context);
    }

    fn ask_next(&mut self, now: Timestamp, context: &Context<'_>) {
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.asked.is_none()) else { return };
        let Some(news) = flow.backlog.pop_front() else { return };
        let seq = flow.next_seq;
        flow.next_seq += 1;
        let ask = self.next_ask;
        self.next_ask += 1;
        flow.asked = Some(Asked { ask, until: now + STEP_LIMIT });
        let event = Event {
            seq,
            at: now,
            utc_offset_min: context.configuration.time_zone.offset_at(now),
            answers: news.answers,
            more: news.more,
            what: news.what,
        };
        let step = Output::Step {
            ask,
            flow: flow.flow.clone(),
            plugin: flow.plugin.clone(),
            document: flow.document.clone(),
            state: flow.state.clone(),
            event,
        };
        self.push(step);
    }

    pub(crate) fn stepped(
        &mut self,
        now: Timestamp,
        ask: u64,
        result: Result<Stepped, FlowError>,
        context: &mut Context<'_>,
    ) {
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.asked.as_ref().is_some_and(|asked| asked.ask == ask))
        else {
            return;
        };
        flow.asked = None;
        match result {
            Ok(stepped) => {
                let closing = flow.closing;
                flow.state = stepped.state;
                self.note_trail(&stepped.trail);
                for action in stepped.actions {
                    if self.ended || self.flow.is_none() {
                        return;
                    }
                    if !closing || matches!(action.what, Effect::Tag(_)) {
                        self.act(now, action, context);
                    }
                }
                self.next_on_leg(now, context);
                self.ask_next(now, context);
                self.end_flow_after_answer();
            }
            Err(error) => {
                let (name, plugin) = (flow.flow.clone(), flow.plugin.clone());
                let reason: Arc<str> = match error {
                    FlowError::Failed(failure) => failure.to_string().into(),
                    FlowError::Unavailable(reason) => reason,
                };
                self.fact(EventKind::PluginFailed {
                    interaction: Some(self.id),
                    plugin,
                    question: "step".into(),
                    reason: reason.clone(),
                });
                self.flow_failed(now, name, reason, context);
            }
        }
    }

    fn note_trail(&mut self, trail: &[plugboard_model::flow::Visit]) {
        for visit in trail {
            if let Some(exit) = &visit.exit {
                self.fact(EventKind::FlowVisited {
                    interaction: self.id,
                    node: visit.node.as_str().into(),
                    exit: exit.as_str().into(),
                });
            }
        }
    }

    /// The reply to the hang-up, or to a step that was in flight when it came.
    pub(crate) fn last_step(
        &mut self,
        now: Timestamp,
        ask: u64,
        result: Result<Stepped, FlowError>,
        context: &Context<'_>,
    ) {
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.asked.as_ref().is_some_and(|asked| asked.ask == ask))
        else {
            return;
        };
        flow.asked = None;
        if let Ok(stepped) = result {
            flow.state = stepped.state;
            self.note_trail(&stepped.trail);
            for action in stepped.actions {
                match action.what {
                    Effect::Tag(tag) => self.fact(EventKind::Tagged {
                        interaction: self.id,
                        name: tag.name.into(),
                        value: tag.value.into(),
                    }),
                    Effect::Invoke(invoke) => self.look_up_for_nobody(action.token, invoke, context),
                    _ => {}
                }
            }
        }
        if self.flow.as_ref().is_some_and(|flow| !flow.backlog.is_empty()) {
            // The hang-up was behind the step in flight.
            return self.ask_next(now, context);
        }
        self.drop_flow();
        self.finish();
    }

    /// The flow's part is over.
    pub(crate) fn drop_flow(&mut self) {
        if let Some(flow) = self.flow.take() {
            self.fact(EventKind::FlowEnded { interaction: self.id, flow: flow.flow });
        }
    }

    /// Once the caller is with somebody and the flow has been told, it has nothing more to do.
    pub(crate) fn end_flow_after_answer(&mut self) {
        let Some(flow) = self.flow.as_mut().filter(|_| self.talk.is_some()) else { return };
        flow.closing = true;
        flow.timers.clear();
        flow.lookups.clear();
        if flow.asked.is_none() && flow.backlog.is_empty() {
            self.drop_flow();
        }
    }

    pub(crate) fn flow_timeout(&mut self, now: Timestamp, context: &mut Context<'_>) {
        let Some(flow) = &mut self.flow else { return };
        if flow.asked.as_ref().is_some_and(|asked| now >= asked.until) {
            let name = flow.flow.clone();
            return self.flow_failed(now, name, "no answer from the component in time".into(), context);
        }
        let due: Vec<Token> = flow.timers.iter().filter(|(_, at)| now >= *at).map(|(token, _)| *token).collect();
        flow.timers.retain(|(_, at)| now < *at);
        if flow.current.as_ref().is_some_and(|current| now >= current.until()) {
            self.ear_is_overdue(now, context);
        }
        self.lookups_timeout(now, context);
        for token in due {
            self.tell(now, Some(token), false, Happening::Timer, context);
        }
    }
}
