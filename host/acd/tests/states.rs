//! DESK-09: the agent's state machine as a table. Every state meets every input; what is not listed changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod centre;

use std::fmt::Write as _;

use centre::{Centre, agent, id, queue, sales};
use expect_test::expect;
use plugboard_acd::Input;
use plugboard_model::{AgentRequest, AgentState, Configuration, InteractionId, Queue, QueueExit};

/// Amy says herself when she is ready, so that a lost phone shows.
fn shop() -> Configuration {
    let mut shop = sales(|_| {}, &["amy"]);
    shop.agents.get_mut(&id("amy")).unwrap().ready_on_register = false;
    let held_back = Queue::named("Nobody's");
    shop.queues.insert(queue("elsewhere"), held_back);
    shop.agents.insert(id("zoe"), agent(&["elsewhere"], &[]));
    shop
}

/// Every state of [`AgentState`]: a new one does not compile without a way to it.
fn all_states() -> Vec<AgentState> {
    let interaction = InteractionId(1);
    let mut state = Some(AgentState::LoggedOut);
    std::iter::from_fn(|| {
        let now = state.take()?;
        state = match &now {
            AgentState::LoggedOut => Some(AgentState::NotReady { reason: "lunch".to_owned() }),
            AgentState::NotReady { .. } => Some(AgentState::Ready),
            AgentState::Ready => Some(AgentState::Reserved { interaction }),
            AgentState::Reserved { .. } => Some(AgentState::Ringing { interaction }),
            AgentState::Ringing { .. } => Some(AgentState::Talking { interaction }),
            AgentState::Talking { .. } => Some(AgentState::Held { interaction }),
            AgentState::Held { .. } => Some(AgentState::Consulting { interaction }),
            AgentState::Consulting { .. } => Some(AgentState::WrapUp { interaction }),
            AgentState::WrapUp { .. } => Some(AgentState::Unreachable),
            AgentState::Unreachable => None,
        };
        Some(now)
    })
    .collect()
}

fn in_state(state: &AgentState) -> Centre {
    let mut centre = Centre::new(&shop());
    let (interaction, amy) = (InteractionId(1), id("amy"));
    if *state != AgentState::LoggedOut {
        centre.register("amy").request("amy", AgentRequest::Ready);
    }
    if matches!(state, AgentState::Reserved { .. }) || state.interaction().is_some() {
        centre.enqueue(1, "sales");
    }
    match state {
        AgentState::LoggedOut | AgentState::Ready | AgentState::Reserved { .. } => &mut centre,
        AgentState::NotReady { .. } => centre.not_ready("amy", "lunch"),
        AgentState::Ringing { .. } => centre.ringing(1, "amy"),
        AgentState::Talking { .. } => centre.answered(1, "amy"),
        AgentState::Held { .. } => centre.answered(1, "amy").input(Input::Held { interaction, agent: amy }),
        AgentState::Consulting { .. } => {
            centre.answered(1, "amy").input(Input::ConsultStarted { interaction, agent: amy })
        }
        AgentState::WrapUp { .. } => centre.answered(1, "amy").ended(1, "amy"),
        AgentState::Unreachable => centre.unregister("amy"),
    };
    assert_eq!(centre.acd.agent(&id("amy")).unwrap().state, *state);
    centre.ladder();
    centre
}

type Act = fn(&mut Centre);

