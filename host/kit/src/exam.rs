//! Asks a component all that its world's kit has, and gathers what is wrong.

use plugboard_model::flow::{Problem, Severity};

use crate::{
    Answer, Ask, Case, Ended, Expected, Finding, Kind, Outside, Question, Report, Settings, Subject, Told, assistant,
    channel, compliance, connector, dialer, flow, golden::difference, hostile, routing, summary,
};

/// Which instance is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// One that was never asked anything.
    New,
    /// One that has answered other questions, as far as there is one with these settings.
    Used,
}

/// Asks a component all that its world's kit has, beginning with the author's `cases`.
///
/// `ask` runs it. What it needs to take its settings comes from the cases; without any it is asked with none.
pub fn examine(
    component: &str,
    subject: &Subject,
    cases: &[Case],
    ask: &mut dyn FnMut(&Question, Instance) -> Told,
) -> Report {
    let mut exam = Exam { ask, findings: Vec::new(), questions: 0 };
    for case in cases {
        exam.golden(case);
    }
    let givens = givens(cases);
    let taken: Vec<&Given<'_>> = givens.iter().filter(|given| exam.takes(subject, given)).collect();
    for given in &givens {
        exam.settings(subject, given);
    }
    if taken.is_empty() {
        let question = Question { ask: Ask::Configure, ..set_up(subject, &Given::default()) };
        exam.note(Kind::NoSettings, "settings", &question, "no settings that it takes");
    }
    // Where the author has some, those without any prove nothing more.
    for given in taken.iter().take(MOST_SETTINGS) {
        match subject {
            Subject::Flow => flow::examine(&mut exam, &given.settings),
            Subject::Routing => routing::examine(&mut exam, &given.settings),
            Subject::Compliance(rule) => compliance::examine(&mut exam, rule, &given.settings),
            Subject::Connector => connector::examine(&mut exam, given),
            Subject::Channel => channel::examine(&mut exam, given),
            Subject::Assistant(about) => assistant::examine(&mut exam, *about, given),
            Subject::Dialer { wants } => dialer::examine(&mut exam, *wants, &given.settings),
        }
    }
    if matches!(subject, Subject::Connector | Subject::Channel) && givens.iter().all(|given| given.asked.is_empty()) {
        let question = Question { ask: Ask::Check, ..set_up(subject, &Given::default()) };
        exam.note(Kind::NoCase, "cases", &question, "no case that asks it anything");
    }
    let (questions, findings) = (exam.questions, exam.findings);
    let cases = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    Report { component: component.to_owned(), world: subject.world(), questions, cases, findings }
}

/// With how many of the settings the kit's own questions are asked.
const MOST_SETTINGS: usize = 4;

/// Settings and grants of an author's cases, and what these ask with them: the kit asks it again where others answer worse.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    pub(crate) settings: Settings,
    pub(crate) outside: Outside,
    pub(crate) asked: Vec<(&'a str, &'a Expected)>,
}

impl Given<'_> {
    pub(crate) fn question(&self, ask: Ask) -> Question {
        Question { outside: self.outside.clone(), ..Question::of(&self.settings, ask) }
    }
}

/// Those of the cases, each once, and at last none at all.
fn givens(cases: &[Case]) -> Vec<Given<'_>> {
    let mut givens: Vec<Given<'_>> = Vec::new();
    for case in cases {
        let asked = case.asks.iter().map(|expected| (case.name.as_str(), expected));
        let (settings, outside) = (&case.settings, case.outside());
        match givens.iter_mut().find(|given| given.settings == *settings && given.outside == outside) {
            Some(given) => given.asked.extend(asked),
            None => givens.push(Given { settings: settings.clone(), outside, asked: asked.collect() }),
        }
    }
    if !givens.iter().any(|given| given.settings.is_empty()) {
        givens.push(Given::default());
    }
    givens
}

pub(crate) struct Exam<'a> {
    ask: &'a mut dyn FnMut(&Question, Instance) -> Told,
    findings: Vec<Finding>,
    questions: u32,
}

