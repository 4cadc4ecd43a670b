//! The loop: one thread that owns the SIP sockets and every exchange.
//!
//! It takes a burst of whatever came, gives each to its exchange, and carries out what the exchanges ask for; it waits for nothing but the next input or deadline.

mod message;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use plugboard_api::{AlarmName, HostError};
use plugboard_exchange::{Command, CommandId, Exchange, Input, Output, Piece, QuestionId, SharedEvent, Taped};
use plugboard_media as media;
use plugboard_model::{Configuration, Event, EventKind, InteractionId, TenantId, Timestamp};
use plugboard_transport::{
    media_plane::MediaPlane,
    sip_sockets::{Received, SipSockets},
};
use tokio::sync::{Notify, broadcast, mpsc};

use crate::{
    alarms::Alarms,
    backlog::{Backlog, ReplyTo},
    clock::Clock,
    front::Front,
    ledger::{Batch, Durable, Ledger},
    packs::Party,
    questions::Questions,
};
pub(crate) use message::Message;

/// One tenant of the loop.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) exchange: Exchange,
    pub(crate) durable: Arc<Durable>,
    pub(crate) events: broadcast::Sender<SharedEvent>,
    /// The last number that the exchange was told to be on disk.
    told: u64,
    /// Events of this turn, to be handed to the ledger together.
    fresh: Vec<Arc<Event>>,
    /// Pieces of tapes, on their way to disk with the events of this turn.
    tapes: Vec<Taped>,
    /// Live interactions of whose tapes pieces were let go, since the disk was behind.
    untaped: BTreeSet<InteractionId>,
    /// What waits for facts to be on disk.
    backlog: Backlog,
    /// When the exchange wants to be called back.
    deadline: Option<Timestamp>,
}

impl Tenant {
    pub(crate) fn new(
        exchange: Exchange,
        id: TenantId,
        durable: Arc<Durable>,
        events: broadcast::Sender<SharedEvent>,
    ) -> Self {
        let told = durable.seq();
        Self {
            id,
            exchange,
            durable,
            events,
            told,
            fresh: Vec::new(),
            tapes: Vec::new(),
            untaped: BTreeSet::new(),
            backlog: Backlog::default(),
            deadline: None,
        }
    }
}

impl Tenant {
    /// A tape is worth less than the room that it takes while the disk is behind: then pieces are let go, and the tape with them.
    fn tape(&mut self, taped: Taped, has_room: bool) {
        let Taped { interaction, piece } = taped;
        let is_last = matches!(piece, Piece::Over { .. });
        if has_room && !self.untaped.contains(&interaction) {
            self.tapes.push(Taped { interaction, piece });
        } else if is_last {
            self.untaped.remove(&interaction);
            self.tapes.push(Taped { interaction, piece: Piece::Lost });
        } else {
            self.untaped.insert(interaction);
        }
    }
}

/// Makes the exchange of a tenant that was not there at the start; `None` if the system denies what it needs.
pub(crate) type MakeTenant = Box<dyn Fn(Timestamp, Arc<Configuration>) -> Option<Tenant> + Send>;

/// What the loop is made of, beside its sockets.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) make_tenant: MakeTenant,
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) media: MediaPlane,
    pub(crate) questions: Questions,
    pub(crate) ledger: Ledger,
    /// Notified when more is on disk.
    pub(crate) committed: Arc<Notify>,
    /// Live calls of all tenants; one more is answered 503.
    pub(crate) most_calls: u32,
    pub(crate) alarms: Arc<Alarms>,
}

pub(crate) struct Loop {
    sockets: SipSockets,
    parts: Parts,
    front: Front,
    /// Of the commands of this turn: an exchange replies at once.
    replies: BTreeMap<CommandId, ReplyTo>,
    next_command: u64,
    commands: Vec<media::Command>,
    /// Batches that the ledger had no room for, oldest first. Their events are in the tenants' backlogs, which are bounded.
    behind: VecDeque<Batch>,
    /// The disk stands still: no new calls, and commands are refused.
    refusing: bool,
    draining_until: Option<Timestamp>,
    /// Live calls of all tenants, counted anew each turn.
    live: u32,
}

/// Messages of other threads taken in one turn.
const BURST: usize = 256;
/// Question and recording numbers carry the tenant in their upper bits.
const TENANT_SHIFT: u32 = 48;

impl Loop {
    pub(crate) fn new(sockets: SipSockets, parts: Parts) -> Self {
        Self {
            sockets,
            parts,
            front: Front::new(),
            replies: BTreeMap::new(),
            next_command: 1,
            commands: Vec::new(),
            behind: VecDeque::new(),
            refusing: false,
            draining_until: None,
            live: 0,
        }
    }

