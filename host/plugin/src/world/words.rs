//! Words that every world uses: settings there, failures and problems back.

use plugboard_model::flow as host;

use crate::{AskFailure, bindings::common, door, world::Checked};

/// Bytes of what a plugin says to a person.
const SHOWN: usize = 1_024;

pub(crate) fn settings(settings: &[host::Setting]) -> Vec<common::Setting> {
    let setting =
        |setting: &host::Setting| common::Setting { name: setting.name.clone(), value: setting.value.clone() };
    settings.iter().map(setting).collect()
}

/// Words for a person are cut, not refused: the rest of them is of use.
pub(crate) fn shown(text: &str) -> String {
    door::shown(SHOWN, text)
}

pub(crate) fn failure(failure: common::Failure) -> AskFailure {
    use common::FailureCode;
    let code = match failure.code {
        FailureCode::BadState => host::FailureCode::BadState,
        FailureCode::BadSettings => host::FailureCode::BadSettings,
        FailureCode::Diverged(token) => host::FailureCode::Diverged(token),
        FailureCode::TooLarge => host::FailureCode::TooLarge,
        FailureCode::Runaway => host::FailureCode::Runaway,
        FailureCode::Other(word) => host::FailureCode::Other(door::shown(64, &word)),
    };
    AskFailure::Plugin(host::Failure { code, message: shown(&failure.message) })
}

pub(crate) fn problems(problems: Vec<common::Problem>) -> Checked<Vec<host::Problem>> {
    door::at_most("problems", 1_000, problems.len())?;
    Ok(problems.into_iter().map(problem).collect())
}

fn problem(problem: common::Problem) -> host::Problem {
    let common::Problem { severity, code, node, field, message, remedy, .. } = problem;
    let severity = match severity {
        common::Severity::Error => host::Severity::Error,
        common::Severity::Warning => host::Severity::Warning,
    };
    host::Problem {
        severity,
        code: door::shown(64, &code),
        node: node.map(|node| shown(&node)),
        field: field.map(|field| shown(&field)),
        message: shown(&message),
        remedy: shown(&remedy),
    }
}

/// Names of what a component cannot do without.
pub(crate) fn needs(needs: Vec<String>) -> Checked<Vec<String>> {
    door::at_most("needs", 64, needs.len())?;
    needs.into_iter().map(|need| door::line("need", 64, need)).collect()
}
