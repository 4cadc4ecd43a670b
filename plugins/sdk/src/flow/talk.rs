//! One run of the author's function: what it is told, and what it asks.
//!
//! ```text
//!   Replaying ── all that was heard is heard again ──> Live ── the new event ──> Closing ── the function is dropped
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use super::{
    Action, Effect, Event, Extra, Failure, FailureCode, Happening, MOST_ACTIONS, MOST_UNREAD, Message, QueueNews,
    Setting, Target, Transfer, TransferEnd, Visit,
    happening::{self, Kind},
    journal::{Heard, LoopPage, Mark, Moment, Pages},
};

/// Bytes of a message's text that are heard; the rest is cut off.
const MESSAGE_LIMIT: usize = 8 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Replaying,
    Live,
    Closing,
}

/// Number of a loop plus one; 0 is outside of all.
type Scope = usize;

pub(crate) struct Talk {
    pub(crate) pages: Pages,
    phase: Phase,
    now: Moment,
    next_token: u32,
    /// Beside `pages.asks`, as far as this run has come.
    asked: Vec<(u32, Scope)>,
    waiting: Vec<(u32, Kind)>,
    /// Requests that somebody still holds, answered or not.
    held: Vec<u32>,
    answers: BTreeMap<u32, Happening>,
    inbox: VecDeque<Message>,
    scope: Scope,
    /// Beside `pages.loops`.
    loops: Vec<Loop>,
    /// By whom answers and messages were taken.
    reads: Vec<Scope>,
    stage: String,
    /// Whether this step entered it.
    is_new_stage: bool,
    language: String,
    gave_away: bool,
    actions: Vec<Action>,
    trail: Vec<Visit>,
    difference: Option<(u32, String)>,
    settings: Rc<[Setting]>,
}

struct Loop {
    parent: Scope,
    /// Of `reads`, how many came before the present round.
    reads: usize,
}

impl Talk {
    pub(crate) fn new(pages: Pages, begins: bool, settings: Rc<[Setting]>) -> Self {
        Self {
            phase: if begins { Phase::Live } else { Phase::Replaying },
            now: pages.began,
            next_token: 0,
            asked: Vec::new(),
            waiting: Vec::new(),
            held: Vec::new(),
            answers: BTreeMap::new(),
            inbox: VecDeque::new(),
            scope: 0,
            loops: Vec::new(),
            reads: Vec::new(),
            stage: String::new(),
            is_new_stage: false,
            language: pages.start.language.clone(),
            gave_away: false,
            actions: Vec::new(),
            trail: Vec::new(),
            difference: None,
            settings,
            pages,
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    pub(crate) fn stage(&self) -> &str {
        &self.stage
    }

    pub(crate) fn language(&self) -> &str {
        &self.language
    }

    pub(crate) fn set_language(&mut self, language: &str) {
        self.language = language.into();
    }

    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.name == name).map(|setting| setting.value.as_str())
    }

    /// Leaves the stage before by that exit.
    pub(crate) fn enter_stage(&mut self, name: &str) {
        if self.stage == name {
            return;
        }
        if self.is_live() {
            self.leave_stage("next");
            self.is_new_stage = true;
        }
        self.stage = name.into();
    }

    fn leave_stage(&mut self, exit: &str) {
        if !self.stage.is_empty() {
            self.trail.push(Visit { node: self.stage.clone(), exit: Some(exit.into()) });
        }
    }

    /// Every request goes through here: compared while replaying, sent when live. Gives its token.
    pub(crate) fn ask(&mut self, what: Effect) -> u32 {
        let (number, token, mark) = (self.asked.len(), self.next_token, Mark::of(&what));
        self.next_token += 1;
        self.gave_away |= matches!(what, Effect::HangUp(_) | Effect::Transfer(Transfer { to: Target::Flow(_), .. }));
        match self.phase {
            // What is over the bound fails the step; until the function rests, it takes no memory.
            Phase::Live if self.actions.len() > MOST_ACTIONS => return token,
            Phase::Live => {
                self.pages.asks.push(mark);
                self.actions.push(Action { token, what, extra: Vec::new() });
            }
            Phase::Replaying => {
                let before = self.pages.asks.get(number).copied();
                if before != Some(mark) && self.difference.is_none() {
                    self.difference = Some((token, difference(number, before, mark)));
                }
            }
            Phase::Closing => return token,
        }
        self.asked.push((token, self.scope));
        token
    }

