//! Builds the process from its configuration, runs it, and takes it down in order.

mod base;
mod sip;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use plugboard_api::AlarmName;
use plugboard_config::ProcessConfig;
use plugboard_exchange::Memory;
use plugboard_model::{Configuration, Timestamp};
use plugboard_plugin as plugin;
use plugboard_store::{Embedded, Health, Options, Store};
use plugboard_transport::{
    media_plane::{self, MediaPlane},
    sip_sockets::{BindError, Listeners},
    tls::TlsError,
};
use tokio::sync::{Notify, broadcast, mpsc, watch};

use crate::{
    alarms::Alarms,
    channels::Channels,
    clock::Clock,
    components::{Components, ComponentsError},
    connectors::{
        Connectors,
        outbox::{Outbox, Sending},
    },
    erasing,
    host::{Guests, PlugboardHost, TenantParts},
    kv::DurableKv,
    ledger::{Durable, Ledger},
    packs::{Gate, Lines, Packs, Trust, trust},
    plugins,
    questions::Questions,
    recovery::{self, Recovered},
    room,
    signalling::{Message, Parts},
    tapes::Tapes,
    usage::{self, Usage},
};
pub(crate) use base::random_seed;
use base::{Base, advertised};

/// Messages that may wait for the loop.
const INBOX: usize = 65_536;
/// Live events that a slow reader may lag behind before it is told to start again from the log.
const LIVE_EVENTS: usize = 8_192;

