use std::{path::Path, time::Duration};

use plugboard_model::{
    Prompt,
    flow::{Action, Cause, Effect, Stepped},
};
use plugboard_pack::{
    Digest,
    rollout::{Audience, BasisPoints, Budget, Trial, Why},
};
use plugboard_plugin::{AskFailure, Asked as AskedOf, Engine, EngineSettings, FlowPlugin, PluginHash, Trace};

use super::*;
use crate::packs::contents;

/// A component of the contract 0.1.0; with another custom section it is another version.
const FLOW: &[u8] = include_bytes!("../../../../plugin/tests/released/0.1.0/flow.wasm");
const NAME: &str = "acme.ivr/menu";
const CLEARED: Cause = Cause::NORMAL_CLEARING;

/// A tenant with one pack of two versions, 1.0.0 and 1.1.0. The next question is number `last + 1`.
struct Bench {
    rollouts: Rollouts,
    tenant: TenantId,
    pack: PackId,
    versions: [(Release, FlowPlugin); 2],
    last: u64,
}

fn release(version: &str) -> Release {
    Release { version: version.parse().unwrap(), digest: Digest::of(version.as_bytes()) }
}

fn row(flow: &FlowPlugin) -> Row {
    let shelved = Shelved { component: Component::Flow(flow.clone()), schema: None };
    Row::from([(NAME.to_owned(), Arc::new(shelved))])
}

/// Twenty replies say something, a tenth of them may fail, for a minute.
fn budget() -> Budget {
    let (minute, percent) = (Duration::from_secs(60), |percent| BasisPoints::from_percent(percent).unwrap());
    Budget::new(minute, minute, 20, percent(10), percent(20), percent(20)).unwrap()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + second)
}

impl Bench {
    fn new() -> Self {
        let engine = Engine::new(EngineSettings { instances: 4, ..EngineSettings::default() }).unwrap();
        let load = |version: &str| {
            let name = version.as_bytes();
            let section =
                [&[0, u8::try_from(name.len() + 1).unwrap(), u8::try_from(name.len()).unwrap()], name].concat();
            (release(version), engine.load_flow(&[FLOW, &section].concat()).unwrap())
        };
        let versions = ["1.0.0", "1.1.0"].map(load);
        let (tenant, pack): (TenantId, PackId) = ("shop".parse().unwrap(), "acme.ivr".parse().unwrap());
        let rollouts = Rollouts::default();
        let rollout = Rollout::new(pack.clone(), versions[0].0.clone(), budget());
        let loaded = BTreeMap::from([(versions[0].0.clone(), Arc::new(row(&versions[0].1)))]);
        rollouts.put(&tenant, rollout, loaded);
        Self { rollouts, tenant, pack, versions, last: 0 }
    }

    fn on_trial(trial: Trial) -> Self {
        let bench = Self::new();
        bench.stage(trial);
        bench
    }

    fn stage(&self, trial: Trial) {
        let (candidate, flow) = &self.versions[1];
        let loaded = Some((candidate.clone(), row(flow)));
        let stage = |rollout: &mut Rollout| rollout.stage(candidate.clone(), trial);
        self.rollouts.change(&self.tenant, &self.pack, loaded, stage).unwrap();
    }

