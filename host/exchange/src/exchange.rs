//! The machine itself: what it owns, how inputs find their way, and when it wants to be called back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use plugboard_acd::Acd;
use plugboard_call::{Call, Ids, Input as CallInput, gate::JudgingId};
use plugboard_media as media;
use plugboard_model::{
    AgentId, Configuration, Event, EventKind, InteractionId, LegId, QueueId, RecordingId, Timestamp,
};
use plugboard_sip as sip;

use crate::{
    Command, CommandError, CommandId, Question, QuestionId, Reply, Settings,
    attempts::Attempts,
    handout::Handouts,
    lines::Lines,
    listening::Conversations,
    lookups::Lookups,
    memory::Memory,
    messages::Messages,
    ports::Ports,
    question::Asked,
    recent::Recent,
    registration::Registration,
    routing::Routing,
    sound::RecordingInProgress,
    taping::{Taped, Tapes},
    trunking::Trunking,
};

/// What happens to an exchange.
#[derive(Debug)]
pub enum Input {
    /// A SIP message for this tenant, as it came.
    Sip {
        source: sip::Source,
        bytes: Vec<u8>,
    },
    /// The peer of a TLS connection has shown a certificate for these domains.
    SipIdentified {
        connection: u64,
        names: Vec<String>,
    },
    SipConnectionLost {
        connection: u64,
    },
    SipUnreachable {
        remote: std::net::SocketAddr,
    },
    Media(media::Event),
    /// A component's answer, or why there is none.
    Answered {
        question: QuestionId,
        answer: crate::Answer,
    },
    Command {
        id: CommandId,
        /// The name of the access key that it came with; `None`: nobody in particular.
        by: Option<Arc<str>>,
        command: Command,
    },
    /// Every event up to `seq` is on disk.
    Committed {
        seq: u64,
    },
    Configure(Arc<Configuration>),
    /// No new calls from here on; those that are live go on.
    Drain,
    /// The disk is full, or well again: new recordings are not begun, or are.
    Storage {
        full: bool,
    },
}

/// What an exchange asks for. Outputs are to be carried out in order.
#[derive(Debug)]
pub enum Output {
    Sip {
        target: sip::Target,
        bytes: Arc<[u8]>,
    },
    Media(media::Command),
    Ask(Question),
    /// To be appended to the tenant's log.
    Record(Arc<Event>),
    /// What components were asked and said, for [`crate::TapeWriter`]. The tape is to be kept as long as the tenant wants to play it again; a lost one
    /// loses no fact.
    Tape(Taped),
    /// `after`: not before the event of that number is on disk.
    Reply {
        id: CommandId,
        after: Option<u64>,
        result: Result<Reply, CommandError>,
    },
}

/// One tenant's contact centre.
pub struct Exchange {
    pub(crate) settings: Settings,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) sip: sip::Endpoint,
    pub(crate) registration: Registration,
    /// Domains of the certificates that peers of open connections have shown.
    pub(crate) identified: BTreeMap<u64, Vec<String>>,
    pub(crate) trunking: Trunking,
    pub(crate) acd: Acd,
    pub(crate) calls: BTreeMap<InteractionId, Call>,
    pub(crate) lines: Lines,
    /// Calls that ended a while ago: their agents may still say what it was about.
    pub(crate) recent: Recent,
    /// Ports of legs that ended, whose statistics are still to come.
    pub(crate) closing_ports: BTreeMap<media::Port, (InteractionId, LegId)>,
    pub(crate) ports: Ports,
    pub(crate) recordings: BTreeMap<RecordingId, RecordingInProgress>,
    /// With the time when an answer is given up for lost.
    pub(crate) asked: BTreeMap<QuestionId, (Timestamp, Asked)>,
    pub(crate) next_question: u64,
    pub(crate) lookups: Lookups,
    pub(crate) tapes: Tapes,
    pub(crate) routing: Routing,
    pub(crate) ids: Ids,
    /// Keys of SRTP so far.
    pub(crate) drawn_keys: u64,
    next_interaction: u64,
    seq: u64,
    /// Agents to ring once their reservation is on disk, by the number of the event that says so.
    pub(crate) promised: BTreeMap<u64, Vec<Promise>>,
    /// Effects that wait for their evidence to be on disk, by the number of the event that holds it.
    pub(crate) proofs: BTreeMap<u64, (Judger, JudgingId)>,
    /// Commands that rules think about, with the reply should they allow it.
    pub(crate) judged_commands: BTreeMap<(InteractionId, JudgingId), (CommandId, Reply)>,
    /// What is asked for and belongs to no call: data that is to leave.
    pub(crate) handouts: Handouts,
    pub(crate) messages: Messages,
    pub(crate) conversations: Conversations,
    /// When rules that listen are asked if nobody speaks before.
    pub(crate) silences: BTreeSet<(Timestamp, InteractionId)>,
    /// Who gave the command that is being carried out.
    pub(crate) commanded_by: Option<Arc<str>>,
    pub(crate) attempts: Attempts,
    /// Promises made while the events of this input are still being written.
    fresh_promises: Vec<Promise>,
    pub(crate) deadlines: BTreeSet<(Timestamp, InteractionId)>,
    pub(crate) deadline_of: BTreeMap<InteractionId, Timestamp>,
    pub(crate) disk_full: bool,
    pub(crate) draining: bool,
    /// Live calls that the host has room for here, beside the tenant's own limit.
    pub(crate) allowed: u32,
    /// News that a call caused itself, told once it has done what it was at.
    later: VecDeque<(InteractionId, CallInput)>,
    output: VecDeque<Output>,
}