/// Why the process does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("folder {folder} cannot be made; choose another with `data` in plugboard.toml, or create it for this user")]
    Folder { folder: String, source: std::io::Error },
    #[error(transparent)]
    Components(#[from] ComponentsError),
    #[error("the file that `ca` under [plugins] of plugboard.toml names cannot be used")]
    Authorities(#[from] plugin::AuthoritiesError),
    #[error(transparent)]
    Engine(#[from] plugin::EngineError),
    #[error("the store does not open")]
    Store(#[from] plugboard_store::OpenError),
    #[error("the store cannot be read")]
    Recovery(#[from] recovery::RecoveryError),
    #[error("SIP cannot listen; stop what uses the port, or change [sip] in plugboard.toml")]
    Sip(#[from] BindError),
    #[error("no certificates; mend [tls] in plugboard.toml, or the files that it names")]
    Certificates(#[from] TlsError),
    #[error("no media ports")]
    Media(#[from] media_plane::StartError),
    #[error("the API cannot listen on {address}; stop what uses the port, or change [api] in plugboard.toml")]
    Api { address: SocketAddr, source: std::io::Error },
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    #[error("the system gives no random numbers")]
    Random,
}

/// A process that serves.
pub(crate) struct Running {
    pub(crate) host: Arc<PlugboardHost>,
    pub(crate) sip: Listeners,
    pub(crate) api: SocketAddr,
    inbox: mpsc::Sender<Message>,
    stop_api: watch::Sender<bool>,
    signalling: std::thread::JoinHandle<()>,
    api_task: tokio::task::JoinHandle<()>,
    drain: Duration,
    /// Stops before the store is closed.
    sending: Sending,
    /// Written for the last time when nothing is asked any more.
    usage: Arc<Usage>,
    clock: Clock,
}

/// Where things lie below the data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    pub(crate) store: PathBuf,
    pub(crate) recordings: PathBuf,
    pub(crate) prompts: PathBuf,
    pub(crate) configurations: PathBuf,
    compiled: PathBuf,
    packs: PathBuf,
    /// A folder for each tenant, with a file for each secret of its connectors. Nothing but the operator writes there.
    secrets: PathBuf,
}

impl Folders {
    pub(crate) fn make(data: &Path) -> Result<Self, StartError> {
        // Whole paths go into events, which outlive the working folder of this process.
        let data = &std::path::absolute(data)
            .map_err(|source| StartError::Folder { folder: data.display().to_string(), source })?;
        let folders = Self {
            store: data.join("store"),
            recordings: data.join("recordings"),
            prompts: data.join("prompts"),
            configurations: data.join("configurations"),
            compiled: data.join("compiled-plugins"),
            packs: data.join("packs"),
            secrets: data.join("secrets"),
        };
        for folder in [
            &folders.store,
            &folders.recordings,
            &folders.prompts,
            &folders.configurations,
            &folders.compiled,
            &folders.packs,
            &folders.secrets,
        ] {
            std::fs::create_dir_all(folder)
                .map_err(|source| StartError::Folder { folder: folder.display().to_string(), source })?;
        }
        Ok(folders)
    }
}

/// Starts everything; returns when calls can come in.
pub(crate) async fn start(config: ProcessConfig) -> Result<Running, StartError> {
    let clock = Clock::start();
    let alarms = Arc::new(Alarms::new(clock));
    // Two sockets a leg and more in reserve: the usual 1,024 would end at some two hundred calls. The system's own limit stays.
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) if files < 4_096 => {
            let detail = format!(
                "{files} files may be open, which is enough for a quarter as many calls; raise it with ulimit -Hn"
            );
            alarms.raise(AlarmName::FewFiles, "", detail);
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
    }
    let folders = Folders::make(&config.data)?;
    // Taken first, so that a second process on the same address stops before it has touched anything; clients wait until all is up.
    let listener = tokio::net::TcpListener::bind(config.api.listen)
        .await
        .map_err(|source| StartError::Api { address: config.api.listen, source })?;
    let api = listener.local_addr().map_err(|source| StartError::Api { address: config.api.listen, source })?;

    let authorities = config.plugins.authorities.as_ref().map(|pem| plugin::Authorities::from_pem(pem.as_bytes()));
    let lines = Arc::new(Lines::default());
    let engine = plugin::Engine::new(plugin::EngineSettings {
        cache: Some(folders.compiled.clone()),
        log: Some(lines.sink(clock)),
        counts_fuel: config.plugins.fuel,
        authorities: authorities.transpose()?,
        ..plugin::EngineSettings::default()
    })?;
    let plugin_folder = config.plugins.folder.clone().unwrap_or_else(shipped_plugins);
    let components = Components::load(&engine, &plugin_folder)?;
    let sounds = folders.packs.clone();
    let trust = Trust::new(config.file.clone(), config.packs.clone());
    let gate = Gate { engine: engine.clone(), packs: trust, clock, sounds };
    let packs = Packs::open(&folders.packs, gate, lines);
    let unusable = |source| StartError::Folder { folder: folders.packs.display().to_string(), source };
    let packs = Arc::new(packs.map_err(unusable)?);
    let components = components.beside(packs.shelf.clone());
    let watched = Arc::clone(&packs);

    let (inbox, messages) = mpsc::channel(INBOX);
    let committed = Arc::new(Notify::new());
    let store_is_full = Arc::new(AtomicBool::new(false));
    let store = open_store(&folders, &inbox, &alarms, &store_is_full)?;
    let Recovered { tenants: mut recovered, mut memories, books } = recovery::recover(&store, &folders, clock.now())?;
    for (configuration, ..) in &mut recovered {
        packs.recover(&store, &configuration.tenant, &alarms).map_err(recovery::RecoveryError::from)?;
        let brought = Some(Arc::new(packs.brought(&configuration.tenant, None)));
        Arc::make_mut(configuration).brought = brought;
    }
    packs
        .sweep_sounds()
        .map_err(|source| StartError::Folder { folder: folders.packs.display().to_string(), source })?;
    let kv = Arc::new(DurableKv::new(Arc::clone(&store) as Arc<dyn Store>));
    let connectors = Arc::new(Connectors::new(kv, folders.secrets.clone(), clock, Arc::clone(&alarms)));
    let channels = Arc::new(Channels::new(Arc::clone(&connectors), Arc::clone(&store), clock, Arc::clone(&alarms)));
    for (configuration, ..) in &recovered {
        connectors.prepare(configuration, &components);
        channels.prepare(configuration, &components);
    }
    let tapes = Tapes::kept_for(config.limits.tape_days);
    let rollouts = packs.rollouts.clone();
    let (told, heard) = (Arc::clone(&alarms), rollouts.clone());
    let ledger = Ledger::start(Arc::clone(&store), clock, books, Arc::clone(&committed), told, tapes, heard)
        .map_err(StartError::Thread)?;

    let signalling = sip::start(&config).await?;
    let bound = signalling.bound;

    let to_loop = inbox.clone();
    let mut plane = media_plane::Config::new(config.rtp.address, config.rtp.ports.first..=config.rtp.ports.last);
    if plane.ip.is_unspecified() {
        plane.ip = advertised(&config, bound.udp.first());
    }
    // As many phones may ring at once in one worker before new callers wait for the next ports to be bound.
    plane.settings.ports_ahead = 256;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = config.rtp.workers.unwrap_or_else(|| cores.saturating_sub(1).clamp(1, 8));
    plane.workers = u16::try_from(workers).unwrap_or(u16::MAX);
    let lost = Arc::clone(&alarms);
    let media = MediaPlane::start(&plane, move |events| {
        // A loop that has ended wants to hear no more of its legs.
        if let Err(mpsc::error::TrySendError::Full(_)) = to_loop.try_send(Message::Media(events)) {
            lost.note(AlarmName::MediaEventsLost, "", "the signalling loop is overloaded; media events were lost");
        }
    })?;

    let to_loop = inbox.clone();
    let (lost, known, heard) = (Arc::clone(&alarms), (components.clone(), Arc::clone(&packs)), rollouts.clone());
    let outbox = Outbox::new();
    let (to_outbox, to_channels) = (outbox.way_in(), Arc::clone(&channels));
    let runtime = plugin::Runtime::start(&engine, &plugins::serving(&config.plugins), move |reply| {
        if let Some((tenant, fact)) = plugins::watch_over(&known.0, &known.1, &lost, &reply) {
            // Nobody waits for the answer, and where the loop is full the alarm still tells of it.
            let _ = to_loop.try_send(Message::noted(tenant, fact));
        }
        heard.heard(clock.now(), &reply);
        let Some(reply) = to_outbox.take(reply).and_then(|reply| to_channels.hear(reply)) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = to_loop.try_send(Message::Answered(reply)) {
            lost.note(AlarmName::AnswersLost, "", "the signalling loop is overloaded; answers of plugins were lost");
        }
    })?;
    let heard = rollouts.clone();
    let beside = plugins::beside(&config.plugins, runtime.watch().traces().clone());
    let shadows = plugin::Runtime::start(&engine, &beside, move |reply| heard.shadow_heard(clock.now(), &reply))?;
    let watches = [runtime.watch(), shadows.watch()];
    let usage = Arc::new(Usage::new(Arc::clone(&store), watches.clone(), components.clone(), Arc::clone(&packs)));
    let runtime = Arc::new(runtime);
    let to_outbox = outbox.way_in();
    let asked = Arc::downgrade(&runtime);
    channels.ask_with(std::sync::Weak::clone(&asked));
    let questions = Questions::new(components.clone(), rollouts, (runtime, shadows), Arc::clone(&connectors));

    let base = Base::new(&config, &folders, &bound)?;
    let host = Arc::new(PlugboardHost::new(
        inbox.clone(),
        Arc::clone(&store),
        folders.clone(),
        Guests {
            components,
            plugins: watches,
            packs,
            connectors: Arc::clone(&connectors),
            channels: Arc::clone(&channels),
            outbox: to_outbox,
        },
        &Base::listeners(&bound),
        Arc::clone(&alarms),
    ));
    let sending = outbox
        .start(Arc::clone(&store), connectors, channels, asked, Arc::downgrade(&host), Arc::clone(&alarms))
        .map_err(StartError::Thread)?;
    let mut tenants = Vec::new();
    for (configuration, durable, last_id) in recovered {
        let parts = TenantParts::new(&configuration, Arc::new(Durable::at(durable)), broadcast::channel(LIVE_EVENTS).0);
        let memory = memories.remove(&configuration.tenant).unwrap_or_default();
        tenants.push(base.tenant(clock.now(), &configuration, &parts, (last_id, memory), tenants.len())?);
        host.know(configuration.tenant.clone(), parts);
    }
    let count = AtomicUsize::new(tenants.len());
    let knowing = Arc::clone(&host);
    let make_tenant = Box::new(move |now: Timestamp, configuration: Arc<Configuration>| {
        let parts = knowing.parts_of(&configuration.tenant).unwrap_or_else(|| {
            TenantParts::new(&configuration, Arc::new(Durable::default()), broadcast::channel(LIVE_EVENTS).0)
        });
        let index = count.fetch_add(1, Ordering::Relaxed);
        match base.tenant(now, &configuration, &parts, (0, Memory::default()), index) {
            Ok(tenant) => {
                knowing.know(configuration.tenant.clone(), parts);
                Some(tenant)
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a new tenant cannot be served");
                None
            }
        }
    });

    let parts = Parts {
        clock,
        tenants,
        make_tenant,
        inbox: messages,
        media,
        questions,
        ledger,
        committed,
        most_calls: config.limits.calls,
        alarms: Arc::clone(&alarms),
    };
    if signalling.give_parts.send(parts).is_err() {
        return Err(StartError::Thread(std::io::Error::other("the signalling thread has gone")));
    }

    tokio::spawn(room::watch(folders, store_is_full, inbox.clone(), Arc::clone(&alarms)));
    let (stop_api, stopped) = watch::channel(false);
    let limits = plugboard_api::Limits {
        followers: usize::try_from(config.limits.subscribers).unwrap_or(usize::MAX),
        ..plugboard_api::Limits::default()
    };
    let served = plugboard_api::Api {
        host: Arc::clone(&host) as Arc<dyn plugboard_api::Host>,
        access: access(&config)?,
        limits,
    };
    let api_task = tokio::spawn(serve_api(listener, served, stopped));

    if let Some(folder) = &config.tenants {
        host.apply_folders(folder).await;
    }
    host.is_started();
    tokio::spawn(renew_zones(Arc::downgrade(&host), clock));
    if let Some(tls) = signalling.tls {
        tokio::spawn(sip::watch(tls, Arc::clone(&alarms)));
    }
    tokio::spawn(trust::watch(Arc::downgrade(&host), watched, alarms));
    tokio::spawn(usage::watch(Arc::downgrade(&host), Arc::clone(&usage), clock));
    tokio::spawn(erasing::watch(Arc::downgrade(&host), clock));
    tokio::spawn(PlugboardHost::keep_plans(Arc::downgrade(&host), clock));
    Ok(Running {
        host,
        sip: bound,
        api,
        inbox,
        stop_api,
        signalling: signalling.thread,
        api_task,
        drain: config.limits.drain,
        sending,
        usage,
        clock,
    })
}

/// Clock changes are listed for ten years ahead; a host that runs longer than this lists them anew.
const ZONES_LAST: Duration = Duration::from_secs(180 * 86_400);

async fn renew_zones(host: std::sync::Weak<PlugboardHost>, clock: Clock) {
    loop {
        tokio::time::sleep(ZONES_LAST).await;
        let Some(host) = host.upgrade() else { return };
        host.renew_zones(clock.now()).await;
    }
}

/// How long the parties of calls that are ended by force may take to say goodbye, and their recordings to be closed.
const FAREWELL: Duration = Duration::from_secs(2);

impl Running {
    /// Drains, then stops: no new calls from here on; live ones go on until the last has ended, or `limits.drain` has passed, or `at_once` resolves. Then those
    /// that are left are hung up, and their recordings closed.
    pub(crate) async fn stop(self, at_once: impl Future<Output = ()>) {
        let Self { host, inbox, stop_api, signalling, api_task, drain, sending, usage, clock, .. } = self;
        host.is_draining();
        // The loop may have ended already.
        let _ = inbox.send(Message::Drain { until: drain + FAREWELL }).await;
        let mut ended = tokio::task::spawn_blocking(move || signalling.join());
        let waited = tokio::select! {
            ended = &mut ended => ended,
            early = async {
                tokio::select! {
                    () = tokio::time::sleep(drain) => false,
                    () = at_once => true,
                }
            } => {
                let calls = host.hang_up_all().await;
                tracing::warn!(calls, early, "calls were live when the host stopped; they are hung up");
                let _ = inbox.send(Message::Drain { until: FAREWELL }).await;
                ended.await
            }
        };
        if !matches!(waited, Ok(Ok(()))) {
            tracing::error!("the signalling thread broke down");
        }
        // It may wait for the disk.
        let last = move || {
            drop(sending);
            if let Err(error) = usage.write(clock.now()) {
                tracing::warn!(error = &error as &dyn std::error::Error, "what plugins used at last is not written");
            }
        };
        let _ = tokio::task::spawn_blocking(last).await;
        let _ = stop_api.send(true);
        let _ = api_task.await;
    }
}

fn access(config: &ProcessConfig) -> Result<plugboard_api::Access, StartError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| StartError::Random)?;
    let tokens = config.api.tokens.iter().map(|token| plugboard_api::Token {
        name: token.name.clone(),
        secret: token.sha256.into(),
        tenant: None,
        role: token.role,
    });
    Ok(plugboard_api::Access::new(tokens.collect(), key))
}

async fn serve_api(listener: tokio::net::TcpListener, api: plugboard_api::Api, mut stopped: watch::Receiver<bool>) {
    let shutdown = async move {
        // The sender going away is a stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = plugboard_api::serve(listener, api, shutdown).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the API stopped");
    }
}

fn open_store(
    folders: &Folders,
    inbox: &mpsc::Sender<Message>,
    alarms: &Arc<Alarms>,
    is_full: &Arc<AtomicBool>,
) -> Result<Arc<Embedded>, StartError> {
    let (to_loop, alarms, is_full) = (inbox.clone(), Arc::clone(alarms), Arc::clone(is_full));
    let on_health = move |health: Health| {
        let full = health != Health::Good;
        is_full.store(full, Ordering::Relaxed);
        match health {
            Health::Good => alarms.clear(AlarmName::DiskFull, ""),
            Health::FullDisk { available } => {
                let detail = format!("{available} bytes left: calls go on, recordings do not; make room");
                alarms.raise(AlarmName::DiskFull, "", detail);
            }
            Health::Failed { reason } => {
                let detail = format!("{reason}: calls go on, nothing of them is kept; restart the host");
                alarms.raise(AlarmName::StoreFailed, "", detail);
            }
        }
        // The loop reads the store's progress anyway; this only says that recordings should stop.
        let _ = to_loop.try_send(Message::Storage { full });
    };
    let options = Options { on_health: Some(Arc::new(on_health)), ..Options::new(&folders.store) };
    Ok(Arc::new(Embedded::open(options)?))
}

/// Components next to the program, as `cargo xtask plugins` leaves them.
pub(crate) fn shipped_plugins() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // Installed: beside the program. Built here: in the target folder, one above its profile.
    let candidates = program.ancestors().skip(1).take(2).map(|folder| folder.join("plugins"));
    candidates.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("plugins"))
}