const INPUTS: [(&str, Act); 23] = [
    ("logs in", |centre| _ = centre.request("amy", AgentRequest::LogIn)),
    ("asks for ready", |centre| _ = centre.request("amy", AgentRequest::Ready)),
    ("asks for a break", |centre| _ = centre.not_ready("amy", "break")),
    ("logs out", |centre| _ = centre.request("amy", AgentRequest::LogOut)),
    ("phone is lost", |centre| _ = centre.unregister("amy")),
    ("phone registers", |centre| _ = centre.register("amy")),
    ("phone is lost and comes back", |centre| _ = centre.unregister("amy").at(5.0).register("amy")),
    ("caller comes", |centre| _ = centre.enqueue(2, "sales")),
    ("named for a caller", |centre| {
        centre.input(Input::ReserveAgent { interaction: InteractionId(2), agent: id("amy") });
    }),
    ("phone rings", |centre| _ = centre.ringing(1, "amy")),
    ("answers", |centre| _ = centre.answered(1, "amy")),
    ("phone gives up", |centre| {
        centre.input(Input::Missed { interaction: InteractionId(1), agent: id("amy") });
    }),
    ("declines", |centre| _ = centre.rejected(1, "amy")),
    ("phone fails", |centre| {
        centre.input(Input::DeviceFailed { interaction: InteractionId(1), agent: id("amy") });
    }),
    ("caller leaves the queue", |centre| _ = centre.leave(1, QueueExit::Abandoned)),
    ("holds", |centre| _ = centre.input(Input::Held { interaction: InteractionId(1), agent: id("amy") })),
    ("resumes", |centre| _ = centre.input(Input::Resumed { interaction: InteractionId(1), agent: id("amy") })),
    ("consults", |centre| {
        centre.input(Input::ConsultStarted { interaction: InteractionId(1), agent: id("amy") });
    }),
    ("ends the consultation", |centre| {
        centre.input(Input::ConsultEnded { interaction: InteractionId(1), agent: id("amy") });
    }),
    ("call ends", |centre| _ = centre.ended(1, "amy")),
    ("dials out", |centre| _ = centre.dialled(9, "amy")),
    ("time runs out", |centre| {
        // The next deadline, whatever it is.
        if let Some(until) = centre.acd.agent(&id("amy")).unwrap().until {
            centre.at((until - centre::START).as_secs_f64());
        }
    }),
    ("is taken out of the configuration", |centre| {
        let mut shop = shop();
        shop.agents.remove(&id("amy"));
        centre.configure(&shop);
    }),
];