/// Whose gate rules are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Judger {
    Call(InteractionId),
    /// Of data that is to leave.
    Handouts,
    Messages,
}

#[derive(Debug)]
pub(crate) struct Promise {
    pub(crate) interaction: InteractionId,
    pub(crate) agent: AgentId,
    pub(crate) queue: Option<QueueId>,
}

impl Exchange {
    /// An exchange with nothing live. `configuration` takes effect at once; the first event says so.
    pub fn new(now: Timestamp, settings: Settings, configuration: Arc<Configuration>) -> Self {
        let sip = sip::Endpoint::new(
            sip::Config {
                token: settings.token.clone(),
                advertised: settings.advertised.clone(),
                ..sip::Config::default()
            },
            settings.seed,
        );
        let mut exchange = Self {
            registration: Registration::new(&settings, &configuration),
            trunking: Trunking::new(now, &configuration, settings.seed),
            acd: Acd::new(&configuration),
            identified: BTreeMap::new(),
            sip,
            calls: BTreeMap::new(),
            lines: Lines::default(),
            recent: Recent::default(),
            closing_ports: BTreeMap::new(),
            ports: Ports::default(),
            recordings: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_question: 1,
            lookups: Lookups::default(),
            tapes: Tapes::default(),
            routing: Routing::new(&configuration),
            ids: Ids::starting_after(settings.last_id),
            drawn_keys: 0,
            next_interaction: settings.last_id + 1,
            seq: settings.last_seq,
            promised: BTreeMap::new(),
            proofs: BTreeMap::new(),
            judged_commands: BTreeMap::new(),
            handouts: Handouts::default(),
            messages: Messages::default(),
            conversations: Conversations::new(),
            silences: BTreeSet::new(),
            commanded_by: None,
            attempts: Attempts::default(),
            fresh_promises: Vec::new(),
            deadlines: BTreeSet::new(),
            deadline_of: BTreeMap::new(),
            disk_full: false,
            draining: false,
            allowed: u32::MAX,
            later: VecDeque::new(),
            output: VecDeque::new(),
            settings,
            configuration,
        };
        exchange.fact(now, EventKind::ConfigurationApplied { revision: exchange.configuration.revision });
        exchange
    }

