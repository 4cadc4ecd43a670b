//! Every component of a pack against the kit of its world, and against the pack's own cases.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use plugboard_kit::{Case, Report};
use serde_json::{Value, json};

use super::{ExamineFailure, MOST_JSON, give_out, parts, read, shown};
use crate::cli::{say, spoken};

/// Hold the components of a pack against the conformance kit of their world, and against the pack's own cases
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard pack test acme.crm-1.2.0.pbpack
  plugboard pack test my-policy.wasm --cases tests     a component that is in no pack yet
  plugboard pack test acme.crm-1.2.0.pbpack --json     for scripts

Cases are the JSON files of the pack's folder of tests; examples/plugins/README.md shows one. Exit code 0 if nothing was found, else 1.")]
pub(crate) struct Test {
    /// The pack, or a component (.wasm)
    file: PathBuf,
    /// Cases for a component that is in no pack: a folder of JSON files
    #[arg(long, value_name = "FOLDER")]
    cases: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(crate) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(reports) => self.tell(&reports),
            Err(failure) => failure.tell(self.json),
        }
    }

    fn examine(&self) -> Result<Vec<Report>, ExamineFailure> {
        let mut parts = parts(&self.file)?;
        if let Some(folder) = &self.cases {
            let cases = cases_of_folder(folder)?;
            give_out(cases, &mut parts, &self.file)?;
        }
        let mut reports = Vec::new();
        for part in parts {
            reports.push(part.examiner()?.examine(&part.name, &part.cases));
        }
        Ok(reports)
    }

    fn tell(&self, reports: &[Report]) -> ExitCode {
        let passed = reports.iter().all(Report::passed);
        if self.json {
            let told: Vec<Value> = reports.iter().map(Report::json).collect();
            say(&format!("{:#}\n", json!({ "ok": passed, "components": told })));
        } else {
            let language = spoken();
            reports.iter().for_each(|report| say(&report.text(language)));
        }
        if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn cases_of_folder(folder: &Path) -> Result<Vec<Case>, ExamineFailure> {
    let cannot = |error: io::Error| ExamineFailure::Read { file: shown(folder), reason: error.to_string() };
    let entries = fs::read_dir(folder).map_err(cannot)?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    let mut cases = Vec::new();
    for file in files {
        let bytes = read(&file, MOST_JSON)?;
        cases.extend(Case::read(&shown(&file), &bytes).map_err(ExamineFailure::Case)?);
    }
    Ok(cases)
}