    fn name_of(&self, flow: &PluginHash) -> &'static str {
        let place = self.versions.iter().position(|(_, known)| known.hash() == *flow);
        ["1.0.0", "1.1.0"][place.unwrap()]
    }

    fn serve(&mut self, interaction: u64, from: &str, step: u32) -> Option<Served> {
        self.last += 1;
        let asking = Asking {
            id: self.last,
            now: at(0),
            tenant: &self.tenant,
            interaction: Some(InteractionId(interaction)),
            name: NAME,
            step: Some(step),
        };
        self.rollouts.serve(&asking, |_| Some(Party { from, to: "8001", tags: vec!["tier=gold".into()] }))
    }

    /// Who is asked for a step.
    fn asked(&mut self, interaction: u64, from: &str, step: u32) -> &'static str {
        let served = self.serve(interaction, from, step).unwrap();
        self.name_of(&served.component.flow().unwrap().hash())
    }

    fn reply(&self, result: Result<Answer, AskFailure>) -> Reply {
        let asked = AskedOf { tenant: self.tenant.clone(), plugin: PluginHash([0; 32]), world: "flow-plugin" };
        let nothing = Duration::ZERO;
        Reply { id: self.last, result, took: nothing, worked: nothing, asked, quarantine: None }
    }

    fn says(&self, result: Result<Answer, AskFailure>) {
        self.rollouts.heard(at(0), &self.reply(result));
    }

    fn shadow_says(&self, result: Result<Answer, AskFailure>) {
        self.rollouts.shadow_heard(at(0), &self.reply(result));
    }

    fn ends(&self, interaction: u64) {
        let end = End { hung_up_in_flow: false, within_service_level: None };
        self.rollouts.ended(at(1), &self.tenant, InteractionId(interaction), end);
    }

    /// What the plan did on its own since this was last asked.
    fn news(&self) -> Vec<String> {
        let word = |event: Event| match event {
            Event::RolledBack { from, to, why } => format!("{} back to {}: {why}", from.version, to.version),
            Event::Unused { release } => format!("{} unused", release.version),
            other => format!("{other:?}"),
        };
        self.rollouts.take_news().into_iter().flat_map(|news| news.events).map(word).collect()
    }

    fn standing(&self) -> Standing {
        self.rollouts.standing(at(2), &self.tenant, &self.pack).unwrap()
    }
}

/// A step that plays nothing and hangs up with `cause`.
fn stepped(state: &[u8], cause: Cause) -> Result<Answer, AskFailure> {
    let actions = vec![Action { token: 0, what: Effect::HangUp { cause } }];
    Ok(Answer::Stepped(Stepped { state: state.to_vec(), actions, trail: Vec::new() }))
}

fn trapped() -> Result<Answer, AskFailure> {
    Err(AskFailure::Trapped { backtrace: "unreachable".into() })
}

fn share(percent: u8) -> Trial {
    Trial::Canary(Audience::Share(BasisPoints::from_percent(percent).unwrap()))
}

#[test]
fn a_canary_of_a_fifth_serves_the_same_callers_each_time_they_call() {
    let mut bench = Bench::on_trial(share(20));
    let mut of_canary = 0;
    for caller in 0..500 {
        let number = format!("+86138{caller:08}");
        let calls = [0, 1, 2].map(|call| bench.asked(caller * 3 + call, &number, 0));
        assert!(calls.iter().all(|version| *version == calls[0]), "{number} met {calls:?}");
        of_canary += u32::from(calls[0] == "1.1.0");
    }
    assert!((75..125).contains(&of_canary), "{of_canary} of 500");
}

#[test]
fn who_hides_the_number_is_nobodys_canary() {
    let mut bench = Bench::on_trial(share(100));
    assert_eq!(
        ["anonymous", "", "8002"].map(|from| bench.asked(u64::from(from.len() as u32), from, 0)),
        ["1.0.0", "1.0.0", "1.1.0"]
    );
}

#[test]
fn a_tag_chooses_its_interactions() {
    let mut bench = Bench::on_trial("tag=tier=gold".parse().unwrap());
    let gold = bench.asked(1, "8001", 0);
    bench.stage("tag=tier=silver".parse().unwrap());
    assert_eq!([gold, bench.asked(2, "8001", 0)], ["1.1.0", "1.0.0"]);
}