    /// Takes one input. Afterwards drain [`Self::poll_output`].
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Sip { source, bytes } => {
                self.sip.handle_input(now.since_epoch(), sip::Input::Received { source, bytes: &bytes });
            }
            Input::SipIdentified { connection, names } => drop(self.identified.insert(connection, names)),
            Input::SipConnectionLost { connection } => {
                self.identified.remove(&connection);
                self.sip.handle_input(now.since_epoch(), sip::Input::ConnectionLost { connection });
                self.registration.registrar.remove_connection(connection);
            }
            Input::SipUnreachable { remote } => {
                self.sip.handle_input(now.since_epoch(), sip::Input::Unreachable { remote });
            }
            Input::Media(event) => self.media_event(now, event),
            Input::Answered { question, answer } => self.answered(now, question, answer),
            Input::Command { id, by, command } => self.command(now, id, by, command),
            Input::Committed { seq } => self.committed(now, seq),
            Input::Configure(configuration) => self.configure(now, configuration),
            Input::Storage { full } => self.storage(now, full),
            Input::Drain => self.draining = true,
        }
        self.settle(now);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.sip.handle_timeout(now.since_epoch());
        self.registration.registrar.handle_timeout(now.since_epoch());
        self.acd.handle_timeout(now);
        self.forget_lost_questions(now);
        self.handouts_timeout(now);
        self.messages_timeout(now);
        self.silences_timeout(now);
        self.trunks_timeout(now);
        while let Some((_, interaction)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.pop_first();
            self.deadline_of.remove(&interaction);
            self.with_call(now, interaction, |call, now, context| call.handle_timeout(now, context));
        }
        self.settle(now);
    }

    /// When to call [`Self::handle_timeout`]; `None` while only an input can move us.
    pub fn poll_timeout(&mut self) -> Option<Timestamp> {
        let parts = [
            self.sip.poll_timeout().map(Timestamp::from),
            self.registration.registrar.poll_timeout().map(Timestamp::from),
            self.acd.poll_timeout(),
            self.deadlines.first().map(|(at, _)| *at),
            self.first_lost_question(),
            self.handouts.poll_timeout(),
            self.messages.poll_timeout(),
            self.silences.first().map(|(at, _)| *at),
            self.trunking.poll_timeout(),
        ];
        parts.into_iter().flatten().min()
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Whether nothing is live: no call, no dialog that still says goodbye, no recording that is still being closed.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.sip.calls() == 0 && self.recordings.is_empty()
    }

    /// Interactions that are live.
    pub fn live_calls(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// A live interaction.
    pub fn call(&self, interaction: InteractionId) -> Option<&Call> {
        self.calls.get(&interaction)
    }

    /// Whose sound a media port carries.
    pub fn interaction_at(&self, port: media::Port) -> Option<InteractionId> {
        self.lines.get(self.lines.at_port(port)?).map(|line| line.interaction)
    }

    /// The host has room for so many live calls of this tenant; one more is answered 503. Those that are live stay.
    pub fn allow_calls(&mut self, most: u32) {
        self.allowed = most;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.live_calls() >= self.configuration.limits.interactions.min(self.allowed)
    }

    /// Media ports that are ready for calls.
    pub fn free_ports(&self) -> usize {
        self.ports.free()
    }

    /// Whether a message belongs to a dialog or transaction of ours, by the mark in its tag or branch.
    pub fn owns(&self, message: &sip::message::Message) -> bool {
        let ours = |text: Option<&str>| text.is_some_and(|text| text.starts_with(&self.settings.token));
        if message.is_request() {
            return ours(message.to().and_then(|to| to.tag()));
        }
        let branch = message.top_via().and_then(|via| via.unique_branch());
        ours(branch.map(|branch| branch.trim_start_matches("z9hG4bK")))
    }

    /// Whether a message that begins something is for this tenant: by domain, agent, number, or the trunk that it comes from or could.
    pub fn is_for(&self, message: &sip::message::Message, source: sip::Source) -> bool {
        let configuration = &self.configuration;
        let Ok(uri) = message.uri() else { return false };
        let domain_is_ours = |host: &str| configuration.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host));
        let from = message.from().and_then(|from| from.uri().ok());
        if domain_is_ours(uri.host()) || from.as_ref().is_some_and(|from| domain_is_ours(from.host())) {
            return true;
        }
        if from.is_some_and(|from| self.agent_named(&from).is_some()) {
            return true;
        }
        let Some(dialled) = uri.user_decoded() else { return false };
        let reaches = |trunk: &plugboard_model::Trunk| {
            configuration.numbers.contains_key(&*plugboard_trunk::rewritten(&dialled, &trunk.incoming))
        };
        match self.trunk_of(source) {
            Some((_, trunk)) => reaches(trunk),
            None => configuration.trunks.values().any(|trunk| trunk.by_account && reaches(trunk)),
        }
    }

    /// With what was before the process began. Before its first input.
    #[must_use]
    pub fn remembering(mut self, memory: Memory) -> Self {
        (self.attempts, self.handouts) = (memory.attempts, memory.handouts);
        self
    }

    pub fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn fact(&mut self, now: Timestamp, kind: EventKind) {
        self.seq += 1;
        self.attempts.handle_fact(now, &kind);
        self.messages.handle_fact(now, &kind);
        self.output.push_back(Output::Record(Arc::new(Event { seq: self.seq, at: now, kind })));
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.output.push_back(output);
    }

    pub(crate) fn later(&mut self, interaction: InteractionId, input: CallInput) {
        self.later.push_back((interaction, input));
    }

    pub(crate) fn storage_is_full(&mut self, now: Timestamp) {
        self.storage(now, true);
    }

    pub(crate) fn media(&mut self, command: media::Command) {
        if let Some(command) = self.hold_back(command) {
            self.output.push_back(Output::Media(command));
        }
    }

    pub(crate) fn new_interaction(&mut self) -> InteractionId {
        self.next_interaction += 1;
        InteractionId(self.next_interaction - 1)
    }

    /// Carries on until nothing moves any more.
    fn settle(&mut self, now: Timestamp) {
        loop {
            if let Some((interaction, input)) = self.later.pop_front() {
                self.call_input(now, interaction, input);
            } else if let Some(output) = self.sip.poll_output() {
                match output {
                    sip::Output::Send { target, bytes } => self.push(Output::Sip { target, bytes }),
                    sip::Output::Event(event) => self.sip_event(now, event),
                }
            } else if let Some(output) = self.acd.poll_output() {
                self.acd_output(now, output);
            } else if let Some(output) = self.trunking.poll_output() {
                self.trunk_output(now, output);
            } else if let Some(change) = self.registration.registrar.poll_change() {
                self.binding_changed(now, change);
            } else {
                break;
            }
        }
        self.output.extend(self.tapes.take().into_iter().map(Output::Tape));
        if !self.fresh_promises.is_empty() {
            let promises = std::mem::take(&mut self.fresh_promises);
            self.promised.entry(self.seq).or_default().extend(promises);
            self.drop_broken_promises();
        }
    }

    /// An agent is reserved: the phone rings as soon as that is on disk.
    pub(crate) fn promise(&mut self, promise: Promise) {
        self.fresh_promises.push(promise);
    }

    fn committed(&mut self, now: Timestamp, seq: u64) {
        while let Some(entry) = self.proofs.first_entry().filter(|entry| *entry.key() <= seq) {
            match entry.remove() {
                (Judger::Call(interaction), judging) => {
                    self.call_input(now, interaction, CallInput::EvidenceStored { judging });
                }
                (Judger::Handouts, judging) => self.handout_proven(now, judging),
                (Judger::Messages, judging) => self.message_proven(now, judging),
            }
        }
        while let Some(entry) = self.promised.first_entry().filter(|entry| *entry.key() <= seq) {
            for promise in entry.remove() {
                let Promise { interaction, agent, queue } = promise;
                // Whoever gave up meanwhile was told; a call that is gone has let go of the agent.
                if self.acd_still_promises(interaction, &agent) {
                    self.call_input(now, interaction, CallInput::RingAgent { agent, queue });
                }
            }
        }
    }

    /// While the disk stalls, leases run out and are promised anew: the old ones need not be kept.
    fn drop_broken_promises(&mut self) {
        if self.promised.len() < 1_024 {
            return;
        }
        let mut promised = std::mem::take(&mut self.promised);
        promised.retain(|_, promises| {
            promises.retain(|promise| self.acd_still_promises(promise.interaction, &promise.agent));
            !promises.is_empty()
        });
        self.promised = promised;
    }

    fn acd_still_promises(&self, interaction: InteractionId, agent: &AgentId) -> bool {
        use plugboard_model::AgentState::Reserved;
        self.acd.agent(agent).is_some_and(|view| view.state == Reserved { interaction })
    }

    fn configure(&mut self, now: Timestamp, configuration: Arc<Configuration>) {
        self.configuration = configuration.clone();
        self.routing.configure(&configuration);
        self.lookups.configure(&configuration.connectors);
        self.trunking.configure(now, &configuration);
        let revision = configuration.revision;
        self.acd.handle_input(now, plugboard_acd::Input::Configure(configuration));
        self.refresh_agents(now);
        self.fact(now, EventKind::ConfigurationApplied { revision });
    }

    fn storage(&mut self, now: Timestamp, full: bool) {
        if self.disk_full != full {
            self.disk_full = full;
            let detail = if full { "recordings stop until there is room; calls go on" } else { "there is room again" };
            self.fact(now, EventKind::Alarm { name: "disk-full".into(), detail: detail.into() });
            if full {
                // What is left is for events: without them no agent's phone rings.
                let running: Vec<u64> = self.recordings.keys().map(|recording| recording.0).collect();
                for recording in running {
                    self.media(media::Command::StopRecording { recording });
                }
            }
        }
    }
}
