//! Asks a component all that its world's kit has, and gathers what is wrong.

use crate::{
    Answer, Ask, Case, Ended, Finding, Kind, Question, Report, Settings, Subject, compliance, flow, golden::difference,
    hostile, routing, summary,
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
    ask: &mut dyn FnMut(&Question, Instance) -> Ended,
) -> Report {
    let mut exam = Exam { ask, findings: Vec::new(), questions: 0 };
    for case in cases {
        exam.golden(case);
    }
    let mut settings: Vec<&Settings> = Vec::new();
    for case in cases {
        if !settings.contains(&&case.settings) {
            settings.push(&case.settings);
        }
    }
    let none = Settings::default();
    if !settings.contains(&&none) {
        settings.push(&none);
    }
    let taken: Vec<&Settings> = settings.iter().copied().filter(|settings| exam.takes(subject, settings)).collect();
    for given in &settings {
        exam.settings(subject, given);
    }
    if taken.is_empty() {
        let question = Question { settings: none.clone(), tables: routing::names(), ask: Ask::Configure };
        exam.note(Kind::NoSettings, "settings", &question, "no settings that it takes");
    }
    // Where the author has some, those without any prove nothing more.
    for given in taken.iter().take(MOST_SETTINGS) {
        match subject {
            Subject::Flow => flow::examine(&mut exam, given),
            Subject::Routing => routing::examine(&mut exam, given),
            Subject::Compliance(rule) => compliance::examine(&mut exam, rule, given),
        }
    }
    let (questions, findings) = (exam.questions, exam.findings);
    let cases = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    Report { component: component.to_owned(), world: subject.world(), questions, cases, findings }
}

/// With how many of the settings the kit's own questions are asked.
const MOST_SETTINGS: usize = 4;

pub(crate) struct Exam<'a> {
    ask: &'a mut dyn FnMut(&Question, Instance) -> Ended,
    findings: Vec<Finding>,
    questions: u32,
}

impl Exam<'_> {
    /// What two new instances and a used one say; what is wrong with any of it is noted.
    pub(crate) fn survives(&mut self, case: &str, question: &Question) -> Ended {
        self.questions += 1;
        let mut instances = [Instance::New, Instance::New, Instance::Used].into_iter();
        let ended: [Ended; 3] =
            std::array::from_fn(|_| (self.ask)(question, instances.next().unwrap_or(Instance::New)));
        let is_late = |ended: &Ended| matches!(ended, Ended::Late { .. });
        // Once is the machine's doing.
        if ended.iter().filter(|ended| is_late(ended)).count() > 1 {
            let late = ended.iter().find(|ended| is_late(ended)).unwrap_or(&ended[0]);
            self.add(Finding::new(Kind::Late, case, question, late));
            return late.clone();
        }
        let mut in_time = ended.iter().filter(|ended| !is_late(ended));
        let Some(first) = in_time.next() else { return ended[0].clone() };
        if let Some(other) = in_time.find(|other| !alike(first, other)) {
            let (first, other) = (summary::of_ended(first), summary::of_ended(other));
            let answered =
                if first == other { format!("{first}, in other bytes") } else { format!("{first}, then {other}") };
            self.add(Finding::told(Kind::NotDeterministic, case, question, answered));
        }
        let kind = match first {
            Ended::Trapped { .. } => Some(Kind::Trapped),
            Ended::OutOfMemory { .. } => Some(Kind::OutOfMemory),
            Ended::Void { .. } => Some(Kind::Void),
            _ => None,
        };
        if let Some(kind) = kind {
            self.add(Finding::new(kind, case, question, first));
        }
        first.clone()
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
            let mut question =
                Question { settings: case.settings.clone(), tables: case.tables.clone(), ask: expected.ask.clone() };
            question.ask.carry(&state);
            let ended = self.survives(&case.name, &question);
            if let Ended::Answered(answer) = &ended {
                state = answer.state().to_vec();
            }
            let found = serde_json::to_value(&ended).unwrap_or_default();
            if let Some((path, value)) = difference(&expected.answer, &found) {
                let answered = if path.is_empty() { value.to_string() } else { format!("{path} is {value}") };
                self.note(Kind::Golden, &case.name, &question, &answered);
                return;
            }
        }
    }

    /// Whether an instance can be configured by them.
    fn takes(&mut self, subject: &Subject, settings: &Settings) -> bool {
        let question = configure(subject, settings);
        matches!((self.ask)(&question, Instance::New), Ended::Answered(_))
    }

    /// These settings and what can be made wrong with them: never a trap, and `check` finds what `configure` does not take.
    fn settings(&mut self, subject: &Subject, settings: &Settings) {
        for (case, settings) in hostile::settings(settings) {
            let case = format!("settings: {case}");
            let configured = self.survives(&case, &configure(subject, &settings));
            if *subject == Subject::Routing {
                continue;
            }
            let check = Question { ask: Ask::Check, ..configure(subject, &settings) };
            let Ended::Answered(Answer::Problems(problems)) = self.survives(&case, &check) else { continue };
            let has_error = problems.iter().any(|problem| problem.severity == plugboard_model::flow::Severity::Error);
            if matches!(configured, Ended::NoAnswer(_)) && !has_error {
                let said = format!("{}, where `check` finds no error", summary::of_ended(&configured));
                self.note(Kind::CheckDisagrees, &case, &check, &said);
            }
        }
    }
}

fn configure(subject: &Subject, settings: &Settings) -> Question {
    let tables = if *subject == Subject::Routing { routing::names() } else { crate::Names::default() };
    Question { settings: settings.clone(), tables, ask: Ask::Configure }
}

/// Backtraces hold addresses, and reasons may name the instance: only answers are compared by content.
fn alike(one: &Ended, other: &Ended) -> bool {
    match (one, other) {
        (Ended::Answered(one), Ended::Answered(other)) => one == other,
        (Ended::NoAnswer(one), Ended::NoAnswer(other)) => one.code == other.code,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