#[test]
fn a_call_finishes_on_the_version_that_it_began_with_and_its_memory_is_given_back_then() {
    let mut bench = Bench::new();
    let traces: [Trace; 2] = [0, 1].map(|version: usize| bench.versions[version].1.trace());
    let mut told = vec![bench.asked(1, "8001", 0)];
    bench.stage(share(100));
    let promote = |rollout: &mut Rollout| rollout.promote(at(1));
    bench.rollouts.change(&bench.tenant, &bench.pack, None, promote).unwrap();
    told.extend([bench.asked(1, "8001", 1), bench.asked(2, "8001", 0)]);
    // Nothing goes back to the old version any more.
    let settle = |rollout: &mut Rollout| {
        let third = release("1.2.0");
        rollout.upgrade(at(2), third)
    };
    let third = (release("1.2.0"), row(&bench.versions[1].1));
    bench.rollouts.change(&bench.tenant, &bench.pack, Some(third), settle).unwrap();
    told.push(bench.asked(1, "8001", 2));
    assert_eq!(told, ["1.0.0", "1.0.0", "1.1.0", "1.0.0"]);
    let (rollouts, tenant) = (bench.rollouts.clone(), bench.tenant.clone());
    drop(bench);
    let live = traces[0].is_in_memory();
    rollouts.ended(at(3), &tenant, InteractionId(1), End { hung_up_in_flow: false, within_service_level: None });
    let unused: Vec<_> = rollouts.take_news().into_iter().flat_map(|news| news.events).collect();
    assert_eq!(
        (live, traces.map(|trace| trace.is_in_memory()), unused),
        (true, [false, true], vec![Event::Unused { release: release("1.0.0") }])
    );
}

#[test]
fn a_candidate_that_traps_goes_back_on_its_own_and_calls_that_run_keep_it() {
    let mut bench = Bench::on_trial(share(100));
    let mut told = Vec::new();
    for call in 1..=3 {
        told.push(bench.asked(call, "8001", 0));
        bench.says(trapped());
    }
    let news = bench.news();
    told.extend([bench.asked(4, "8001", 0), bench.asked(3, "8001", 1)]);
    bench.says(stepped(b"", CLEARED));
    (1..=4).for_each(|call| bench.ends(call));
    assert_eq!(
        (told, news, bench.news()),
        (
            vec!["1.1.0", "1.1.0", "1.1.0", "1.0.0", "1.1.0"],
            vec!["1.1.0 back to 1.0.0: 3 of 3 questions failed".to_owned()],
            vec!["1.1.0 unused".to_owned()]
        )
    );
}

#[test]
fn a_version_that_serves_all_goes_back_while_it_is_watched_and_stays_after() {
    let mut bench = Bench::new();
    let upgrade = |bench: &Bench| {
        let (newer, flow) = bench.versions[1].clone();
        let loaded = Some((newer.clone(), row(&flow)));
        bench.rollouts.change(&bench.tenant, &bench.pack, loaded, |rollout| rollout.upgrade(at(0), newer)).unwrap();
    };
    upgrade(&bench);
    for call in 1..=3 {
        bench.asked(call, "8001", 0);
        bench.says(trapped());
    }
    let back = bench.news();
    upgrade(&bench);
    bench.rollouts.handle_timeout(at(60));
    let settled = bench.news().len();
    for call in 4..=9 {
        bench.asked(call, "8001", 0);
        bench.says(trapped());
    }
    let back_again = bench.news();
    assert_eq!(
        (back, settled, back_again, bench.asked(10, "8001", 0)),
        (vec!["1.1.0 back to 1.0.0: 3 of 3 questions failed".to_owned()], 1, vec![], "1.1.0")
    );
}

