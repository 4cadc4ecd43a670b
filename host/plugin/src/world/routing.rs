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
    let mut left = Left::new(asked.collect());
    door::at_most("numbers", left.count(), order.numbers.len())?;
    for &number in &order.numbers {
        left.take(number)?;
    }
    Ok(Order { numbers: order.numbers, again_ms: again(order.again_ms)? })
}

/// Numbers that an answer may still name.
enum Left {
    /// Of each number up to the largest: a host counts from 0, so these are as many as there are candidates, and none has to be searched for.
    Dense { of_each: Vec<Place>, count: usize },
    /// In order, with what became of each.
    Sparse(Vec<(u32, Place)>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Unknown,
    Left,
    Taken,
}

impl Left {
    fn new(numbers: Vec<u32>) -> Self {
        let most = numbers.iter().max().and_then(|most| usize::try_from(*most).ok());
        match most {
            Some(most) if most < 4 * MAX_CANDIDATES => {
                let mut of_each = vec![Place::Unknown; most + 1];
                numbers.iter().for_each(|number| of_each[*number as usize] = Place::Left);
                Self::Dense { of_each, count: numbers.len() }
            }
            _ => {
                let mut numbers: Vec<_> = numbers.into_iter().map(|number| (number, Place::Left)).collect();
                numbers.sort_unstable_by_key(|(number, _)| *number);
                Self::Sparse(numbers)
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Dense { count, .. } => *count,
            Self::Sparse(numbers) => numbers.len(),
        }
    }

    fn take(&mut self, number: u32) -> Checked<()> {
        let place = match self {
            Self::Dense { of_each, .. } => usize::try_from(number).ok().and_then(|number| of_each.get_mut(number)),
            Self::Sparse(numbers) => {
                let at = numbers.binary_search_by_key(&number, |(number, _)| *number).ok();
                at.and_then(|at| numbers.get_mut(at)).map(|(_, place)| place)
            }
        };
        match place.map(|place| std::mem::replace(place, Place::Taken)) {
            Some(Place::Left) => Ok(()),
            Some(Place::Taken) => Err(BadAnswer::Twice { number }),
            // What is not known now is not asked about again: an answer ends with its first fault.
            Some(Place::Unknown) | None => Err(BadAnswer::UnknownNumber { number }),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(asked: &[u32], answered: &[u32]) -> Checked<()> {
        let order = routing::Order { numbers: answered.to_vec(), again_ms: None, extra: Vec::new() };
        super::order(order, asked.iter().copied()).map(drop)
    }

    #[test]
    fn each_number_of_the_question_may_be_named_once_however_large_the_numbers_are() {
        for base in [0, 900, u32::MAX - 2] {
            let answers: [&[u32]; 5] = [&[], &[base + 2], &[base + 2, base], &[base, base], &[base, base + 1]];
            let said = answers.map(|answer| checked(&[base, base + 2], answer));
            let twice = Err(BadAnswer::Twice { number: base });
            let unknown = Err(BadAnswer::UnknownNumber { number: base + 1 });
            assert_eq!(said, [Ok(()), Ok(()), Ok(()), twice, unknown]);
        }
    }
}
