//! A host that does what a test tells it: one tenant, everything in memory.
#![allow(dead_code, reason = "the preview uses a part of it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use plugboard_api::{
    Alarm, Answer, Applied, ApplyError, Came, CdrQuery, Change, ChangeKind, ChannelView, CircuitState,
    ConnectorLetters, ConnectorView, Cursor, DayUsage, DeadLetters, Fault, Host, HostError, HostView, Known,
    LettersRefused, Listener, Message, MessageQuery, PackChange, PackChanged, PackDetail, PackLog, PackOrder,
    PackRefused, PackView, Page, Phase, PluginFigures, PluginTraces, RecordingFile, RecordingQuery, RolloutView,
    Sealed, Sha256, TapeQuery, TenantSummary, TraceQuery, Upload, WebhookRefused,
};
use plugboard_exchange::{Command, CommandError, Handout, Leave, Reply, SharedEvent, Snapshot};
use plugboard_model::{
    Agent, Configuration, EndedBy, Event, EventKind, FlowDocument, InteractionId, Number, NumberTarget, Prompt, Queue,
    QueueExit, RecordingId, TenantId, Timestamp, Trunk, channel::WebhookReply, compliance::Effect, routing::Tables,
    tape::Tape,
};
use plugboard_reporting::{
    AgentInterval, Cdr, QueueInterval,
    cdr::{AgentSegment, Direction, QueueVisit},
};
use tokio::sync::{Notify, broadcast};

pub(crate) struct Double {
    pub configuration: Mutex<Arc<Configuration>>,
    pub snapshot: Mutex<Snapshot>,
    /// What the next commands come to; `Done` when it is used up.
    pub replies: Mutex<Vec<Result<Reply, HostError>>>,
    pub commands: Mutex<Vec<Command>>,
    /// The token of the last one.
    pub asked_by: Mutex<String>,
    /// What may leave has to be masked.
    pub masks: AtomicBool,
    /// The log. [`Double::say`] writes here and tells it live.
    pub log: Mutex<Vec<SharedEvent>>,
    pub live: broadcast::Sender<SharedEvent>,
    pub cdrs: Mutex<Vec<Cdr>>,
    pub queue_intervals: Mutex<Vec<QueueInterval>>,
    pub agent_intervals: Mutex<Vec<AgentInterval>>,
    pub tapes: Mutex<Vec<Tape>>,
    pub recordings: Mutex<Vec<RecordingFile>>,
    pub prompts: Mutex<BTreeSet<Sha256>>,
    /// Tenants that a test made.
    pub newcomers: Mutex<BTreeMap<TenantId, Arc<Configuration>>>,
    pub ready: Mutex<bool>,
    pub alarms: Mutex<Vec<Alarm>>,
    pub plugins: Mutex<Vec<PluginFigures>>,
    /// Every question to the store fails with this.
    pub failure: Mutex<Option<HostError>>,
    /// So many changes find that somebody else was faster.
    pub conflicts: Mutex<u32>,
    /// Commands are never answered.
    pub deaf: AtomicBool,
    pub packs: Mutex<Vec<PackView>>,
    pub messages: Mutex<Vec<Message>>,
    /// Webhooks.
    pub webhooks: Mutex<Vec<Came>>,
    pub webhook_refused: Mutex<Option<WebhookRefused>>,
    pub orders: Mutex<Vec<PackOrder>>,
    /// What the next order comes to; an empty install that serves when there is none.
    pub came: Mutex<Option<Result<PackChanged, PackRefused>>>,
    pub pack_log: Mutex<PackLog>,
    pub plugin_traces: Mutex<Option<PluginTraces>>,
    pub usage: Mutex<Vec<DayUsage>>,
    pub rollout: Mutex<Option<RolloutView>>,
    /// Changes of the configuration wait until it is told.
    pub slow: Mutex<Option<Arc<Notify>>>,
    /// Told of each reader of what is live.
    pub followed: Notify,
}

pub(crate) fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