    /// Runs until drained. Gives back what must be closed in order.
    pub(crate) async fn run(mut self) -> (Ledger, MediaPlane) {
        let mut received = Vec::new();
        let mut messages = Vec::new();
        self.carry_out_all(self.parts.clock.now());
        loop {
            let deadline = self.next_deadline();
            let sleep = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(self.parts.clock.instant(at).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.sockets.receive(&mut received) => {}
                _ = self.parts.inbox.recv_many(&mut messages, BURST) => {}
                () = self.parts.committed.notified() => {}
                () = sleep => {}
            }
            let now = self.parts.clock.now();
            self.refuse_while_the_disk_stands_still(now);
            self.live = self.parts.tenants.iter().map(|tenant| tenant.exchange.live_calls()).sum();
            for received in received.drain(..) {
                self.received(now, received);
            }
            for message in messages.drain(..) {
                self.message(now, message);
            }
            self.tell_committed(now);
            self.run_timers(now);
            self.carry_out_all(now);
            if self.is_drained(now) {
                break;
            }
        }
        (self.parts.ledger, self.parts.media)
    }

    fn refuse_while_the_disk_stands_still(&mut self, now: Timestamp) {
        let refusing = self.parts.tenants.iter().any(|tenant| tenant.backlog.is_too_long(now));
        if std::mem::replace(&mut self.refusing, refusing) == refusing {
            return;
        }
        if refusing {
            let detail = "the disk stands still: new calls are answered 503 and commands refused until it writes again; live calls go on";
            self.parts.alarms.raise(AlarmName::DiskBehind, "", detail);
        } else {
            self.parts.alarms.clear(AlarmName::DiskBehind, "");
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let tenants = self.parts.tenants.iter().filter_map(|tenant| tenant.deadline).min();
        let retry = (!self.behind.is_empty()).then(|| self.parts.clock.now() + Duration::from_millis(5));
        [tenants, retry, self.draining_until].into_iter().flatten().min()
    }

    fn received(&mut self, now: Timestamp, received: Received) {
        match received {
            Received::Bytes { source, bytes } => {
                // One tenant, which is most installations, needs no look at the message.
                let index = match self.parts.tenants.len() {
                    1 => Some(0),
                    _ => self.front.tenant_of(&self.parts.tenants, source, &bytes),
                };
                match index {
                    Some(index) => {
                        self.hand_over(now, index, Input::Sip { source, bytes });
                    }
                    None => {
                        if let Some((target, bytes)) = self.front.refuse(source, &bytes) {
                            self.sockets.send(target, &bytes);
                        }
                    }
                }
            }
            Received::Identified { connection, names } => {
                for tenant in &mut self.parts.tenants {
                    tenant.exchange.handle_input(now, Input::SipIdentified { connection, names: names.clone() });
                }
            }
            Received::ConnectionLost { connection } => {
                for tenant in &mut self.parts.tenants {
                    tenant.exchange.handle_input(now, Input::SipConnectionLost { connection });
                }
            }
            Received::Unreachable { remote } => {
                for tenant in &mut self.parts.tenants {
                    tenant.exchange.handle_input(now, Input::SipUnreachable { remote });
                }
            }
        }
    }

    fn message(&mut self, now: Timestamp, message: Message) {
        match message {
            Message::Media(events) => {
                for event in events {
                    self.media_event(now, event);
                }
            }
            Message::Answered(reply) => {
                let index = usize::try_from(reply.id >> TENANT_SHIFT).unwrap_or(usize::MAX);
                let answer = self.parts.questions.answer(now, reply.id, reply.result);
                if let Some(tenant) = self.parts.tenants.get_mut(index) {
                    let question = QuestionId(reply.id & ((1 << TENANT_SHIFT) - 1));
                    tenant.exchange.handle_input(now, Input::Answered { question, answer });
                }
            }
            Message::Command { tenant, by, command, reply } => {
                // An unknown tenant's sender is dropped, which the asker sees.
                let Some(index) = self.parts.tenants.iter().position(|known| known.id == tenant) else { return };
                if self.refusing && !is_safe_without_a_disk(&command) {
                    let reason = "nothing comes to disk, so nothing new is begun".to_owned();
                    // The client may have gone.
                    let _ = reply.send(Err(HostError::Store { reason }));
                    return;
                }
                let id = CommandId(self.next_command);
                self.next_command += 1;
                self.replies.insert(id, reply);
                self.hand_over(now, index, Input::Command { id, by, command });
            }
            Message::Configure { configuration, done } => {
                match self.parts.tenants.iter_mut().find(|known| known.id == configuration.tenant) {
                    Some(tenant) => tenant.exchange.handle_input(now, Input::Configure(configuration)),
                    None => {
                        // Without one, `done` is dropped and the asker is told.
                        let Some(tenant) = (self.parts.make_tenant)(now, configuration) else { return };
                        self.parts.tenants.push(tenant);
                        self.front.share_ports(now, &mut self.parts.tenants);
                    }
                }
                // Whoever asked may have gone; the configuration is in force all the same.
                let _ = done.send(());
            }
            Message::Storage { full } => {
                for tenant in &mut self.parts.tenants {
                    tenant.exchange.handle_input(now, Input::Storage { full });
                }
            }
            Message::Drain { until } => {
                self.draining_until = Some(now + until);
                for tenant in &mut self.parts.tenants {
                    tenant.exchange.handle_input(now, Input::Drain);
                }
            }
        }
    }

    /// Gives a tenant what may begin a call, with word of how many calls the others leave it.
    fn hand_over(&mut self, now: Timestamp, index: usize, input: Input) {
        let exchange = &mut self.parts.tenants[index].exchange;
        let others = self.live.saturating_sub(exchange.live_calls());
        let most = if self.refusing { 0 } else { self.parts.most_calls };
        exchange.allow_calls(most.saturating_sub(others));
        exchange.handle_input(now, input);
        self.live = others + exchange.live_calls();
    }

    fn media_event(&mut self, now: Timestamp, event: media::Event) {
        match event {
            media::Event::PortsAvailable { ports } => {
                self.front.ports_came(ports);
                self.front.share_ports(now, &mut self.parts.tenants);
            }
            media::Event::RecordingClosed { recording, path, summary } => {
                let (index, recording) = split(recording);
                let event = media::Event::RecordingClosed { recording, path, summary };
                self.give(now, Some(index), event);
            }
            media::Event::RecordingFailed { recording, reason } => {
                let (index, recording) = split(recording);
                self.give(now, Some(index), media::Event::RecordingFailed { recording, reason });
            }
            media::Event::Digit { port, .. }
            | media::Event::Heard { port }
            | media::Event::PlayEnded { port, .. }
            | media::Event::PlayFailed { port, .. }
            | media::Event::RtpTimeout { port, .. }
            | media::Event::Closed { port, .. } => {
                let index = self.front.owner_of(port);
                self.give(now, index, event);
            }
        }
    }

    fn give(&mut self, now: Timestamp, index: Option<usize>, event: media::Event) {
        if let Some(tenant) = index.and_then(|index| self.parts.tenants.get_mut(index)) {
            tenant.exchange.handle_input(now, Input::Media(event));
        }
    }

    fn tell_committed(&mut self, now: Timestamp) {
        while let Some(batch) = self.behind.pop_front() {
            if let Err(batch) = self.parts.ledger.append(batch) {
                self.behind.push_front(batch);
                break;
            }
        }
        for tenant in &mut self.parts.tenants {
            let seq = tenant.durable.seq();
            if seq > tenant.told {
                tenant.told = seq;
                tenant.exchange.handle_input(now, Input::Committed { seq });
            }
            while let Some(event) = tenant.backlog.next_event(seq) {
                // Nobody listening any more is ordinary.
                let _ = tenant.events.send(event);
            }
            tenant.backlog.reply(seq);
        }
    }

    fn run_timers(&mut self, now: Timestamp) {
        for tenant in &mut self.parts.tenants {
            if tenant.exchange.poll_timeout().is_some_and(|at| at <= now) {
                tenant.exchange.handle_timeout(now);
            }
        }
    }

    fn carry_out_all(&mut self, now: Timestamp) {
        for index in 0..self.parts.tenants.len() {
            self.carry_out(now, index);
        }
        if !self.commands.is_empty() {
            let commands = std::mem::take(&mut self.commands);
            if let Err(error) = self.parts.media.send(commands) {
                tracing::error!(error = &error as &dyn std::error::Error, "media commands were lost");
            }
        }
        // Ports that went out of use come back to all.
        self.front.share_ports(now, &mut self.parts.tenants);
    }

    fn carry_out(&mut self, now: Timestamp, index: usize) {
        while let Some(output) = self.parts.tenants[index].exchange.poll_output() {
            match output {
                Output::Sip { target, bytes } => self.sockets.send(target, &bytes),
                Output::Media(mut command) => {
                    if let media::Command::Play { port, sources, .. } = &mut command {
                        let tenant = &self.parts.tenants[index];
                        let party = |interaction| tenant.exchange.call(interaction).map(party);
                        let interaction = tenant.exchange.interaction_at(*port);
                        self.parts.questions.place_sounds(&tenant.id, interaction, sources, party);
                    }
                    self.commands.push(for_plane(index, command));
                }
                Output::Ask(question) => {
                    let id = question.id.0 | (index as u64) << TENANT_SHIFT;
                    let (asked, tenant) = (question.id, &mut self.parts.tenants[index]);
                    let party = |interaction| tenant.exchange.call(interaction).map(party);
                    if let Some(answer) = self.parts.questions.ask(now, id, &tenant.id, question, party) {
                        tenant.exchange.handle_input(now, Input::Answered { question: asked, answer });
                    }
                }
                Output::Record(event) => {
                    let tenant = &mut self.parts.tenants[index];
                    tenant.backlog.add(Arc::clone(&event));
                    tenant.fresh.push(event);
                }
                Output::Tape(taped) => self.parts.tenants[index].tape(taped, self.behind.is_empty()),
                Output::Reply { id, after, result } => {
                    let Some(to) = self.replies.remove(&id) else { continue };
                    let result = result.map_err(HostError::from);
                    let tenant = &mut self.parts.tenants[index];
                    match after.filter(|after| *after > tenant.durable.seq()) {
                        Some(after) => tenant.backlog.hold(after, to, result),
                        // The client may have gone.
                        None => drop(to.send(result)),
                    }
                }
            }
        }
        let tenant = &mut self.parts.tenants[index];
        tenant.deadline = tenant.exchange.poll_timeout();
        if !tenant.fresh.is_empty() {
            let events = std::mem::take(&mut tenant.fresh);
            // Somebody waits for these to be on disk: an agent's phone to ring, an effect to be done.
            let awaited =
                |event: &Arc<Event>| matches!(event.kind, EventKind::Reserved { .. } | EventKind::Judged { .. });
            let urgent = tenant.backlog.has_clients() || events.iter().any(awaited);
            let batch = Batch {
                tenant: tenant.id.clone(),
                events,
                tapes: std::mem::take(&mut tenant.tapes),
                durable: Arc::clone(&tenant.durable),
                configuration: Arc::clone(tenant.exchange.configuration()),
                urgent,
            };
            if !self.behind.is_empty() {
                self.behind.push_back(batch);
            } else if let Err(batch) = self.parts.ledger.append(batch) {
                tracing::warn!("the disk cannot keep up with events");
                self.behind.push_back(batch);
            }
        }
    }

    fn is_drained(&self, now: Timestamp) -> bool {
        self.draining_until
            .is_some_and(|until| now >= until || self.parts.tenants.iter().all(|tenant| tenant.exchange.is_idle()))
    }
}

/// Who is part of a call.
fn party(call: &plugboard_call::Call) -> Party<'_> {
    let tags = call.tags().iter().map(|(name, value)| format!("{name}={value}"));
    Party { from: call.from(), to: call.to(), tags: tags.collect() }
}

