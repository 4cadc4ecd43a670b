use super::*;
use crate::contract::exports::plugboard::plugin::common::Setting;

const LAST: u32 = 0;
const EMOTION: u32 = 1;

fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Failure> {
    let settings = pairs.iter().map(|(name, value)| Setting { name: (*name).into(), value: (*value).into() }).collect();
    let attributes = vec!["last-agent".into(), "emotion".into()];
    Settings::from_tables(&Tables { skills: vec![], attributes, queues: vec![], settings, extra: vec![] })
}

fn vip(waited_ms: u32) -> Waiting {
    customer(0, 900, waited_ms)
}

fn customer(number: u32, value: i32, waited_ms: u32) -> Waiting {
    Waiting { number, queue: 0, priority: 5, channel: 0, waited_ms, value }
}

fn agent(number: u32, levels: u64, idle_ms: u32) -> Candidate {
    Candidate { number, levels, idle_ms, taken_today: 0, load: 0 }
}

fn column(attribute: u32, values: &[i32]) -> Column {
    Column { attribute, values: values.to_vec() }
}

fn agents(who: &Waiting, columns: &[Column]) -> (Vec<u32>, Option<u32>) {
    let settings = settings(&[("vip-from", "500")]).unwrap();
    let needs = [Need { skill: 0, level: 1 }];
    let order = settings.rank_agents(who, &needs, &[agent(0, 3, 9_000), agent(1, 9, 10), agent(2, 9, 20)], columns);
    (order.numbers, order.again_ms)
}

#[test]
fn customer_who_is_worth_it_goes_to_the_last_agent_alone() {
    assert_eq!(agents(&vip(0), &[column(LAST, &[1, 0, 0])]), (vec![0], Some(20_000)));
}

#[test]
fn customer_whose_last_agent_is_busy_is_kept_for_the_rest_of_the_time() {
    assert_eq!(agents(&vip(12_000), &[column(LAST, &[0, 0, 0])]), (vec![], Some(8_000)));
    assert_eq!(agents(&vip(19_999), &[column(LAST, &[0, 0, 0])]), (vec![], Some(100)));
}

#[test]
fn after_that_the_most_skilled_of_the_group_comes_first_and_the_last_agent_before_all() {
    assert_eq!(agents(&vip(20_000), &[column(LAST, &[0, 0, 0])]), (vec![2, 1, 0], None));
    assert_eq!(agents(&vip(20_000), &[column(LAST, &[1, 0, 0])]), (vec![0, 2, 1], None));
}

#[test]
fn customer_without_a_last_agent_at_work_or_without_the_worth_is_not_kept() {
    let group = (vec![2, 1, 0], None);
    assert_eq!(agents(&vip(0), &[]), group);
    assert_eq!(agents(&vip(0), &[column(LAST, &[ABSENT, ABSENT, ABSENT])]), group);
    assert_eq!(agents(&customer(0, 499, 0), &[column(LAST, &[1, 0, 0])]), group);
}

#[test]
fn agent_who_comes_free_takes_their_own_customer_then_the_worthiest_and_leaves_those_of_others() {
    let waiting = [customer(0, 0, 90_000), customer(1, 900, 1_000), customer(2, 900, 5_000), customer(3, 40, 10)];
    let settings = settings(&[("vip-from", "500")]).unwrap();
    let order = settings.rank_waiting(&waiting, &[column(LAST, &[ABSENT, 1, 0, 1])]);
    assert_eq!((order.numbers, order.again_ms), (vec![1, 3, 0], Some(15_000)));
}

#[test]
fn weighted_attributes_are_part_of_the_worth() {
    let settings = settings(&[("weight.emotion", "100")]).unwrap();
    let waiting = [customer(0, 150, 0), customer(1, 0, 0)];
    let calm = settings.rank_waiting(&waiting, &[]).numbers;
    let angry = settings.rank_waiting(&waiting, &[column(EMOTION, &[ABSENT, 3])]).numbers;
    assert_eq!((calm, angry), (vec![0, 1], vec![1, 0]));
}

#[test]
fn settings_that_cannot_be_used_are_refused_by_name() {
    let told = |name, value| settings(&[(name, value)]).err().map(|failure| failure.message).unwrap_or_default();
    assert_eq!(
        [told("vip-from", "high"), told("sticky-ms", "5"), told("weight.mood", "3"), told("stiky-ms", "2000")],
        [
            "vip-from is \"high\", wanted a whole number",
            "sticky-ms is \"5\", wanted milliseconds from 1000 to 3600000",
            "weight.mood: mood is none of the attributes of this queue's policy",
            "stiky-ms: there is no such setting",
        ]
    );
}