pub(crate) fn configuration() -> Configuration {
    let mut configuration = Configuration { revision: 7, name: "Demo".into(), ..Configuration::empty(tenant()) };
    configuration.domains.push("demo.example".into());
    for (id, name) in [("sales", "Sales"), ("support", "Support")] {
        configuration.queues.insert(id.parse().unwrap(), Queue::named(name));
    }
    for (id, name, extension) in [("amy", "Amy Chen", "101"), ("bo", "Bo Larsen", "102"), ("lin", "林晓", "103")] {
        let agent = Agent {
            name: name.into(),
            extension: extension.parse().unwrap(),
            password: format!("secret-of-{id}"),
            queues: vec!["sales".parse().unwrap()],
            skills: BTreeMap::new(),
            ready_on_register: true,
        };
        configuration.agents.insert(id.parse().unwrap(), agent);
    }
    let flow = FlowDocument { plugin: "flow-graph".into(), document: "{}".into() };
    configuration.flows.insert("main".parse().unwrap(), flow);
    for (number, target) in [
        ("8000", NumberTarget::Flow("main".parse().unwrap())),
        ("8001", NumberTarget::Queue("support".parse().unwrap())),
    ] {
        configuration.numbers.insert(number.parse::<Number>().unwrap(), target);
    }
    let trunk = Trunk {
        peers: vec!["192.0.2.1:5060".parse().unwrap()],
        user: Some("us".into()),
        password: Some("trunk-secret".into()),
        ..Trunk::default()
    };
    configuration.trunks.insert("carrier".into(), trunk);
    let prompt = Prompt {
        path: Path::new("/host/prompts/welcome.wav").into(),
        sha256: "ab".repeat(32),
        length: Prompt::LONGEST,
    };
    configuration.prompts.insert("welcome".into(), prompt);
    configuration
}

/// The record of an inbound call of a minute's length in which nothing happened.
pub(crate) fn cdr(interaction: InteractionId, started_at: Timestamp) -> Cdr {
    Cdr {
        interaction,
        revision: 1,
        last_seq: interaction.0,
        direction: Direction::Inbound,
        channel: "voice".into(),
        from: "4930".into(),
        to: "8000".into(),
        started_at,
        picked_up_at: None,
        answered_at: None,
        ended_at: started_at + Duration::from_secs(60),
        answered: false,
        abandoned: false,
        voicemail: false,
        interrupted: false,
        ended_by: EndedBy::Caller,
        cause: 16,
        status: None,
        duration_ms: 60_000,
        ivr_ms: 60_000,
        wait_ms: 0,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        wrap_up_ms: 0,
        legs: vec![],
        queues: vec![],
        agents: vec![],
        path: vec![],
        transfers: vec![],
        tags: vec![],
        disposition: None,
        recordings: vec![],
        judgements: vec![],
        failures: vec![],
        left_out: 0,
    }
}

/// A part of it: a wait of 1.2 s in `queue`.
pub(crate) fn visit(queue: &str, entered_at: Timestamp) -> QueueVisit {
    QueueVisit {
        queue: queue.parse().unwrap(),
        priority: 0,
        skills: vec![],
        position: 1,
        entered_at,
        wait_ms: 1_200,
        exit: Some(QueueExit::Connected),
        relaxed: vec![],
    }
}

/// Another: `agent` was promised the call, and answered it or not.
pub(crate) fn segment(agent: &str, reserved_at: Timestamp, answered_at: Option<Timestamp>) -> AgentSegment {
    AgentSegment {
        agent: agent.parse().unwrap(),
        queue: None,
        leg: None,
        reserved_at,
        since_free_ms: 0,
        answered_at,
        ended_at: None,
        ring_ms: 0,
        talk_ms: 0,
        hold_ms: 0,
        wrap_up_ms: None,
        released: None,
        ended_by: None,
    }
}