impl Exam<'_> {
    /// What two new instances and a used one say and send; what is wrong with any of it is noted.
    pub(crate) fn asks(&mut self, case: &str, question: &Question) -> Told {
        self.questions += 1;
        let mut instances = [Instance::New, Instance::New, Instance::Used].into_iter();
        let told: [Told; 3] = std::array::from_fn(|_| (self.ask)(question, instances.next().unwrap_or(Instance::New)));
        let is_late = |told: &Told| matches!(told.ended, Ended::Late { .. });
        // Once is the machine's doing.
        if told.iter().filter(|told| is_late(told)).count() > 1 {
            let late = told.iter().find(|told| is_late(told)).unwrap_or(&told[0]);
            self.add(Finding::new(Kind::Late, case, question, &late.ended));
            return late.clone();
        }
        let mut in_time = told.iter().filter(|told| !is_late(told));
        let Some(first) = in_time.next() else { return told[0].clone() };
        if let Some(other) = in_time.find(|other| !alike(&first.ended, &other.ended) || first.sent != other.sent) {
            let (one, another) = (summary::of_ended(&first.ended), summary::of_ended(&other.ended));
            let answered = if first.sent != other.sent {
                format!("{one}, after other requests")
            } else if one == another {
                format!("{one}, in other bytes")
            } else {
                format!("{one}, then {another}")
            };
            self.add(Finding::told(Kind::NotDeterministic, case, question, answered));
        }
        let kind = match first.ended {
            Ended::Trapped { .. } => Some(Kind::Trapped),
            Ended::OutOfMemory { .. } => Some(Kind::OutOfMemory),
            Ended::Void { .. } => Some(Kind::Void),
            _ => None,
        };
        if let Some(kind) = kind {
            self.add(Finding::new(kind, case, question, &first.ended));
        }
        first.clone()
    }

    /// The same, where nothing is sent.
    pub(crate) fn survives(&mut self, case: &str, question: &Question) -> Ended {
        self.asks(case, question).ended
    }

    /// The same, where the question is one that a sound component answers.
    pub(crate) fn answers(&mut self, case: &str, question: &Question) -> Option<Answer> {
        match self.survives(case, question) {
            Ended::Answered(answer) => Some(answer),
            ended => {
                self.refused(case, question, &ended);
                None
            }
        }
    }

    /// Notes that it has no answer to a question that is as the contract has it; what else may end a question is noted already.
    pub(crate) fn refused(&mut self, case: &str, question: &Question, ended: &Ended) {
        if matches!(ended, Ended::NoAnswer(_)) {
            self.add(Finding::new(Kind::NoAnswer, case, question, ended));
        }
    }

    /// Something else that is wrong.
    pub(crate) fn note(&mut self, kind: Kind, case: &str, question: &Question, answered: &str) {
        self.add(Finding::told(kind, case, question, summary::line(answered)));
    }

    /// The first of a kind and function is kept, the others are counted. What an author wrote down is told case by case.
    fn add(&mut self, finding: Finding) {
        let same = |known: &&mut Finding| {
            known.kind == finding.kind
                && known.question.ask.name() == finding.question.ask.name()
                && (finding.kind != Kind::Golden || known.case == finding.case)
        };
        match self.findings.iter_mut().find(same) {
            Some(known) => known.again += 1,
            None => self.findings.push(finding),
        }
    }

    /// All steps of one case; it ends at the first that is not as expected.
    fn golden(&mut self, case: &Case) {
        let mut state = Vec::new();
        for expected in &case.asks {
            let mut question = Question {
                settings: case.settings.clone(),
                tables: case.tables.clone(),
                outside: case.outside().answering(expected.http.clone()),
                ask: expected.ask.clone(),
            };
            question.ask.carry(&state);
            let told = self.asks(&case.name, &question);
            if let Ended::Answered(answer) = &told.ended {
                state = answer.state().to_vec();
            }
            let found = told.json();
            if let Some((path, value)) = difference(&expected.answer, &found) {
                let answered = if path.is_empty() { value.to_string() } else { format!("{path} is {value}") };
                self.note(Kind::Golden, &case.name, &question, &answered);
                return;
            }
        }
    }

    /// Whether an instance can be configured by them, or `check` finds no error in them.
    fn takes(&mut self, subject: &Subject, given: &Given<'_>) -> bool {
        match (self.ask)(&set_up(subject, given), Instance::New).ended {
            Ended::Answered(Answer::Problems(problems)) => !has_error(&problems),
            ended => matches!(ended, Ended::Answered(_)),
        }
    }

    /// These settings and what can be made wrong with them: never a trap, and `check` finds what `configure` does not take.
    fn settings(&mut self, subject: &Subject, given: &Given<'_>) {
        for (case, settings) in hostile::settings(&given.settings) {
            let case = format!("settings: {case}");
            let given = Given { settings, outside: given.outside.clone(), asked: Vec::new() };
            let question = set_up(subject, &given);
            if !subject.is_configured() {
                self.survives(&case, &question);
                // It reads them as it is asked.
                self.survives(&case, &given.question(plain(subject)));
                continue;
            }
            let configured = self.survives(&case, &question);
            if *subject == Subject::Routing {
                continue;
            }
            let check = Question { ask: Ask::Check, ..question };
            let Ended::Answered(Answer::Problems(problems)) = self.survives(&case, &check) else { continue };
            if matches!(configured, Ended::NoAnswer(_)) && !has_error(&problems) {
                let said = format!("{}, where `check` finds no error", summary::of_ended(&configured));
                self.note(Kind::CheckDisagrees, &case, &check, &said);
            }
        }
    }
}

fn has_error(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// What says whether settings are taken.
fn set_up(subject: &Subject, given: &Given<'_>) -> Question {
    let tables = if *subject == Subject::Routing { routing::names() } else { crate::Names::default() };
    let ask = if subject.is_configured() { Ask::Configure } else { Ask::Check };
    Question { tables, ..given.question(ask) }
}

/// A question for which a component has to read its settings.
fn plain(subject: &Subject) -> Ask {
    match subject {
        Subject::Channel => channel::plain(),
        Subject::Assistant(about) => assistant::plain(*about),
        _ => connector::plain(),
    }
}

/// Backtraces hold addresses, and reasons may name the instance: only answers are compared by content.
fn alike(one: &Ended, other: &Ended) -> bool {
    match (one, other) {
        (Ended::Answered(one), Ended::Answered(other)) => one == other,
        (Ended::NoAnswer(one), Ended::NoAnswer(other)) => one.code == other.code,
        (Ended::Failed(one), Ended::Failed(other)) => (&one.code, one.retry_ms) == (&other.code, other.retry_ms),
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
