//! Everything that can happen, in every situation: nothing is left behind.
//!
//! Both sides are listed by their types, and a third test holds the scenes against the states of the call machine itself: a new state, command or
//! event cannot be added without being walked through here.

use std::{
    collections::BTreeSet,
    fmt::{Debug, Write as _},
};

use expect_test::expect;
use plugboard_call::{Command, Ear, Offering, Stage, Talk, Tape, Target};
use plugboard_exchange::{Census, Command as HostCommand};
use plugboard_model::{
    AgentRequest, EventKind,
    compliance::{Rule, Verdict},
};
use plugboard_scenarios::{Fault, Manners, PhoneId, World};

use crate::{
    scene::{Cast, Scene, listed, play},
    stage::{FIRST, endings},
};

listed! {
    /// What happens to the call.
    Harm {
        // People and their phones.
        CallerHangsUp, AgentHangsUp, TargetHangsUp, EverybodyHangsUp, CallerUnplugged, AgentUnplugged, TargetUnplugged, AgentsPortCloses,
        AgentUnregisters, TargetUnregisters, CallerFallsSilent, AgentFallsSilent, AgentHolds, AgentRefers, AgentTakesOver, AgentPicksUpAndCallerLeaves,
        AgentLogsOut, CallerPressesKeys,
        // Time and the machines around.
        NobodyDoesAnything, PluginAnswersLate, PluginTraps, PluginIsSilent, RuleBreaks, RuleComes, DiskStalls, StorageFills, PlayEndIsLost, ResourcesAreRemoved, NetworkLosesHalf, Drain,
        // The API.
        Answer, HangUp, Hold, Resume, TransferToAgent, TransferToQueue, TransferToFlow, TransferToNumber, TransferToNobody, Consult, CompleteTransfer,
        CancelConsult, PauseRecording, ResumeRecording, Dispose, Tag,
    }
}

fn last_line(world: &World, phone: PhoneId) -> Option<plugboard_scenarios::LineId> {
    world.lines_of(phone).last().copied()
}

fn hang_up_all(world: &mut World, phone: PhoneId) {
    for line in world.lines_of(phone) {
        world.hang_up(line);
    }
}

fn happen(cast: &mut Cast, harm: Harm) {
    let (anna, amy, cid) = (cast.anna, cast.amy, cast.cid);
    let world = &mut cast.world;
    let agents_line = last_line(world, amy);
    let command = |world: &mut World, command| {
        // What does not fit the situation is refused, which is an answer too.
        world.command_later(HostCommand::Call { interaction: FIRST, command });
    };
    let to_agent = || Target::Agent("cid".parse().unwrap());
    match harm {
        Harm::CallerHangsUp => hang_up_all(world, anna),
        Harm::AgentHangsUp => hang_up_all(world, amy),
        Harm::TargetHangsUp => [cid, cast.carrier].into_iter().for_each(|phone| hang_up_all(world, phone)),
        Harm::EverybodyHangsUp => {
            [anna, amy, cid, cast.carrier].into_iter().for_each(|phone| hang_up_all(world, phone));
        }
        Harm::CallerUnplugged => {
            world.lines_of(anna).into_iter().for_each(|line| world.fall_silent(line));
            world.phone_mut(anna).dead = true;
        }
        Harm::AgentUnplugged => world.phone_mut(amy).dead = true,
        Harm::TargetUnplugged => [cid, cast.carrier].into_iter().for_each(|phone| world.phone_mut(phone).dead = true),
        Harm::AgentsPortCloses => {
            world.phone_mut(amy).dead = true;
            world.phone_mut(amy).closed = true;
        }
        Harm::AgentUnregisters => world.unregister(amy),
        Harm::TargetUnregisters => world.unregister(cid),
        Harm::CallerFallsSilent => world.lines_of(anna).into_iter().for_each(|line| world.fall_silent(line)),
        Harm::AgentFallsSilent => world.lines_of(amy).into_iter().for_each(|line| world.fall_silent(line)),
        Harm::AgentHolds => agents_line.into_iter().for_each(|line| world.hold(line, true)),
        Harm::AgentRefers => agents_line.into_iter().for_each(|line| world.try_refer(line, "1003")),
        Harm::AgentTakesOver => {
            let other = world.add_other_phone("amy-mobile", "amy");
            if let Some(line) = agents_line {
                world.take_over(other, "amy", line);
            }
        }
        Harm::AgentPicksUpAndCallerLeaves => {
            agents_line.into_iter().for_each(|line| world.pick_up(line));
            hang_up_all(world, anna);
        }
        Harm::AgentLogsOut => world.agent("amy", AgentRequest::LogOut),
        Harm::CallerPressesKeys => last_line(world, anna).into_iter().for_each(|line| world.press(line, "1*#3#")),
        Harm::NobodyDoesAnything => {}
        Harm::PluginAnswersLate => world.components.delay = std::time::Duration::from_secs(5),
        Harm::PluginTraps => world.components.flow_fault = Fault::Trap,
        Harm::PluginIsSilent => world.components.flow_fault = Fault::Silence,
        Harm::RuleBreaks => drop(world.components.rule_faults.insert("rule", Fault::Trap)),
        Harm::RuleComes => {
            world.components.judges.insert("new", |act| Verdict::by_default(&act.what, "it is new"));
            world.configure(|shop| {
                shop.rules.insert("new".into(), Rule { plugin: "new".into(), settings: Default::default() });
            });
        }
        Harm::DiskStalls => world.commit_delay = None,
        Harm::StorageFills => world.input(plugboard_exchange::Input::Storage { full: true }),
        Harm::PlayEndIsLost => world.plane.loses_play_ends = true,
        Harm::ResourcesAreRemoved => world.configure(|shop| {
            shop.queues.clear();
            shop.agents.clear();
            shop.flows.clear();
            shop.numbers.clear();
            shop.trunks.clear();
            shop.prompts.clear();
            shop.rules.clear();
        }),
        Harm::NetworkLosesHalf => world.weather.loss_percent = 50,
        Harm::Drain => world.input(plugboard_exchange::Input::Drain),
        Harm::Answer => command(world, Command::Answer),
        Harm::HangUp => command(world, Command::HangUp),
        Harm::Hold => command(world, Command::Hold),
        Harm::Resume => command(world, Command::Resume),
        Harm::TransferToAgent => command(world, Command::Transfer { to: to_agent() }),
        Harm::TransferToQueue => command(world, Command::Transfer { to: Target::Queue("support".parse().unwrap()) }),
        Harm::TransferToFlow => command(world, Command::Transfer { to: Target::Flow("main".parse().unwrap()) }),
        Harm::TransferToNumber => command(world, Command::Transfer { to: Target::Number("+49301".parse().unwrap()) }),
        Harm::TransferToNobody => command(world, Command::Transfer { to: Target::Agent("nobody".parse().unwrap()) }),
        Harm::Consult => command(world, Command::Consult { to: to_agent() }),
        Harm::CompleteTransfer => command(world, Command::CompleteTransfer),
        Harm::CancelConsult => command(world, Command::CancelConsult),
        Harm::PauseRecording => command(world, Command::PauseRecording),
        Harm::ResumeRecording => command(world, Command::ResumeRecording),
        Harm::Dispose => {
            command(world, Command::Dispose { agent: None, code: "sold".into(), note: "".into() });
        }
        Harm::Tag => command(world, Command::Tag { name: "topic".into(), value: "price".into() }),
    }
}