impl Double {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            configuration: Mutex::new(Arc::new(configuration())),
            snapshot: Mutex::default(),
            replies: Mutex::default(),
            commands: Mutex::default(),
            log: Mutex::default(),
            live: broadcast::channel(64).0,
            cdrs: Mutex::default(),
            queue_intervals: Mutex::default(),
            agent_intervals: Mutex::default(),
            tapes: Mutex::default(),
            recordings: Mutex::default(),
            prompts: Mutex::default(),
            newcomers: Mutex::default(),
            ready: Mutex::new(true),
            alarms: Mutex::default(),
            plugins: Mutex::default(),
            failure: Mutex::default(),
            conflicts: Mutex::default(),
            deaf: AtomicBool::new(false),
            asked_by: Mutex::default(),
            masks: AtomicBool::new(false),
            packs: Mutex::default(),
            messages: Mutex::default(),
            webhooks: Mutex::default(),
            webhook_refused: Mutex::default(),
            orders: Mutex::default(),
            came: Mutex::default(),
            rollout: Mutex::default(),
            plugin_traces: Mutex::default(),
            usage: Mutex::default(),
            pack_log: Mutex::new(PackLog { lines: vec![], next: 0, lost: false }),
            slow: Mutex::default(),
            followed: Notify::new(),
        })
    }

    /// Appends an event to the log and tells it live.
    pub(crate) fn say(&self, at: Timestamp, kind: EventKind) -> SharedEvent {
        let event = self.write(at, kind);
        let _ = self.live.send(event.clone());
        event
    }

    /// Appends an event to the log only.
    pub(crate) fn write(&self, at: Timestamp, kind: EventKind) -> SharedEvent {
        let mut log = self.log.lock().unwrap();
        let event = Arc::new(Event { seq: log.len() as u64 + 1, at, kind });
        log.push(event.clone());
        event
    }

    /// What the gate gives where rules allow it.
    fn leave(&self, mut handout: Handout) -> Leave {
        if let Effect::Export(export) = &mut handout.what {
            export.masked |= self.masks.load(Ordering::Relaxed);
        }
        Leave::without_rules(&Arc::new(Configuration::empty(tenant())), handout).unwrap()
    }

    fn fails(&self) -> Result<(), HostError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn page<T: Clone>(all: &[T], cursor: Option<&Cursor>, limit: usize) -> Result<Page<T>, HostError> {
    let start = cursor.map_or(Ok(0), |cursor| cursor.0.parse::<usize>().map_err(|_| HostError::BadCursor))?;
    let items: Vec<_> = all.iter().skip(start).take(limit).cloned().collect();
    let end = start + items.len();
    Ok(Page { items, next: (end < all.len()).then(|| Cursor(end.to_string())) })
}

fn changes(old: &Configuration, new: &Configuration) -> Vec<Change> {
    fn compare<K: Ord + ToString, V: PartialEq>(
        resource: &str,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        found: &mut Vec<Change>,
    ) {
        let mut add = |change, id: &K| found.push(Change { change, resource: resource.into(), id: id.to_string() });
        for (id, value) in new {
            match old.get(id) {
                None => add(ChangeKind::Added, id),
                Some(before) if before != value => add(ChangeKind::Changed, id),
                Some(_) => {}
            }
        }
        old.keys().filter(|id| !new.contains_key(id)).for_each(|id| add(ChangeKind::Removed, id));
    }
    let mut found = Vec::new();
    compare("queue", &old.queues, &new.queues, &mut found);
    compare("agent", &old.agents, &new.agents, &mut found);
    compare("number", &old.numbers, &new.numbers, &mut found);
    compare("trunk", &old.trunks, &new.trunks, &mut found);
    compare("list", &old.lists, &new.lists, &mut found);
    compare("flow", &old.flows, &new.flows, &mut found);
    compare("prompt", &old.prompts, &new.prompts, &mut found);
    found
}

