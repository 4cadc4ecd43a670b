//! Skill groups and policies: who gets whom.

use std::collections::BTreeMap;

use plugboard_model::{AgentRequest, Configuration, EventKind, NumberTarget, Policy, Queue, SkillNeed};
use plugboard_scenarios::{Manners, World, tenant};

use crate::stage::{secs, shop_with};

fn need(skill: &str, level: u8) -> SkillNeed {
    SkillNeed { skill: skill.parse().unwrap(), level }
}

fn learn(shop: &mut Configuration, agent: &str, skills: &[(&str, u8)]) {
    let agent = shop.agents.get_mut(agent).unwrap();
    agent.skills.extend(skills.iter().map(|(skill, level)| (skill.parse().unwrap(), *level)));
}

/// Who was reserved for each interaction last.
fn reserved(world: &World) -> BTreeMap<u64, String> {
    let who = |fact: &std::sync::Arc<plugboard_model::Event>| match &fact.kind {
        EventKind::Reserved { interaction, agent, .. } => Some((interaction.0, agent.to_string())),
        _ => None,
    };
    world.facts.iter().filter_map(who).collect()
}

/// ACD-03: three sources, three problems, three languages; an agent for each of the 27, in one of nine groups.
#[test]
fn every_case_of_source_problem_and_skill_lands_with_its_agent() {
    let languages = ["english", "chinese", "arabic"];
    let mut stage = shop_with(|shop| {
        for source in 1..=3 {
            for problem in 1..=3 {
                let group = format!("group-{source}{problem}");
                let queue = Queue { policy: Some(Policy::named("route-skills")), ..Queue::named(&group) };
                shop.queues.insert(group.parse().unwrap(), queue);
                for (number, language) in (1..).zip(languages) {
                    let agent = format!("agent-{source}{problem}{number}");
                    tenant::add_agent(shop, &agent, &format!("2{source}{problem}{number}"), &[&group]);
                    learn(shop, &agent, &[(language, 5)]);
                }
            }
            let flow = format!("source-{source}");
            tenant::add_flow(shop, &flow, &two_menus(source, &languages));
            let target = NumberTarget::Flow(flow.parse().unwrap());
            shop.numbers.insert(format!("70{source}").parse().unwrap(), target);
        }
    });
    let cases: Vec<(u32, u32, u32)> = (0..27).map(|case| (case / 9 + 1, case / 3 % 3 + 1, case % 3 + 1)).collect();
    for (source, problem, language) in &cases {
        stage.world.add_agent(&format!("agent-{source}{problem}{language}"));
    }
    stage.world.run_secs(1);
    let mut expected = BTreeMap::new();
    for (interaction, (source, problem, language)) in (1..).zip(&cases) {
        let caller = stage.world.add_caller(&format!("caller{interaction}"));
        let line = stage.world.dial(caller, &format!("70{source}"));
        let (first, second) = (problem.to_string(), language.to_string());
        stage.world.after(secs(1), move |world| world.press(line, &first));
        stage.world.after(secs(3), move |world| world.press(line, &second));
        stage.world.after(secs(10), move |world| world.hang_up(line));
        expected.insert(interaction, format!("agent-{source}{problem}{language}"));
    }
    stage.world.finish();
    assert_eq!(reserved(&stage.world), expected);
}

/// 1 to 3 for the problem, then 1 to 3 for the language.
fn two_menus(source: u32, languages: &[&str; 3]) -> String {
    let mut nodes = serde_json::Map::new();
    let menu = |exits: serde_json::Value| serde_json::json!({ "kind": "menu", "prompt": "menu.wav", "retries": 0, "exits": exits });
    nodes.insert("bye".into(), serde_json::json!({ "kind": "hang-up" }));
    let exits = |to: &dyn Fn(usize) -> String| serde_json::json!({ "1": to(1), "2": to(2), "3": to(3), "no_input": "bye", "no_match": "bye" });
    nodes.insert("problem".into(), menu(exits(&|key| format!("language-{key}"))));
    for problem in 1..=3 {
        nodes.insert(format!("language-{problem}"), menu(exits(&|key| format!("wait-{problem}{key}"))));
        for (key, language) in (1..).zip(languages) {
            let queue = serde_json::json!({ "kind": "queue", "queue": format!("group-{source}{problem}"), "skills": { *language: 1 } });
            nodes.insert(format!("wait-{problem}{key}"), queue);
        }
    }
    let flow =
        serde_json::json!({ "format": 1, "name": "menus", "language": "en", "start": "problem", "nodes": nodes });
    flow.to_string()
}

