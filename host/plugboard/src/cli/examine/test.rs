//! Every component of a pack against the kit of its world, and against the pack's own cases.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use plugboard_examine::{ExamineError, Examiner};
use plugboard_kit::{Case, Report};
use plugboard_pack::World;
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

/// What came of a pack.
#[derive(Debug, Default)]
struct Examined {
    reports: Vec<Report>,
    /// Components of worlds that have no kit.
    left_out: Vec<(String, World)>,
}

impl Test {
    pub(crate) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(examined) => self.tell(&examined),
            Err(failure) => failure.tell(self.json),
        }
    }

    fn examine(&self) -> Result<Examined, ExamineFailure> {
        let mut parts = parts(&self.file)?;
        if let Some(folder) = &self.cases {
            let cases = cases_of_folder(folder)?;
            give_out(cases, &mut parts, &self.file)?;
        }
        let mut examined = Examined::default();
        for part in parts {
            match Examiner::load(&part.bytes, part.world, part.terms) {
                Ok(mut examiner) => examined.reports.push(examiner.examine(&part.name, &part.cases)),
                Err(ExamineError::NoKit { world }) => examined.left_out.push((part.name, world)),
                Err(error) => return Err(ExamineFailure::Component { component: part.name, error }),
            }
        }
        Ok(examined)
    }

    fn tell(&self, examined: &Examined) -> ExitCode {
        let Examined { reports, left_out } = examined;
        let passed = reports.iter().all(Report::passed);
        if self.json {
            let told: Vec<Value> = reports.iter().map(Report::json).collect();
            let left_out: Vec<Value> =
                left_out.iter().map(|(name, world)| json!({ "component": name, "world": world })).collect();
            say(&format!("{:#}\n", json!({ "ok": passed, "components": told, "not_tested": left_out })));
        } else {
            let language = spoken();
            reports.iter().for_each(|report| say(&report.text(language)));
            for (name, world) in left_out {
                say(&format!(
                    "{}\n",
                    language.say(&format!("{name}: not tested, there is no kit for the world {world} yet"))
                ));
            }
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