impl Host for Double {
    fn view(&self) -> HostView {
        let listener =
            |transport: &str| Listener { transport: transport.into(), address: "192.0.2.10:5060".parse().unwrap() };
        let ready = *self.ready.lock().unwrap();
        HostView {
            version: "0.1.0".into(),
            sip: vec![listener("udp"), listener("tcp")],
            ready,
            phase: if ready { Phase::Serving } else { Phase::Draining },
            alarms: self.alarms.lock().unwrap().clone(),
        }
    }

    fn plugin_traces(&self, _: &TenantId, plugin: &str, query: &TraceQuery) -> Option<PluginTraces> {
        let traces = self.plugin_traces.lock().unwrap().clone().filter(|_| plugin == "acme.lines")?;
        Some(PluginTraces { next: traces.next.max(query.after), ..traces })
    }

    fn usage<'a>(&'a self, _: &'a TenantId, from: String, to: String) -> Answer<'a, Result<Vec<DayUsage>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let mut all = self.usage.lock().unwrap().clone();
            all.retain(|row| (from.as_str()..=to.as_str()).contains(&row.day.as_str()));
            Ok(all)
        })
    }

    fn plugins(&self) -> Vec<PluginFigures> {
        self.plugins.lock().unwrap().clone()
    }

    fn tenants(&self) -> Vec<TenantSummary> {
        let configuration = self.configuration.lock().unwrap();
        let other = TenantSummary { id: "other".parse().unwrap(), name: "Other".into(), revision: 1 };
        vec![TenantSummary { id: tenant(), name: configuration.name.clone(), revision: configuration.revision }, other]
    }

    fn configuration(&self, tenant: &TenantId) -> Option<Arc<Configuration>> {
        if *tenant == self::tenant() {
            return Some(self.configuration.lock().unwrap().clone());
        }
        self.newcomers.lock().unwrap().get(tenant).cloned()
    }

    fn apply<'a>(&'a self, tenant: &'a TenantId, upload: Upload) -> Answer<'a, Result<Applied, ApplyError>> {
        Box::pin(async move {
            let slow = self.slow.lock().unwrap().clone();
            if let Some(slow) = slow {
                slow.notified().await;
            }
            if *tenant != self::tenant() {
                let changes = changes(&Configuration::empty(tenant.clone()), &upload.configuration);
                let newcomer = Arc::new(Configuration { revision: 1, ..upload.configuration });
                self.newcomers.lock().unwrap().insert(tenant.clone(), newcomer);
                return Ok(Applied { revision: 1, changes });
            }
            let mut present = self.configuration.lock().unwrap();
            let mut conflicts = self.conflicts.lock().unwrap();
            if *conflicts > 0 {
                *conflicts -= 1;
                let faster = Configuration { revision: present.revision + 1, ..(**present).clone() };
                *present = Arc::new(faster);
            }
            if upload.expected_revision.is_some_and(|expected| expected != present.revision) {
                return Err(ApplyError::Conflict { actual: present.revision });
            }
            let mut configuration = upload.configuration;
            let unknown = |queue: &Queue| queue.overflow_to.clone().filter(|to| !configuration.queues.contains_key(to));
            let faults: Vec<_> = configuration
                .queues
                .iter()
                .filter_map(|(id, queue)| unknown(queue).map(|to| (id, to)))
                .map(|(id, to)| Fault {
                    field: Some(format!("queues.{id}.overflow_to")),
                    code: "no-such-queue".into(),
                    message: format!("queue {id} overflows to {to}, which does not exist"),
                    remedy: "name a queue of this tenant".into(),
                    ..Fault::default()
                })
                .collect();
            if !faults.is_empty() {
                return Err(ApplyError::Invalid(faults));
            }
            let changes = changes(&present, &configuration);
            if !upload.dry_run && !changes.is_empty() {
                configuration.revision = present.revision + 1;
                *present = Arc::new(configuration);
            }
            Ok(Applied { revision: present.revision, changes })
        })
    }

    fn command<'a>(&'a self, _: &'a TenantId, by: &'a str, command: Command) -> Answer<'a, Result<Reply, HostError>> {
        Box::pin(async move {
            if self.deaf.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if command == Command::Snapshot {
                self.fails()?;
                return Ok(Reply::Snapshot(Box::new(self.snapshot.lock().unwrap().clone())));
            }
            if let Command::Call { interaction, command: plugboard_call::Command::HangUp } = &command {
                let mut snapshot = self.snapshot.lock().unwrap();
                if !snapshot.calls.is_empty() && !snapshot.calls.iter().any(|call| call.interaction == *interaction) {
                    return Err(CommandError::NoSuchInteraction(*interaction).into());
                }
                snapshot.calls.retain(|call| call.interaction != *interaction);
            }
            self.commands.lock().unwrap().push(command.clone());
            by.clone_into(&mut self.asked_by.lock().unwrap());
            if let Command::HandOut(handout) = command {
                return match self.replies.lock().unwrap().pop() {
                    Some(refused) => refused,
                    None => Ok(Reply::Leave(Box::new(self.leave(*handout)))),
                };
            }
            self.replies.lock().unwrap().pop().unwrap_or(Ok(Reply::Done))
        })
    }

    fn missing_prompts<'a>(
        &'a self,
        _: &'a TenantId,
        wanted: Vec<Sha256>,
    ) -> Answer<'a, Result<Vec<Sha256>, HostError>> {
        Box::pin(async move {
            let here = self.prompts.lock().unwrap();
            Ok(wanted.into_iter().filter(|sha256| !here.contains(sha256)).collect())
        })
    }

    fn put_prompt<'a>(&'a self, _: &'a TenantId, sha256: Sha256, _: Vec<u8>) -> Answer<'a, Result<(), HostError>> {
        Box::pin(async move {
            self.prompts.lock().unwrap().insert(sha256);
            Ok(())
        })
    }

    fn tapes<'a>(&'a self, _: &'a TenantId, query: TapeQuery) -> Answer<'a, Result<Sealed<Page<Tape>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let mut all = self.tapes.lock().unwrap().clone();
            all.retain(|tape| {
                query.flow.as_ref().is_none_or(|flow| tape.flows.contains(flow))
                    && query.queue.as_ref().is_none_or(|queue| tape.queues.contains(queue))
                    && query.from.is_none_or(|from| tape.begun_at >= from)
                    && query.to.is_none_or(|to| tape.begun_at < to)
            });
            page(&all, query.cursor.as_ref(), query.limit).map(Sealed::new)
        })
    }

    fn tables<'a>(&'a self, _: &'a TenantId, name: String) -> Answer<'a, Result<Option<Tables>, HostError>> {
        let tables = Tables { skills: vec!["french".to_owned()], ..Tables::default() };
        Box::pin(async move { Ok((name == "t1").then_some(tables)) })
    }

    fn cdrs<'a>(&'a self, _: &'a TenantId, query: CdrQuery) -> Answer<'a, Result<Sealed<Page<Cdr>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let mut all = self.cdrs.lock().unwrap().clone();
            all.retain(|cdr| {
                query.caller.as_ref().is_none_or(|caller| cdr.from == *caller)
                    && query.called.as_ref().is_none_or(|called| cdr.to == *called)
                    && query.from.is_none_or(|from| cdr.started_at >= from)
                    && query.to.is_none_or(|to| cdr.started_at < to)
                    && query.agent.as_ref().is_none_or(|agent| cdr.first_agent() == Some(agent))
                    && query.queue.as_ref().is_none_or(|queue| cdr.queues.iter().any(|visit| visit.queue == *queue))
            });
            page(&all, query.cursor.as_ref(), query.limit).map(Sealed::new)
        })
    }

    fn cdr<'a>(
        &'a self,
        _: &'a TenantId,
        interaction: InteractionId,
    ) -> Answer<'a, Result<Option<Sealed<Cdr>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let all = self.cdrs.lock().unwrap();
            Ok(all.iter().find(|cdr| cdr.interaction == interaction).cloned().map(Sealed::new))
        })
    }

    fn queue_intervals<'a>(
        &'a self,
        _: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<QueueInterval>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let all = self.queue_intervals.lock().unwrap();
            Ok(Sealed::new(all.iter().filter(|one| one.start >= from && one.start < to).cloned().collect::<Vec<_>>()))
        })
    }

    fn agent_intervals<'a>(
        &'a self,
        _: &'a TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<'a, Result<Sealed<Vec<AgentInterval>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let all = self.agent_intervals.lock().unwrap();
            Ok(Sealed::new(all.iter().filter(|one| one.start >= from && one.start < to).cloned().collect::<Vec<_>>()))
        })
    }

    fn recordings<'a>(
        &'a self,
        _: &'a TenantId,
        query: RecordingQuery,
    ) -> Answer<'a, Result<Page<RecordingFile>, HostError>> {
        Box::pin(async move {
            let mut all = self.recordings.lock().unwrap().clone();
            all.retain(|recording| query.interaction.is_none_or(|wanted| recording.interaction == wanted));
            page(&all, query.cursor.as_ref(), query.limit)
        })
    }

    fn recording<'a>(
        &'a self,
        _: &'a TenantId,
        recording: RecordingId,
    ) -> Answer<'a, Result<Option<RecordingFile>, HostError>> {
        Box::pin(
            async move { Ok(self.recordings.lock().unwrap().iter().find(|file| file.recording == recording).cloned()) },
        )
    }

    fn history<'a>(
        &'a self,
        _: &'a TenantId,
        after: u64,
        limit: usize,
    ) -> Answer<'a, Result<Sealed<Vec<SharedEvent>>, HostError>> {
        Box::pin(async move {
            self.fails()?;
            let log = self.log.lock().unwrap();
            Ok(Sealed::new(log.iter().filter(|event| event.seq > after).take(limit).cloned().collect()))
        })
    }

    fn channels(&self, tenant: &TenantId) -> Vec<ChannelView> {
        let sms = ChannelView {
            name: "sms".into(),
            plugin: "channel-webhook".into(),
            kind: "message".into(),
            callers: true,
            webhook: format!("/channels/{tenant}/sms"),
            state: CircuitState::Closed,
            problem: None,
            let_be_until: None,
            text_max: 160,
            session_ms: None,
            sent: BTreeMap::from([("ok".into(), 3)]),
            came: BTreeMap::from([("forged".into(), 1), ("received".into(), 7)]),
            asked_last_minute: 3,
            failed_last_minute: 0,
            p50_ms: 40,
            p99_ms: 90,
        };
        if tenant.as_str() == "demo" { vec![sms] } else { Vec::new() }
    }

    fn webhook<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a str,
        came: Came,
    ) -> Answer<'a, Result<WebhookReply, WebhookRefused>> {
        let refused = self.webhook_refused.lock().unwrap().clone();
        self.webhooks.lock().unwrap().push(came);
        let reply = WebhookReply { status: 200, kind: "text/plain".into(), body: b"word".to_vec() };
        Box::pin(async move { refused.map_or(Ok(reply), Err) })
    }

    fn messages<'a>(
        &'a self,
        _: &'a TenantId,
        query: MessageQuery,
    ) -> Answer<'a, Result<Sealed<Page<Message>>, HostError>> {
        let found = page(&self.messages.lock().unwrap(), query.cursor.as_ref(), query.limit);
        Box::pin(async move { found.map(Sealed::new) })
    }

    fn known_message<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a str,
        _: &'a str,
        id: &'a str,
    ) -> Answer<'a, Result<Known, HostError>> {
        let same = self.messages.lock().unwrap().iter().find(|message| message.id == id).cloned().map(Box::new);
        Box::pin(async move { Ok(Known { same, last_heard: None, sent_today: 2 }) })
    }

    fn is_session_over(&self, _: &TenantId, _: &str, _: Option<Timestamp>) -> bool {
        false
    }

    fn connectors(&self, _: &TenantId) -> Vec<ConnectorView> {
        vec![ConnectorView {
            name: "crm".into(),
            plugin: "connector-rest".into(),
            state: CircuitState::Closed,
            failing: false,
            problem: None,
            let_be_until: None,
            outcomes: [("ok".to_owned(), 3)].into(),
            asked_last_minute: 3,
            failed_last_minute: 0,
            p50_ms: 12,
            p99_ms: 80,
            last_failure: None,
            letters: Some(ConnectorLetters { waiting: 2, oldest_at: None, dead: 1 }),
        }]
    }

    fn dead_letters<'a>(
        &'a self,
        _: &'a TenantId,
        connector: &'a str,
        _: Option<Cursor>,
        _: usize,
    ) -> Answer<'a, Result<DeadLetters, LettersRefused>> {
        Box::pin(async move {
            match connector {
                "crm" => Ok(DeadLetters { items: Vec::new(), next: None }),
                other => Err(LettersRefused::NoSuchConnector(other.to_owned())),
            }
        })
    }

    fn retry_letters<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a str,
        letter: Option<String>,
    ) -> Answer<'a, Result<u64, LettersRefused>> {
        Box::pin(async move { letter.map_or(Ok(2), |letter| Err(LettersRefused::NoSuchLetter(letter))) })
    }

    fn packs<'a>(&'a self, _: &'a TenantId) -> Answer<'a, Result<Vec<PackView>, HostError>> {
        Box::pin(async move { Ok(self.packs.lock().unwrap().clone()) })
    }

    fn pack<'a>(&'a self, _: &'a TenantId, pack: &'a str) -> Answer<'a, Result<PackDetail, PackRefused>> {
        Box::pin(async move {
            let known = self.packs.lock().unwrap().iter().find(|known| known.id == pack).cloned();
            let detail = known.map(|pack| PackDetail { pack, changes: vec![], versions: vec![] });
            detail.ok_or_else(|| PackRefused::NoSuchPack(pack.to_owned()))
        })
    }

    fn change_pack<'a>(
        &'a self,
        _: &'a TenantId,
        order: PackOrder,
        _: String,
    ) -> Answer<'a, Result<PackChanged, PackRefused>> {
        Box::pin(async move {
            self.orders.lock().unwrap().push(order);
            let serves = || PackChanged {
                outcome: PackChange::Serves,
                id: "acme.lines".into(),
                version: "1.0.0".into(),
                digest: "00".repeat(32),
                to_grant: vec![],
                changes: vec![],
                pack: None,
                look: None,
            };
            self.came.lock().unwrap().take().unwrap_or_else(|| Ok(serves()))
        })
    }

    fn pack_rollout<'a>(&'a self, _: &'a TenantId, pack: &'a str) -> Answer<'a, Result<RolloutView, PackRefused>> {
        Box::pin(async move {
            let known = self.rollout.lock().unwrap().clone();
            known.filter(|known| known.pack == pack).ok_or_else(|| PackRefused::NoSuchPack(pack.to_owned()))
        })
    }

    fn pack_file<'a>(
        &'a self,
        _: &'a TenantId,
        pack: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Vec<u8>, PackRefused>> {
        Box::pin(async move { Ok(format!("PK {pack} {}", version.unwrap_or("that serves")).into_bytes()) })
    }

    fn pack_log<'a>(&'a self, _: &'a TenantId, pack: &'a str, after: u64) -> Answer<'a, Result<PackLog, PackRefused>> {
        Box::pin(async move {
            if pack != "acme.lines" {
                return Err(PackRefused::NoSuchPack(pack.to_owned()));
            }
            let log = self.pack_log.lock().unwrap().clone();
            Ok(PackLog { next: log.next.max(after), ..log })
        })
    }

    fn live(&self, _: &TenantId, _: &Leave) -> Option<broadcast::Receiver<SharedEvent>> {
        let live = self.live.subscribe();
        self.followed.notify_one();
        Some(live)
    }
}