/// A new command must be added to [`Harm`]: this does not compile without.
fn harm_of(command: &Command) -> Harm {
    match command {
        Command::Answer => Harm::Answer,
        Command::HangUp => Harm::HangUp,
        Command::Hold => Harm::Hold,
        Command::Resume => Harm::Resume,
        Command::Transfer { .. } => Harm::TransferToAgent,
        Command::Consult { .. } => Harm::Consult,
        Command::CompleteTransfer => Harm::CompleteTransfer,
        Command::CancelConsult => Harm::CancelConsult,
        Command::PauseRecording => Harm::PauseRecording,
        Command::ResumeRecording => Harm::ResumeRecording,
        Command::Dispose { .. } => Harm::Dispose,
        Command::Tag { .. } => Harm::Tag,
    }
}

/// The world as it should be when everybody has gone: no leg, port, recording, question, reservation or timer.
fn leftovers(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    let mut expect = |what: &str, found: &dyn Debug, fits: bool| {
        if !fits {
            left.push(format!("{what}: {found:?}"));
        }
    };
    let census = world.exchange.census();
    let rest = Census { free_ports: world.plane.ports, dialogs: census.dialogs, ..Census::default() };
    expect("exchange", &census, census == rest);
    let media = (world.plane.open_ports(), world.plane.open_recordings());
    expect("open ports and recordings", &media, media == (0, 0));
    expect("media commands that nobody could carry out", &world.plane.odd, world.plane.odd.is_empty());
    let held: Vec<_> = world.exchange.acd().agents().filter(|agent| agent.state.interaction().is_some()).collect();
    expect("agents held", &held, held.is_empty());
    let timer = world.exchange.acd().poll_timeout();
    expect("timer of the queues and agents", &timer, timer.is_none());
    let offered = world.count(|kind| matches!(kind, EventKind::InteractionOffered { .. }));
    expect("interactions and ends", &(offered, endings(world)), endings(world).len() == offered);
    let started = world.count(|kind| matches!(kind, EventKind::RecordingStarted { .. }));
    let closed =
        world.count(|kind| matches!(kind, EventKind::RecordingClosed { .. } | EventKind::RecordingFailed { .. }));
    expect("recordings begun and closed", &(started, closed), started <= closed);
    let unclosed = unclosed_spans(world);
    expect("what began and never ended", &unclosed, unclosed.is_empty());
    left
}

