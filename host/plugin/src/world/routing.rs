//! The world `routing-plugin`: who takes what.

use plugboard_model::routing::{Candidate, Column, MAX_CANDIDATES, Need, Order, Relaxed, Tables, Waiting};

use crate::{
    AskFailure, BadAnswer, RoutingPlugin, TableSet,
    bindings::routing,
    door,
    instance::Instance,
    moment::Turn,
    world::{self, Checked, Question, SETUP_BUDGET, World, words},
};

/// Longest time after which a policy may want to be asked again.
const DAY_MS: u32 = 86_400_000;

/// Marks what belongs to the world `routing-plugin`.
pub struct Routing;

impl World for Routing {
    const NAME: &'static str = "routing-plugin";
    const INTERFACE: &'static str = "routing";
    type Setup = TableSet;
    /// The contract does not ask a policy what it is.
    type About = ();

    world::guest_of!(routing);

    fn describe(_: &mut Instance<Self>) -> Result<((), Vec<String>), AskFailure> {
        Ok(((), Vec::new()))
    }

    fn configure(instance: &mut Instance<Self>, tables: &TableSet) -> Result<(), AskFailure> {
        let tables = self::tables(tables.tables());
        instance
            .call(Turn::of(SETUP_BUDGET), |guest, store| guest.call_configure(store, &tables))?
            .map_err(world::failure)
    }
}

impl RoutingPlugin {
    /// Whether the policy can work with these tables and settings: ask when they change.
    pub fn check(&self, tables: &TableSet) -> Result<(), AskFailure> {
        self.instance(None, tables).map(drop)
    }
}

/// Who should take one interaction.
pub(crate) struct RankAgents {
    pub(crate) who: Waiting,
    pub(crate) needs: Vec<Need>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) columns: Vec<Column>,
}

impl Question<Routing> for RankAgents {
    type Answer = Order;

    fn ask(self, instance: &mut Instance<Routing>, _: &TableSet, turn: Turn) -> Result<Order, AskFailure> {
        let asked = self.candidates.iter().map(|candidate| candidate.number);
        let (who, needs) = (waiting(&self.who), needs(&self.needs));
        let agents: Vec<_> = self.candidates.iter().map(candidate).collect();
        let columns = columns(&self.columns);
        instance
            .call(turn, |guest, store| guest.call_rank_agents(store, who, &needs, &agents, &columns))?
            .map_err(world::failure)
            .and_then(|order| self::order(order, asked).map_err(AskFailure::BadAnswer))
    }
}

/// What one agent should take.
pub(crate) struct RankWaiting {
    pub(crate) agent: Candidate,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) columns: Vec<Column>,
}

impl Question<Routing> for RankWaiting {
    type Answer = Order;

    fn ask(self, instance: &mut Instance<Routing>, _: &TableSet, turn: Turn) -> Result<Order, AskFailure> {
        let asked = self.waiting.iter().map(|waiting| waiting.number);
        let agent = candidate(&self.agent);
        let those: Vec<_> = self.waiting.iter().map(waiting).collect();
        let columns = columns(&self.columns);
        instance
            .call(turn, |guest, store| guest.call_rank_waiting(store, agent, &those, &columns))?
            .map_err(world::failure)
            .and_then(|order| self::order(order, asked).map_err(AskFailure::BadAnswer))
    }
}

/// What to go on with when a wait lasted too long.
pub(crate) struct OnTimer {
    pub(crate) who: Waiting,
    pub(crate) needs: Vec<Need>,
}

impl Question<Routing> for OnTimer {
    type Answer = Relaxed;

    fn ask(self, instance: &mut Instance<Routing>, tables: &TableSet, turn: Turn) -> Result<Relaxed, AskFailure> {
        let (who, needs) = (waiting(&self.who), needs(&self.needs));
        let queues = tables.tables().queues.len();
        instance
            .call(turn, |guest, store| guest.call_on_timer(store, who, &needs))?
            .map_err(world::failure)
            .and_then(|relaxed| self::relaxed(relaxed, &self.needs, queues).map_err(AskFailure::BadAnswer))
    }
}

/// Before anybody is asked: a question that the contract does not allow is ours to refuse.
pub(crate) fn at_most_candidates(count: usize) -> Result<(), AskFailure> {
    door::at_most("candidates", MAX_CANDIDATES, count).map_err(AskFailure::BadAnswer)
}

fn tables(tables: &Tables) -> routing::Tables {
    routing::Tables {
        skills: tables.skills.clone(),
        attributes: tables.attributes.clone(),
        queues: tables.queues.clone(),
        settings: words::settings(&tables.settings),
        extra: Vec::new(),
    }
}

fn waiting(waiting: &Waiting) -> routing::Waiting {
    let Waiting { number, queue, priority, channel, waited_ms, value } = *waiting;
    routing::Waiting { number, queue, priority, channel, waited_ms, value }
}

fn needs(needs: &[Need]) -> Vec<routing::Need> {
    needs.iter().map(|need| routing::Need { skill: need.skill, level: need.level }).collect()
}

fn candidate(candidate: &Candidate) -> routing::Candidate {
    let Candidate { number, levels, idle_ms, taken_today, load_permille } = *candidate;
    routing::Candidate { number, levels: levels.0, idle_ms, taken_today, load: load_permille }
}

fn columns(columns: &[Column]) -> Vec<routing::Column> {
    let column = |column: &Column| routing::Column { attribute: column.attribute, values: column.values.clone() };
    columns.iter().map(column).collect()
}

/// `asked`: the numbers of the question, in any order.
fn order(order: routing::Order, asked: impl Iterator<Item = u32>) -> Checked<Order> {
    let mut left: Vec<u32> = asked.collect();
    door::at_most("numbers", left.len(), order.numbers.len())?;
    left.sort_unstable();
    let mut taken = vec![false; left.len()];
    for &number in &order.numbers {
        let at = left.binary_search(&number).map_err(|_| BadAnswer::UnknownNumber { number })?;
        if std::mem::replace(&mut taken[at], true) {
            return Err(BadAnswer::Twice { number });
        }
    }
    Ok(Order { numbers: order.numbers, again_ms: again(order.again_ms)? })
}

fn again(again_ms: Option<u32>) -> Checked<Option<u32>> {
    again_ms.map(|ms| door::within("again-ms", (100, DAY_MS), ms)).transpose()
}

/// `queues`: how many the tables name.
fn relaxed(relaxed: routing::Relaxed, before: &[Need], queues: usize) -> Checked<Relaxed> {
    door::at_most("needs", before.len(), relaxed.needs.len())?;
    let need = |need: routing::Need| {
        let known = before.iter().any(|had| had.skill == need.skill && (1..=had.level).contains(&need.level));
        if known {
            Ok(Need { skill: need.skill, level: need.level })
        } else {
            Err(BadAnswer::NeedRaised { skill: need.skill })
        }
    };
    let needs = relaxed.needs.into_iter().map(need).collect::<Checked<_>>()?;
    if let Some(number) = relaxed.overflow_to.filter(|queue| usize::try_from(*queue).is_ok_and(|queue| queue >= queues))
    {
        return Err(BadAnswer::UnknownNumber { number });
    }
    Ok(Relaxed { needs, overflow_to: relaxed.overflow_to, again_ms: again(relaxed.again_ms)? })
}