#[test]
fn a_shadow_is_asked_the_same_with_its_own_state_and_its_differences_are_counted() {
    let mut bench = Bench::on_trial(Trial::Shadow);
    let mut states = Vec::new();
    // Call 1: the same twice, in either order, then different; what follows would answer what it never said.
    for (step, (ours, theirs), shadow_first) in
        [(0, (CLEARED, CLEARED), true), (1, (CLEARED, CLEARED), false), (2, (CLEARED, Cause::USER_BUSY), true)]
    {
        let served = bench.serve(1, "8001", step).unwrap();
        states.push(served.beside.map(|(_, state)| state));
        let says = |bench: &Bench, shadow: bool| match shadow {
            true => bench.shadow_says(stepped(&[7, u8::try_from(step).unwrap()], theirs)),
            false => bench.says(stepped(b"ours", ours)),
        };
        [shadow_first, !shadow_first].into_iter().for_each(|shadow| says(&bench, shadow));
    }
    states.push(bench.serve(1, "8001", 3).unwrap().beside.map(|(_, state)| state));
    bench.says(stepped(b"ours", CLEARED));
    // Call 2: it traps.
    bench.serve(2, "8001", 0).unwrap();
    bench.says(stepped(b"", CLEARED));
    bench.shadow_says(trapped());
    // Call 3: it is still thinking when the next step comes.
    bench.serve(3, "8001", 0).unwrap();
    bench.says(stepped(b"", CLEARED));
    states.push(bench.serve(3, "8001", 1).unwrap().beside.map(|(_, state)| state));
    bench.says(stepped(b"", CLEARED));
    // Call 4: nobody has time for it.
    bench.serve(4, "8001", 0).unwrap();
    bench.rollouts.shadow_dropped(at(0), bench.last);
    bench.says(stepped(b"", CLEARED));
    let Tally { replies, trapped, same, different, dropped, .. } = bench.standing().candidate;
    assert_eq!(
        (states, (replies, trapped, same, different, dropped)),
        (vec![Some(vec![]), Some(vec![7, 0]), Some(vec![7, 1]), None, None], (4, 1, 2, 1, 2))
    );
    assert!(bench.rollouts.lock().asked.is_empty());
}

#[test]
fn a_removed_pack_serves_those_who_began_with_it() {
    let mut bench = Bench::new();
    bench.asked(1, "8001", 0);
    bench.rollouts.forget(&bench.tenant.clone(), &bench.pack.clone());
    let (lives, begins) = (bench.asked(1, "8001", 1), bench.serve(2, "8001", 0).is_none());
    bench.ends(1);
    assert_eq!((lives, begins, bench.rollouts.lock().tenants[&bench.tenant].pins.len()), ("1.0.0", true, 0));
}