/// Connected without Disconnected, and wrap-up without its end.
fn unclosed_spans(world: &World) -> Vec<String> {
    let mut open = BTreeSet::new();
    for fact in &world.facts {
        match &fact.kind {
            EventKind::Connected { interaction, agent, .. } => {
                open.insert(format!("{agent} with {interaction}"));
            }
            EventKind::Disconnected { interaction, agent, .. } => {
                open.remove(&format!("{agent} with {interaction}"));
            }
            EventKind::WrapUpStarted { interaction, agent, .. } => {
                open.insert(format!("{agent} after {interaction}"));
            }
            EventKind::WrapUpEnded { interaction, agent, .. } => {
                open.remove(&format!("{agent} after {interaction}"));
            }
            _ => {}
        }
    }
    open.into_iter().collect()
}

fn after(scene: Scene, harm: Harm) -> (World, Vec<String>) {
    let mut cast = play(scene, 1);
    happen(&mut cast, harm);
    let mut world = cast.world;
    world.run_secs(45);
    // Whatever went wrong is mended, and whoever is still there hangs up after a while.
    world.weather.loss_percent = 0;
    world.plane.loses_play_ends = false;
    world.commit_after(std::time::Duration::from_millis(2));
    world.run_secs(120);
    for index in [cast.anna, cast.amy, cast.cid, cast.carrier] {
        hang_up_all(&mut world, index);
        world.phone_mut(index).manners = Manners::rejecting(plugboard_sip::Status::BUSY_HERE);
    }
    // Past the longest of all: the average wait is forgotten after a quarter of an hour.
    world.run_secs(1_800);
    let left = leftovers(&world);
    (world, left)
}

#[test]
fn whatever_happens_in_any_situation_leaves_nothing_behind() {
    let mut wrong = Vec::new();
    for scene in Scene::ALL {
        for harm in Harm::ALL {
            let (world, left) = after(*scene, *harm);
            if !left.is_empty() {
                wrong.push(format!("{scene:?}, {harm:?}: {left:#?}\n{}", world.story()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        Scene::ALL.len() * Harm::ALL.len(),
        wrong[..wrong.len().min(3)].join("\n")
    );
}

/// Nobody presses a key or hangs up: only the deadline of what sounds leads on.
#[test]
fn whoever_hears_a_prompt_whose_end_is_lost_is_led_on_all_the_same() {
    let mut ways = String::new();
    for scene in [Scene::Playing, Scene::Gathering, Scene::Beeping, Scene::Apology, Scene::Announcement] {
        let mut cast = play(scene, 1);
        happen(&mut cast, Harm::PlayEndIsLost);
        let (anna, world) = (cast.anna, &mut cast.world);
        let hears = |world: &World| last_line(world, anna).map_or_else(|| "gone".to_owned(), |line| world.hears(line));
        let mut heard = vec![hears(world)];
        for _ in 0..600 {
            world.run(std::time::Duration::from_millis(100));
            heard.push(hears(world));
        }
        heard.dedup();
        let _ = writeln!(ways, "{scene:?}: {}", heard.join(", "));
    }
    expect![[r#"
        Playing: nothing, ~welcome, silence, ~menu, silence, ~goodbye, silence, gone
        Gathering: ~menu, silence, ~goodbye, silence, gone
        Beeping: ~tone, silence, ~goodbye, silence, gone
        Apology: nothing, ~sorry, silence, ~tone tone tone tone tone, cid
        Announcement: ~position 1, silence, ~tone tone tone tone tone, ~position 1, silence, ~tone tone tone tone tone, ~position 1
    "#]].assert_eq(&ways);
}

/// Else the test above would prove less than it says.
#[test]
fn the_scenes_reach_every_state_of_the_call_machine() {
    let reached: Vec<_> = Scene::ALL
        .iter()
        .map(|scene| {
            let cast = play(*scene, 1);
            cast.world.exchange.situation(FIRST).unwrap_or_else(|| panic!("{scene:?}: no call"))
        })
        .collect();
    fn all<T: Copy + Ord + Debug>(of: &[T], reached: impl Iterator<Item = T>) -> Vec<T> {
        let reached: BTreeSet<T> = reached.collect();
        of.iter().filter(|value| !reached.contains(value)).copied().collect()
    }
    assert_eq!(all(Stage::ALL, reached.iter().map(|at| at.stage)), []);
    assert_eq!(all(Ear::ALL, reached.iter().map(|at| at.ear)), []);
    assert_eq!(all(Offering::ALL, reached.iter().map(|at| at.offering)), []);
    assert_eq!(all(Talk::ALL, reached.iter().map(|at| at.talk)), []);
    assert_eq!(all(Tape::ALL, reached.iter().map(|at| at.tape)), []);
    assert!(Harm::ALL.contains(&harm_of(&Command::Hold)));
}