/// ACD-06: presales, aftersales and VIP. Amy is in all three, best in aftersales; bob is in presales, cid in aftersales.
#[test]
fn agent_of_three_groups_is_taken_where_they_are_best_and_helps_where_the_group_is_busy() {
    let mut stage = shop_with(|shop| {
        let names = ["presales", "aftersales", "vip"];
        for (number, name) in (601..).zip(names) {
            let mut queue = Queue::named(name);
            queue.policy = Some(Policy::named("route-skills"));
            queue.skills = vec![need(name, 2)];
            queue.wrap_up = secs(0);
            shop.queues.insert(name.parse().unwrap(), queue);
            shop.numbers.insert(number.to_string().parse().unwrap(), NumberTarget::Queue(name.parse().unwrap()));
        }
        let vip = shop.queues.get_mut("vip").unwrap();
        (vip.overflow_to, vip.overflow_after) = (Some("aftersales".parse().unwrap()), Some(secs(10)));
        for (agent, queues) in [("amy", &names[..]), ("bob", &names[..1]), ("cid", &names[1..2])] {
            shop.agents.get_mut(agent).unwrap().queues = queues.iter().map(|queue| queue.parse().unwrap()).collect();
        }
        learn(shop, "amy", &[("presales", 3), ("aftersales", 9), ("vip", 5)]);
        learn(shop, "bob", &[("presales", 8)]);
        // Not in the group, yet able to help it.
        learn(shop, "cid", &[("aftersales", 4), ("vip", 2)]);
    });
    stage.world.add_agent("bob");
    stage.world.add_agent("cid");
    stage.world.run_secs(1);
    let mut heard = Vec::new();
    // Presales: bob is better, then amy helps; aftersales: cid is left; vip: nobody, and after ten seconds cid, who is free again.
    let numbers = ["601", "601", "602", "603"];
    let lines = numbers.map(|number| {
        let caller = stage.world.add_caller(&format!("{number}-{}", heard.len()));
        let line = stage.world.dial(caller, number);
        stage.world.run_secs(3);
        heard.push(stage.world.hears(line));
        line
    });
    stage.world.hang_up(lines[2]);
    stage.world.run_secs(5);
    heard.push(stage.world.hears(lines[3]));
    stage.world.run_secs(6);
    heard.push(stage.world.hears(lines[3]));
    let waits = "~tone tone tone tone tone";
    assert_eq!(heard, ["bob", "amy", "cid", waits, waits, "cid"], "{}", stage.world.story());
    lines.into_iter().for_each(|line| stage.world.hang_up(line));
    stage.world.finish();
}

/// `route-longest-idle` looks at nothing else.
#[test]
fn whoever_is_free_for_longest_takes_the_call_whatever_their_skills() {
    let mut stage = shop_with(|shop| {
        let sales = shop.queues.get_mut("sales").unwrap();
        sales.policy = Some(Policy::named("route-longest-idle"));
        sales.skills = vec![need("english", 1)];
        learn(shop, "amy", &[("english", 2)]);
        learn(shop, "bob", &[("english", 9)]);
    });
    stage.world.add_agent("bob");
    stage.world.run_secs(5);
    let mut heard = Vec::new();
    for _ in 0..3 {
        let line = stage.world.dial(stage.anna, "500");
        stage.world.run_secs(3);
        heard.push(stage.world.hears(line));
        stage.world.hang_up(line);
        stage.world.run_secs(12);
    }
    stage.world.finish();
    assert_eq!(heard, ["amy", "bob", "amy"]);
}

#[test]
fn longest_wait_comes_first_when_an_agent_is_free_again() {
    let mut stage =
        shop_with(|shop| shop.queues.get_mut("sales").unwrap().policy = Some(Policy::named("route-longest-idle")));
    stage.world.agent("amy", AgentRequest::NotReady { reason: "lunch".into() });
    let callers: Vec<_> = (0..3).map(|number| stage.world.add_caller(&format!("caller{number}"))).collect();
    for caller in callers {
        let line = stage.world.dial(caller, "500");
        stage.world.after(secs(200), move |world| world.hang_up(line));
        stage.world.run_secs(1);
    }
    stage.world.phone_mut(stage.amy).manners = Manners { talk_ms: Some((5_000, 5_000)), ..Manners::PROMPT };
    stage.world.agent("amy", AgentRequest::Ready);
    stage.world.finish();
    let served = |fact: &std::sync::Arc<plugboard_model::Event>| match fact.kind {
        EventKind::Connected { interaction, .. } => Some(interaction.0),
        _ => None,
    };
    assert_eq!(stage.world.facts.iter().filter_map(served).collect::<Vec<_>>(), [1, 2, 3]);
}