#[test]
fn every_state_answers_every_input_as_the_table_says() {
    let mut table = String::new();
    for state in all_states() {
        let _ = writeln!(table, "{}", state.word());
        for (name, act) in INPUTS {
            let mut centre = in_state(&state);
            act(&mut centre);
            let after = centre.state("amy");
            let pending = centre.acd.agent(&id("amy")).and_then(|view| view.pending);
            let pending = pending.map_or_else(String::new, |pending| match pending {
                AgentRequest::NotReady { reason } => format!(", then not-ready({reason})"),
                AgentRequest::LogOut => ", then logged-out".to_owned(),
                other => format!(", then {other:?}"),
            });
            if after != state.to_string() || !pending.is_empty() {
                let _ = writeln!(table, "    {name:<34} {after}{pending}");
            }
        }
    }
    expect![[r#"
        logged-out
            logs in                            unreachable
            asks for ready                     unreachable
            dials out                          talking
            is taken out of the configuration  gone
        not-ready
            asks for ready                     ready
            asks for a break                   not-ready(break)
            logs out                           logged-out
            phone is lost                      unreachable
            dials out                          talking
            is taken out of the configuration  gone
        ready
            asks for a break                   not-ready(break)
            logs out                           logged-out
            phone is lost                      unreachable
            caller comes                       reserved
            named for a caller                 reserved
            dials out                          talking
            is taken out of the configuration  gone
        reserved
            asks for a break                   reserved, then not-ready(break)
            logs out                           reserved, then logged-out
            phone is lost                      unreachable
            phone rings                        ringing
            answers                            talking
            phone gives up                     not-ready(missed)
            declines                           ready
            phone fails                        unreachable
            caller leaves the queue            ready
            call ends                          ready
            dials out                          talking
            time runs out                      ready
            is taken out of the configuration  gone
        ringing
            asks for a break                   ringing, then not-ready(break)
            logs out                           ringing, then logged-out
            phone is lost                      unreachable
            phone is lost and comes back       reserved
            answers                            talking
            phone gives up                     not-ready(missed)
            declines                           ready
            phone fails                        unreachable
            caller leaves the queue            ready
            call ends                          ready
            dials out                          talking
            time runs out                      not-ready(missed)
            is taken out of the configuration  gone
        talking
            asks for a break                   talking, then not-ready(break)
            logs out                           talking, then logged-out
            holds                              held
            consults                           consulting
            call ends                          wrap-up
            time runs out                      wrap-up
        held
            asks for a break                   held, then not-ready(break)
            logs out                           held, then logged-out
            resumes                            talking
            consults                           consulting
            ends the consultation              talking
            call ends                          wrap-up
            time runs out                      wrap-up
        consulting
            asks for a break                   consulting, then not-ready(break)
            logs out                           consulting, then logged-out
            holds                              held
            resumes                            talking
            ends the consultation              talking
            call ends                          wrap-up
            time runs out                      wrap-up
        wrap-up
            asks for ready                     ready
            asks for a break                   wrap-up, then not-ready(break)
            logs out                           wrap-up, then logged-out
            dials out                          talking
            time runs out                      ready
        unreachable
            logs out                           logged-out
            phone registers                    ready
            phone is lost and comes back       ready
            dials out                          talking
            is taken out of the configuration  gone
    "#]]
    .assert_eq(&table);
}

/// The process died while Amy talked. Nothing of her state is kept, since nothing of the call is left; her phone registers again by itself.
#[test]
fn after_a_crash_the_phone_that_registers_again_brings_the_agent_back() {
    let mut shop = shop();
    shop.agents.get_mut(&id("amy")).unwrap().ready_on_register = true;
    let mut before = Centre::new(&shop);
    before.register("amy").enqueue(1, "sales").answered(1, "amy");
    assert_eq!(before.state("amy"), "talking");
    let mut after = Centre::new(&shop);
    let crashed = after.state("amy");
    after.at(30.0).register("amy");
    assert_eq!([crashed, after.state("amy")], ["logged-out", "ready"]);
    after.enqueue(2, "sales");
    assert_eq!(after.state("amy"), "reserved");
}

#[test]
fn second_call_of_their_own_holds_the_agent_when_the_first_one_and_its_wrap_up_are_over() {
    let mut centre = Centre::new(&shop());
    centre.register("amy").request("amy", AgentRequest::Ready).enqueue(1, "sales").answered(1, "amy");
    centre.at(10.0).dialled(2, "amy").at(20.0).ended(1, "amy").enqueue(3, "sales").at(60.0).ladder();
    let while_dialling = centre.state("amy");
    centre.ended(2, "amy");
    assert_eq!([while_dialling, centre.state("amy")], ["talking", "reserved"]);
}

#[test]
fn break_asked_for_on_the_first_of_two_calls_begins_after_the_second() {
    let mut centre = Centre::new(&shop());
    centre.register("amy").request("amy", AgentRequest::Ready).enqueue(1, "sales").answered(1, "amy");
    centre.dialled(2, "amy").not_ready("amy", "lunch").ended(1, "amy").at(60.0);
    let between = centre.state("amy");
    centre.ended(2, "amy");
    assert_eq!([between, centre.state("amy")], ["talking", "not-ready(lunch)"]);
}

#[test]
fn call_dialled_in_wrap_up_ends_the_wrap_up_on_the_record() {
    let mut centre = Centre::new(&shop());
    centre.register("amy").request("amy", AgentRequest::Ready).enqueue(1, "sales").answered(1, "amy").ended(1, "amy");
    centre.at(5.0).ladder();
    centre.dialled(2, "amy");
    expect![[r#"
        005.000 amy wrapped up
        005.000 amy: wrap-up → talking
    "#]]
    .assert_eq(&centre.ladder());
}