/// 200 calls a second, a twentieth of them served by the candidate.
fn seconds_until_it_goes_back(mut call: impl FnMut(&mut Bench, u64, &'static str, Timestamp)) -> Option<u64> {
    let mut bench = Bench::new();
    let back_to_default = |rollout: &mut Rollout| {
        rollout.set_budget(Budget::default());
        Ok(Vec::new())
    };
    bench.rollouts.change(&bench.tenant, &bench.pack, None, back_to_default).unwrap();
    bench.stage(share(5));
    for second in 0..60 {
        for nth in 0..200 {
            let number = second * 200 + nth;
            let version = bench.asked(number, &format!("+86139{number:08}"), 0);
            call(&mut bench, number, version, at(second));
        }
        if bench.news().iter().any(|news| news.contains("back to 1.0.0")) {
            return Some(second);
        }
    }
    None
}

#[test]
fn a_flow_that_traps_or_that_callers_flee_goes_back_within_a_minute_at_a_share_of_five_percent() {
    let end = |hung_up_in_flow| End { hung_up_in_flow, within_service_level: None };
    let traps = seconds_until_it_goes_back(|bench, _, version, _| {
        bench.says(if version == "1.1.0" { trapped() } else { stepped(b"", CLEARED) });
    });
    // One caller in ten gives up on the stable version, one in four on the candidate.
    let flees = seconds_until_it_goes_back(|bench, number, version, now| {
        bench.says(stepped(b"", CLEARED));
        let every = if version == "1.1.0" { 4 } else { 10 };
        bench.rollouts.ended(now, &bench.tenant, InteractionId(number), end(number % every == 0));
    });
    assert!(
        traps.is_some_and(|seconds| seconds < 5) && flees.is_some_and(|seconds| seconds < 60),
        "{traps:?} {flees:?}"
    );
}

/// A version that brings a flow and a prompt, each its own name.
fn bringing(version: &str) -> (Release, Row) {
    let shelved = |component| Arc::new(Shelved { component, schema: None });
    let (path, sha256) = (Path::new(version).into(), String::new());
    let sound = Component::Sound(Prompt { path, sha256, length: Duration::from_secs(version.len() as u64) });
    let brought = [("acme.ivr/flows/menu", Component::Document(version.into())), ("acme.ivr/prompts/welcome", sound)];
    (release(version), brought.map(|(key, component)| (key.to_owned(), shelved(component))).into())
}

#[test]
fn a_call_finishes_on_the_prompts_and_the_flow_of_the_version_that_it_began_with() {
    let (tenant, pack): (TenantId, PackId) = ("shop".parse().unwrap(), "acme.ivr".parse().unwrap());
    let [(old, old_row), (new, new_row)] = ["1.0.0", "1.10.0"].map(bringing);
    let rollouts = Rollouts::default();
    let rollout = Rollout::new(pack.clone(), old.clone(), budget());
    rollouts.put(&tenant, rollout, BTreeMap::from([(old, Arc::new(old_row))]));
    let party = |_| Some(Party { from: "+4930123456", to: "8001", tags: Vec::new() });
    let meets = |call: u64| {
        let found = |key| rollouts.find(&tenant, Some(InteractionId(call)), key, party).unwrap();
        let sound = found("acme.ivr/prompts/welcome").sound().unwrap().display().to_string();
        assert_eq!(found("acme.ivr/flows/menu").document().as_deref(), Some(&*sound));
        sound
    };
    let mut met = vec![meets(1)];
    let stage = |rollout: &mut Rollout| rollout.stage(new.clone(), share(100));
    rollouts.change(&tenant, &pack, Some((new.clone(), new_row)), stage).unwrap();
    met.extend([meets(1), meets(2)]);
    let brought = contents::brought(rollouts.rows(&tenant).iter().map(|row| &**row));
    rollouts.change(&tenant, &pack, None, |rollout| rollout.roll_back(Why::Asked)).unwrap();
    rollouts.forget(&tenant, &pack);
    met.extend([meets(1), meets(2)]);
    assert_eq!(met, ["1.0.0", "1.0.0", "1.10.0", "1.0.0", "1.10.0"]);
    let welcome = &brought.prompts["acme.ivr/welcome"];
    let told = (welcome.path.to_str().unwrap(), welcome.length.as_secs(), &*brought.flows["acme.ivr/menu"]);
    assert_eq!(
        told,
        ("pack:acme.ivr/prompts/welcome", 6, "1.0.0"),
        "played by key, for as long as any, checked as the stable one"
    );
}

#[test]
fn a_document_that_is_tried_is_run_beside_the_one_that_serves() {
    let (tenant, pack): (TenantId, PackId) = ("shop".parse().unwrap(), "acme.ivr".parse().unwrap());
    let [(old, old_row), (new, new_row)] = ["1.0.0", "1.10.0"].map(bringing);
    let rollouts = Rollouts::default();
    let rollout = Rollout::new(pack.clone(), old.clone(), budget());
    rollouts.put(&tenant, rollout, BTreeMap::from([(old, Arc::new(old_row))]));
    let stage = |rollout: &mut Rollout| rollout.stage(new.clone(), Trial::Shadow);
    rollouts.change(&tenant, &pack, Some((new.clone(), new_row)), stage).unwrap();
    let interaction = Some(InteractionId(1));
    let asking = Asking { id: 1, now: at(0), tenant: &tenant, interaction, name: "acme.ivr/flows/menu", step: Some(0) };
    let party = |_| Some(Party { from: "+4930123456", to: "8001", tags: Vec::new() });
    let engine = Engine::new(EngineSettings { instances: 1, ..EngineSettings::default() }).unwrap();
    let flow = Component::Flow(engine.load_flow(FLOW).unwrap());
    let (served, documents) = rollouts.serve(&asking, party).unwrap().run_by(flow);
    let documents = documents.unwrap();
    assert_eq!(
        (served.beside.is_some(), &*documents.own, documents.beside.as_deref()),
        (true, "1.0.0", Some("1.10.0"))
    );
}