/// Whether a command may be carried out while nothing can be kept: it only looks, or leaves less to do.
fn is_safe_without_a_disk(command: &Command) -> bool {
    matches!(command, Command::Snapshot | Command::Call { command: plugboard_call::Command::HangUp, .. })
}

fn split(recording: u64) -> (usize, u64) {
    (usize::try_from(recording >> TENANT_SHIFT).unwrap_or(usize::MAX), recording & ((1 << TENANT_SHIFT) - 1))
}

/// Recordings are numbered by tenant; the plane knows one row of numbers.
fn for_plane(index: usize, command: media::Command) -> media::Command {
    let mark = |recording: u64| recording | (index as u64) << TENANT_SHIFT;
    match command {
        media::Command::Record { recording, path, left, right } => {
            media::Command::Record { recording: mark(recording), path, left, right }
        }
        media::Command::AttachRecording { recording, right } => {
            media::Command::AttachRecording { recording: mark(recording), right }
        }
        media::Command::PauseRecording { recording } => media::Command::PauseRecording { recording: mark(recording) },
        media::Command::ResumeRecording { recording } => media::Command::ResumeRecording { recording: mark(recording) },
        media::Command::StopRecording { recording } => media::Command::StopRecording { recording: mark(recording) },
        command => command,
    }
}