    /// As [`Self::ask`], for what is answered.
    pub(crate) fn ask_and_wait(&mut self, what: Effect) -> u32 {
        let kind = Kind::of(&what);
        let token = self.ask(what);
        self.waiting.push((token, kind));
        self.held.push(token);
        token
    }

    /// Takes back what is not answered; nobody will look at it again.
    pub(crate) fn let_go(&mut self, token: u32) {
        self.answers.remove(&token);
        self.held.retain(|held| *held != token);
        if self.phase == Phase::Closing {
            return;
        }
        if let Some(place) = self.waiting.iter().position(|(waiting, _)| *waiting == token) {
            self.waiting.swap_remove(place);
            self.ask(Effect::Cancel(token));
        }
    }

    pub(crate) fn answer(&mut self, token: u32) -> Option<Happening> {
        let answer = self.answers.get(&token).cloned()?;
        self.reads.push(self.scope);
        Some(answer)
    }

    pub(crate) fn take_message(&mut self) -> Option<Message> {
        let message = self.inbox.pop_front()?;
        self.reads.push(self.scope);
        Some(message)
    }

    /// Takes an event, if anybody waits for it.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        let at = Moment::of(event);
        let heard = match (&event.what, event.answers) {
            (Happening::Message(message), _) if self.inbox.len() < MOST_UNREAD => {
                let mut message = message.clone();
                message.text.truncate(message.text.floor_char_boundary(MESSAGE_LIMIT));
                Heard { answers: None, at, what: Happening::Message(message) }
            }
            (what, Some(token)) if self.is_awaited(token, what) => {
                Heard { answers: Some(token), at, what: what.clone() }
            }
            _ => return false,
        };
        self.pages.log.push(heard.clone());
        self.hear(heard);
        true
    }

    fn is_awaited(&self, token: u32, what: &Happening) -> bool {
        self.waiting.iter().any(|(waiting, kind)| *waiting == token && happening::answers(*kind, what))
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        self.now = heard.at;
        self.listen(heard);
    }

    fn listen(&mut self, Heard { answers, what, .. }: Heard) {
        match (answers, what) {
            (None, Happening::Message(message)) => self.inbox.push_back(message),
            (None, _) => {}
            (Some(token), what) => {
                match &what {
                    Happening::Queue(QueueNews::Connected(_)) | Happening::Transferred(TransferEnd::Connected) => {
                        self.gave_away = true;
                    }
                    // The other flow does not take it.
                    Happening::Refused(_) if self.waiting.contains(&(token, Kind::Transfer)) => self.gave_away = false,
                    _ => {}
                }
                self.waiting.retain(|(waiting, _)| *waiting != token);
                self.answers.insert(token, what);
            }
        }
    }

    /// Enters the next loop; while replaying, at the round that it had come to, whose value is given back. The time is that round's until
    /// [`Self::leave_scope`] is told the one that is returned.
    pub(crate) fn enter_loop(&mut self, first: impl FnOnce() -> Vec<u8>) -> (usize, Option<Vec<u8>>, Moment) {
        let (number, before) = (self.loops.len(), self.now);
        self.loops.push(Loop { parent: self.scope, reads: self.reads.len() });
        if self.is_live() {
            let page = self.page(first(), Vec::new());
            self.pages.loops.push(page);
            return (number, None, before);
        }
        let Some(page) = self.pages.loops.get(number).cloned() else {
            self.difference.get_or_insert((self.next_token, "the re-run enters a loop that it had not entered".into()));
            return (number, None, before);
        };
        let LoopPage { token, at, stage, language, value, carried, unread, .. } = page;
        (self.next_token, self.now, self.stage, self.language) = (token, at, stage, language);
        carried.into_iter().for_each(|heard| self.listen(heard));
        self.inbox = unread.into();
        (number, Some(value), before)
    }

    fn page(&self, value: Vec<u8>, carried: Vec<Heard>) -> LoopPage {
        LoopPage {
            asks: self.asked.len(),
            heard: self.pages.log.len(),
            token: self.next_token,
            at: self.now,
            stage: self.stage.clone(),
            language: self.language.clone(),
            value,
            carried,
            unread: self.inbox.iter().cloned().collect(),
        }
    }

    pub(crate) fn enter_scope(&mut self, number: usize) -> Scope {
        std::mem::replace(&mut self.scope, number + 1)
    }

    pub(crate) fn leave_scope(&mut self, outer: Scope, time: Option<Moment>) {
        self.scope = outer;
        self.now = time.unwrap_or(self.now);
    }

    /// Forgets the round that ended, unless somebody outside asked or heard something meanwhile, or holds something that was asked in it.
    pub(crate) fn end_round(&mut self, number: usize, value: Vec<u8>) {
        if !self.is_live() {
            return;
        }
        let (asks, heard, first) = {
            let page = &self.pages.loops[number];
            (page.asks, page.heard, page.token)
        };
        let inside = |scope: Scope| self.is_inside(scope, number);
        let alone = self.asked[asks..].iter().all(|(_, scope)| inside(*scope))
            && self.reads[self.loops[number].reads..].iter().all(|scope| inside(*scope))
            && self.loops[number + 1..].iter().all(|inner| inside(inner.parent))
            && self.held.iter().all(|token| *token < first);
        if !alone {
            return;
        }
        // Tokens rise, and all of this round are its own.
        let mut carried = std::mem::take(&mut self.pages.loops[number].carried);
        let inner = self.pages.loops.drain(number + 1..).flat_map(|page| page.carried);
        let log = self.pages.log.drain(heard..);
        carried.extend(inner.chain(log).filter(|heard| heard.answers.is_some_and(|token| token < first)));
        self.pages.asks.truncate(asks);
        self.asked.truncate(asks);
        self.loops.truncate(number + 1);
        self.reads.truncate(self.loops[number].reads);
        let page = self.page(value, carried);
        self.pages.loops[number] = page;
    }

    fn is_inside(&self, mut scope: Scope, number: usize) -> bool {
        while scope > number + 1 {
            scope = self.loops[scope - 1].parent;
        }
        scope == number + 1
    }

    /// What the re-run did otherwise than the first one, if anything.
    pub(crate) fn take_difference(&mut self) -> Option<Failure> {
        let (token, message) = self.difference.take()?;
        let place = if self.stage.is_empty() { String::new() } else { format!(" (stage `{}`)", self.stage) };
        let rule = "a flow may depend on its answers, its settings and `now_ms` only";
        Some(Failure {
            code: FailureCode::Diverged(token),
            message: format!("{message}{place}: {rule}"),
            extra: Vec::<Extra>::new(),
        })
    }

    /// All that was heard was heard again: from here on, what is asked is new.
    pub(crate) fn go_live(&mut self, at: Moment) {
        if self.difference.is_none() {
            let short = self.pages.asks.get(self.asked.len());
            let short = short
                .map(|mark| format!("the re-run stops before request {}, `{}`", self.asked.len(), mark.kind.name()));
            let lacks = (self.loops.len() < self.pages.loops.len()).then(|| "the re-run stops before a loop".into());
            self.difference = short.or(lacks).map(|message| (self.next_token, message));
        }
        (self.phase, self.now) = (Phase::Live, at);
    }

    /// The function is over or about to be dropped: whatever it lets go is not taken back.
    pub(crate) fn close(&mut self) {
        self.phase = Phase::Closing;
    }

    /// For [`super::Parting`], once the function is dropped.
    pub(crate) fn part(&mut self, at: Moment) {
        (self.phase, self.now) = (Phase::Live, at);
    }

    pub(crate) fn is_given_away(&self) -> bool {
        self.gave_away
    }

    /// What this step did. `exit`: how the present stage was left, if it was.
    pub(crate) fn finish(&mut self, exit: Option<&str>) -> (Vec<Action>, Vec<Visit>) {
        match exit {
            Some(exit) => self.leave_stage(exit),
            None if self.is_new_stage => self.trail.push(Visit { node: self.stage.clone(), exit: None }),
            None => {}
        }
        (std::mem::take(&mut self.actions), std::mem::take(&mut self.trail))
    }
}

fn difference(number: usize, before: Option<Mark>, mark: Mark) -> String {
    let now = mark.kind.name();
    match before {
        None => format!("the re-run asks `{now}` as request {number}, where nothing had been asked"),
        Some(before) if before.kind == mark.kind => format!("request {number} was `{now}` with other arguments"),
        Some(before) => format!("request {number} was `{}`, the re-run asks `{now}`", before.kind.name()),
    }
}
