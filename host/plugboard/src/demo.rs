//! The main job, shown: a host with a demo tenant, a caller and an agent on built-in phones, one call from dialling to its record.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use plugboard_api::{Host, HostError};
use plugboard_config::{Plugins, PortRange, ProcessConfig, Token};
use plugboard_model::{Event, EventKind, InteractionId, TenantId, Timestamp};
use plugboard_reporting::Cdr;
use plugboard_softphone::{
    Account, LadderEvent, Softphones,
    ladder::{Column, Ladder, Line, Paint, Sorter},
    script::{DemoAgent, DemoCaller, ScriptError, Stage},
};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};

use crate::{
    chain,
    clock::Clock,
    serve::{self, Running, StartError},
    stop_signal,
};

/// What the demonstration is made of.
pub(crate) struct Demo {
    pub(crate) once: bool,
    pub(crate) json: bool,
    pub(crate) dial: String,
    /// Where SIP and sound are reached; the API stays on the loopback interface.
    pub(crate) address: IpAddr,
    /// The tenant's folder, with the prompts that its people say.
    pub(crate) tenant: PathBuf,
    pub(crate) plugins: Option<PathBuf>,
    pub(crate) data: PathBuf,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the host does not start")]
    Start(#[from] StartError),
    #[error("the demo tenant cannot be applied:\n{0}")]
    Tenant(String),
    #[error("the demo's phones do not start")]
    Phones(#[from] plugboard_softphone::StartError),
    #[error("the demo's call did not go as it should")]
    Call(#[from] ScriptError),
    #[error("a phone of the demo cannot be had")]
    Phone(#[source] plugboard_softphone::RegisterError),
    #[error("the call's record cannot be read")]
    Record(#[from] HostError),
    #[error("the call's record did not come within {} s", .0.as_secs())]
    NoRecord(Duration),
    #[error("nobody answered the call")]
    NotAnswered,
    #[error("the call was not recorded: {0}")]
    NotRecorded(String),
    #[error("it was stopped before the call was over")]
    Stopped,
}

/// Longest wait for one step of the play.
const PATIENCE: Duration = Duration::from_secs(40);
/// The record is complete once the recording is closed, which takes a moment after the hang-up.
const RECORD_LIMIT: Duration = Duration::from_secs(10);
/// Phones and host tell from threads of their own; a row waits this long for an earlier one.
const SORTING: Duration = Duration::from_millis(120);

/// Who speaks in the demonstration, and which keys the caller presses.
struct Cast {
    language: &'static str,
    agent: &'static str,
    password: &'static str,
    caller: &'static str,
    keys: Vec<(Duration, String)>,
}

impl Cast {
    fn for_number(number: &str) -> Self {
        // The menu says "for sales, press one" some seconds in; a caller who knows it presses sooner.
        let keys = vec![(Duration::from_millis(2_500), "1".to_owned())];
        if number == "8000" {
            let (agent, password) = ("lily", "lantern-lily-1001");
            Self { language: "zh-CN", agent, password, caller: "13800138000", keys }
        } else {
            let (agent, password) = ("amy", "lantern-amy-1002");
            Self { language: "en", agent, password, caller: "4930123456", keys }
        }
    }
}

pub(crate) fn run(demo: &Demo) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the demo cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(play(demo)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("✗ {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn play(demo: &Demo) -> Result<(), DemoError> {
    let begun = Instant::now();
    let secret = format!("{:016x}", serve::random_seed()?);
    let config = configuration(demo, &secret);
    let ports = config.rtp.ports;
    let running = serve::start(config).await?;
    let played = tokio::select! {
        played = play_on(demo, &running, &secret, ports, begun) => played,
        () = stop_signal() => if demo.once { Err(DemoError::Stopped) } else { Ok(()) },
    };
    running.stop(stop_signal()).await;
    played
}

/// Without `once`, until it is dropped.
async fn play_on(
    demo: &Demo,
    running: &Running,
    secret: &str,
    ports: PortRange,
    begun: Instant,
) -> Result<(), DemoError> {
    running.host.apply_folder(&demo.tenant).await.map_err(DemoError::Tenant)?;
    let tenant = running.host.tenants().into_iter().next().map(|tenant| tenant.id);
    let tenant = tenant.ok_or_else(|| DemoError::Tenant("no tenant came of it".to_owned()))?;
    let sip = running.sip.udp.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    say(
        demo,
        &format!("▸ host is up after {:.1} s: SIP {sip}, API http://{}", begun.elapsed().as_secs_f32(), running.api),
    );

    let (rows, ladder) = mpsc::channel(4_096);
    let facts = running.host.follow(&tenant).ok_or_else(|| DemoError::Tenant("the tenant is not live".to_owned()))?;
    let printer = tokio::spawn(print_ladder(ladder, facts, demo.json));
    let watched = running.host.follow(&tenant).ok_or_else(|| DemoError::Tenant("the tenant is not live".to_owned()))?;
    let watcher = tokio::spawn(watch(watched, demo.dial.clone()));

    let cast = Cast::for_number(&demo.dial);
    let spoken = |name: &str| demo.tenant.join("prompts").join(cast.language).join(format!("{name}.wav"));
    let callers = phones(&rows, Column::Caller).await?;
    let agents = phones(&rows, Column::Agent).await?;
    let agent = agents.phone(Account::new(cast.agent, cast.password, sip)).await.map_err(DemoError::Phone)?;
    let caller = callers.phone(Account::new(cast.caller, "", sip)).await.map_err(DemoError::Phone)?;
    let mut agent = DemoAgent {
        phone: agent,
        rings: Duration::from_millis(1_200),
        greeting: spoken("agent-hello"),
        reply: spoken("agent-reply"),
        patience: PATIENCE,
    };
    agent.register().await?;
    let caller = DemoCaller {
        phone: caller,
        number: demo.dial.clone(),
        keys: cast.keys,
        speech: spoken("caller-hello"),
        record: None,
        patience: PATIENCE,
    };
    let stage = Stage::default();
    let (called, answered) = tokio::join!(caller.run(&stage), agent.run(&stage));
    called?;
    answered?;
    let facts = tokio::time::timeout(RECORD_LIMIT, watcher).await;
    let facts = facts.ok().and_then(Result::ok).ok_or(DemoError::NoRecord(RECORD_LIMIT))?;
    let cdr = record(running, &tenant, facts.interaction).await?;
    drop(rows);
    // The last rows are a moment behind.
    let _ = tokio::time::timeout(Duration::from_secs(1), printer).await;

    let summary = summary(&cdr, &facts);
    if demo.json {
        println!("{summary}");
    } else {
        tell_summary(&summary, &cdr);
    }
    judge(&summary)?;
    if demo.once {
        return Ok(());
    }
    println!("{}", how_to_call(&tenant, secret, running.api, sip, ports));
    stay_on_duty(agent).await;
    Ok(())
}

/// Whether the demo showed what it is there to show.
fn judge(summary: &Value) -> Result<(), DemoError> {
    if summary["answered"] != true {
        return Err(DemoError::NotAnswered);
    }
    let recording = &summary["recording"];
    if recording["sha256"].is_string() {
        return Ok(());
    }
    Err(DemoError::NotRecorded(recording["failed"].as_str().unwrap_or("none was begun").to_owned()))
}

fn configuration(demo: &Demo, secret: &str) -> ProcessConfig {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let shown = |port| SocketAddr::from((demo.address, port));
    // The usual ports where they are free, so that a phone needs no port number.
    let sip = if std::net::UdpSocket::bind(shown(5060)).is_ok() && std::net::TcpListener::bind(shown(5060)).is_ok() {
        shown(5060)
    } else {
        shown(0)
    };
    let api = if std::net::TcpListener::bind(local(8080)).is_ok() { local(8080) } else { local(0) };
    let plugins = Plugins { folder: demo.plugins.clone(), ..Plugins::default() };
    let mut config = ProcessConfig { data: demo.data.clone(), plugins, ..ProcessConfig::default() };
    config.sip.udp = vec![sip];
    config.sip.tcp = vec![sip];
    config.rtp.address = demo.address;
    config.api.listen = api;
    config.api.tokens = vec![Token::of_secret("demo", secret)];
    config.limits.drain = Duration::from_secs(2);
    config
}

async fn phones(rows: &mpsc::Sender<Line>, column: Column) -> Result<Softphones, DemoError> {
    let rows = rows.clone();
    let observer = move |event: &LadderEvent| {
        // A row that finds no room is a row less on the screen.
        let _ = rows.try_send(Line::of_phone(event, column));
    };
    let config = plugboard_softphone::Config { observer: Some(Arc::new(observer)), ..Default::default() };
    Ok(Softphones::start(config).await?)
}

/// Prints rows in the order of time, phones' and host's.
async fn print_ladder(mut rows: mpsc::Receiver<Line>, mut facts: broadcast::Receiver<Arc<Event>>, to_stderr: bool) {
    let clock = Clock::start();
    let ladder = Ladder::new(clock.now().since_epoch(), if to_stderr { Paint::Plain } else { Paint::of_stdout() });
    let print = |row: &str| if to_stderr { eprintln!("{row}") } else { println!("{row}") };
    print(&ladder.head());
    let mut sorter = Sorter::new(SORTING);
    let mut open = true;
    while open {
        let next = sorter.poll_timeout().map(|at| clock.instant(Timestamp::from(at)));
        let wait = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            row = rows.recv() => match row {
                Some(row) => sorter.push(row),
                None => open = false,
            },
            fact = facts.recv() => match fact {
                Ok(event) => {
                    if let Some(row) = Line::of_fact(&event) {
                        sorter.push(row);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => open = false,
            },
            () = wait => {}
        }
        let now = if open { clock.now().since_epoch() } else { Duration::MAX };
        while let Some(row) = sorter.poll_line(now) {
            print(&ladder.row(&row));
        }
    }
}

/// What the events of the demo's call told.
struct Facts {
    interaction: InteractionId,
    /// From the later of agent free and caller waiting to the agent's phone ringing.
    free_to_ring: Option<Duration>,
}

/// Follows the call to `dialled` until its recording is closed.
async fn watch(mut events: broadcast::Receiver<Arc<Event>>, dialled: String) -> Facts {
    let mut facts = Facts { interaction: InteractionId(0), free_to_ring: None };
    let mut reserved: Option<(Timestamp, Duration)> = None;
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return facts,
        };
        match &event.kind {
            EventKind::InteractionOffered { interaction, to, .. } if **to == *dialled => {
                facts.interaction = *interaction;
            }
            EventKind::Reserved { interaction, since_free_ms, .. } if *interaction == facts.interaction => {
                reserved = Some((event.at, Duration::from_millis(*since_free_ms)));
            }
            EventKind::LegRinging { interaction, .. } if *interaction == facts.interaction => {
                if let (None, Some((at, before))) = (facts.free_to_ring, reserved) {
                    facts.free_to_ring = Some(before + (event.at - at));
                }
            }
            EventKind::RecordingClosed { interaction, .. } | EventKind::RecordingFailed { interaction, .. }
                if *interaction == facts.interaction =>
            {
                return facts;
            }
            _ => {}
        }
    }
}

/// The stored record, complete with its recording.
async fn record(running: &Running, tenant: &TenantId, interaction: InteractionId) -> Result<Cdr, DemoError> {
    let mut events = running.host.follow(tenant);
    let complete = async {
        loop {
            if let Some(cdr) = running.host.record_of(tenant, interaction).await?
                && cdr.recordings.iter().all(|one| one.sha256.is_some() || one.failed.is_some())
            {
                return Ok(cdr);
            }
            // Each fact may be the one that completes it; without any the time-out ends the wait.
            let again = Duration::from_millis(50);
            if let Some(events) = &mut events {
                let _ = tokio::time::timeout(again, events.recv()).await;
            }
        }
    };
    tokio::time::timeout(RECORD_LIMIT, complete).await.map_err(|_| DemoError::NoRecord(RECORD_LIMIT))?
}

fn summary(cdr: &Cdr, facts: &Facts) -> Value {
    let path: Vec<String> = cdr.path.iter().map(|step| format!("{}:{}", step.node, step.exit)).collect();
    let recording = cdr.recordings.first();
    json!({
        "answered": cdr.answered,
        "path": path,
        "queue": cdr.queues.first().map(|visit| &visit.queue),
        "agent": cdr.first_agent(),
        "agent_free_to_ringing_ms": facts.free_to_ring.map(|time| (time.as_secs_f64() * 1_000.0 * 10.0).round() / 10.0),
        "recording": {
            "path": recording.map(|one| &one.path),
            "seconds": recording.and_then(|one| one.length_ms).map(|ms| ms as f64 / 1_000.0),
            "sha256": recording.and_then(|one| one.sha256.as_ref()),
            "failed": recording.and_then(|one| one.failed.as_ref()),
            "caller_dbfs": recording.and_then(|one| one.left_dbfs).map(tenths),
            "agent_dbfs": recording.and_then(|one| one.right_dbfs).map(tenths),
        },
        "cdr": cdr,
    })
}

/// A level to a tenth of a decibel.
fn tenths(level: f32) -> f64 {
    (f64::from(level) * 10.0).round() / 10.0
}

fn tell_summary(summary: &Value, cdr: &Cdr) {
    println!("\nCall detail record");
    println!("{}", serde_json::to_string_pretty(cdr).unwrap_or_default());
    let recording = &summary["recording"];
    if summary["answered"] == true {
        println!("\n✓ answered by {} from queue {}", summary["agent"], summary["queue"]);
    } else {
        println!("\n✗ nobody answered; queue {}", summary["queue"]);
    }
    println!("  agent free → phone ringing: {} ms", summary["agent_free_to_ringing_ms"]);
    println!(
        "  recording: {} ({} s, caller {} dBFS, agent {} dBFS)",
        recording["path"].as_str().unwrap_or("none"),
        recording["seconds"],
        recording["caller_dbfs"],
        recording["agent_dbfs"]
    );
}

/// What the demo prints once it stays up.
fn how_to_call(tenant: &TenantId, secret: &str, api: SocketAddr, sip: SocketAddr, ports: PortRange) -> String {
    let mut lines =
        vec!["\nStays up. Call it yourself:".to_owned(), format!("  status page   http://{api}/   (token {secret})")];
    if sip.ip().is_loopback() {
        lines.push(format!("  SIP phone     server {sip}, UDP or TCP, no account needed to call from this machine"));
    } else {
        lines.push(format!("  SIP phone     server {sip}, UDP or TCP, with the account of an agent"));
    }
    lines.push("  dial          8000 (中文)   8001 (English)   8002 (straight to support)".to_owned());
    let others = "others in examples/demo/agents.toml";
    lines.push(format!("  as an agent   account lily / lantern-lily-1001 (extension 1001); {others}"));
    let remote = format!("--host http://{api} --token {secret} --tenant {tenant}");
    lines.push(format!("  command line  plugboard events --follow {remote}"));
    if sip.ip().is_loopback() {
        lines.push("  elsewhere     --address ADDRESS lets a phone on another machine in".to_owned());
    } else {
        let PortRange { first, last } = ports;
        lines.push(format!(
            "  firewall      let in UDP and TCP {} and UDP {first} to {last}, to {}",
            sip.port(),
            sip.ip()
        ));
        lines.push(format!("  WARNING       whoever reaches {} can call: the passwords above are public", sip.ip()));
    }
    lines.push("Ctrl-C ends it.".to_owned());
    lines.join("\n")
}

/// The demo's agent goes on answering whoever calls.
async fn stay_on_duty(mut agent: DemoAgent) {
    loop {
        let Ok(call) = agent.phone.next_incoming(Duration::from_secs(3_600)).await else { continue };
        tokio::time::sleep(agent.rings).await;
        // Whoever hung up meanwhile is no reason to leave the desk.
        if call.answer().await.is_ok() && call.answered(PATIENCE).await.is_ok() {
            let _ = call.play(&agent.greeting).await;
            let _ = call.ended(Duration::from_secs(3_600)).await;
        }
    }
}

fn say(demo: &Demo, text: &str) {
    if demo.json { eprintln!("{text}") } else { println!("{text}") }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn printed(sip: &str) -> String {
        let (tenant, api) = ("demo".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        how_to_call(&tenant, "s3cret", api, sip.parse().unwrap(), PortRange { first: 16_384, last: 32_767 })
    }

    #[test]
    fn a_demo_for_this_machine_needs_no_account_and_says_how_to_let_others_in() {
        expect![[r#"

            Stays up. Call it yourself:
              status page   http://127.0.0.1:8080/   (token s3cret)
              SIP phone     server 127.0.0.1:5060, UDP or TCP, no account needed to call from this machine
              dial          8000 (中文)   8001 (English)   8002 (straight to support)
              as an agent   account lily / lantern-lily-1001 (extension 1001); others in examples/demo/agents.toml
              command line  plugboard events --follow --host http://127.0.0.1:8080 --token s3cret --tenant demo
              elsewhere     --address ADDRESS lets a phone on another machine in
            Ctrl-C ends it."#]]
        .assert_eq(&printed("127.0.0.1:5060"));
    }

    #[test]
    fn a_demo_for_other_machines_names_its_ports_and_warns_of_its_passwords() {
        expect![[r#"

            Stays up. Call it yourself:
              status page   http://127.0.0.1:8080/   (token s3cret)
              SIP phone     server 192.0.2.20:5060, UDP or TCP, with the account of an agent
              dial          8000 (中文)   8001 (English)   8002 (straight to support)
              as an agent   account lily / lantern-lily-1001 (extension 1001); others in examples/demo/agents.toml
              command line  plugboard events --follow --host http://127.0.0.1:8080 --token s3cret --tenant demo
              firewall      let in UDP and TCP 5060 and UDP 16384 to 32767, to 192.0.2.20
              WARNING       whoever reaches 192.0.2.20 can call: the passwords above are public
            Ctrl-C ends it."#]]
        .assert_eq(&printed("192.0.2.20:5060"));
    }

    #[test]
    fn a_demo_without_an_answer_or_a_recording_has_failed() {
        let outcome = |answered: bool, recording: Value| {
            judge(&json!({ "answered": answered, "recording": recording })).map_err(|error| error.to_string())
        };
        let told = [
            outcome(true, json!({ "sha256": "ab" })),
            outcome(false, json!({ "sha256": "ab" })),
            outcome(true, json!({ "failed": "disk is full" })),
            outcome(true, json!({ "sha256": null })),
        ];
        let failed = |reason: &str| Err(reason.to_owned());
        assert_eq!(
            told,
            [
                Ok(()),
                failed("nobody answered the call"),
                failed("the call was not recorded: disk is full"),
                failed("the call was not recorded: none was begun"),
            ]
        );
    }
}
