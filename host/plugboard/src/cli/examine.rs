//! Components asked without a host around them: `plugboard ask` asks one question, `plugboard pack test` all of their world's kit.

mod test;

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use plugboard_examine::{ExamineError, Examiner};
use plugboard_kit::{Case, CaseError, Ended, Instance, Question, Told};
use plugboard_pack::{
    Bytes, Pack, World,
    archive::{Archive, Bounds},
    permissions::Asks,
};
use plugboard_plugin::{Limits, Terms};
use serde_json::json;

use super::{say, spoken, tell};
pub(crate) use test::Test;

/// Most bytes of a question, or of a file of cases.
const MOST_JSON: u64 = 8 << 20;

/// Ask a component one question, and print what it answers as JSON
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plugboard ask my-policy.wasm question.json
  plugboard ask acme.crm-1.2.0.pbpack - --component lookup < question.json

A question is what a finding of `plugboard pack test --json` has as `question`: settings, tables, outside, ask. No request reaches anybody:
`outside` says what comes back, and `sent` in the answer what went out. Exit code 0 if it was answered, else 1.")]
pub(crate) struct Ask {
    /// A component (.wasm), or a pack
    plugin: PathBuf,
    /// The question as JSON; - reads it from standard input
    question: PathBuf,
    /// Which component of the pack; may be left out where it has one
    #[arg(long)]
    component: Option<String>,
}

/// Why nothing was asked.
#[derive(Debug, thiserror::Error)]
enum ExamineFailure {
    #[error("{file} cannot be read: {reason}")]
    Read { file: String, reason: String },
    #[error("{file} is neither a component nor a pack: {reason}")]
    Neither { file: String, reason: String },
    #[error("{file} is a core module, not a component")]
    Module { file: String },
    #[error("{file} has the components {known}")]
    WhichComponent { file: String, known: String },
    #[error("{0}")]
    Case(CaseError),
    #[error("{file}: {reason}")]
    Question { file: String, reason: String },
    #[error("{component}: {}", crate::chain(.error))]
    Component { component: String, error: ExamineError },
}

impl ExamineFailure {
    /// Kebab-case and stable.
    fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::Neither { .. } => "no-component",
            Self::Module { .. } => "core-module",
            Self::WhichComponent { .. } => "which-component",
            Self::Case(_) => "bad-case",
            Self::Question { .. } => "bad-question",
            Self::Component { .. } => "not-loaded",
        }
    }

    /// One sentence of the catalogue.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Read { .. } => "see whether the file is there and yours to read",
            Self::Neither { .. } => "name a .wasm component, or a file that `plugboard pack build` has made",
            Self::Module { .. } => "wrap it: `wasm-tools component new FILE -o component.wasm`",
            Self::WhichComponent { .. } => "name one of them: --component in `plugboard ask`, `component` in a case",
            Self::Case(_) => "write it as examples/plugins/README.md shows, or leave it out of the folder",
            Self::Question { .. } => "write settings, tables and ask, as `plugboard pack test --json` prints them",
            Self::Component { .. } => "mend what is named, and build it again",
        }
    }

    fn tell(&self, json: bool) -> ExitCode {
        let (code, message, remedy) = (self.code(), self.to_string(), self.remedy());
        if json {
            say(&format!("{}\n", json!({ "ok": false, "code": code, "message": message, "remedy": remedy })));
        } else {
            let language = spoken();
            let (error, remedies) = (language.say("error"), language.say("remedy:"));
            tell(&format!("{error}[{code}]: {}\n  {remedies} {}\n", language.say(&message), language.say(remedy)));
        }
        ExitCode::FAILURE
    }
}

/// One component with all that examining it takes.
struct Part {
    name: String,
    /// `None`: as it exports.
    world: Option<World>,
    bytes: Vec<u8>,
    terms: Terms,
    /// What its manifest asks for; `None`: it has none.
    asks: Option<Asks>,
    cases: Vec<Case>,
}

impl Part {
    /// Of what it asks for all is granted: nothing of it reaches anybody.
    fn examiner(&self) -> Result<Examiner, ExamineFailure> {
        let examiner = Examiner::load(&self.bytes, self.world, self.terms)
            .map_err(|error| ExamineFailure::Component { component: self.name.clone(), error })?;
        Ok(match &self.asks {
            Some(asks) => examiner.granting(asks.clone()),
            None => examiner,
        })
    }
}

impl Ask {
    pub(crate) fn run(self) -> ExitCode {
        match self.ask() {
            Ok(told) => {
                say(&format!("{:#}\n", told.json()));
                if matches!(told.ended, Ended::Answered(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(failure) => failure.tell(false),
        }
    }

    fn ask(&self) -> Result<Told, ExamineFailure> {
        let parts = parts(&self.plugin)?;
        let known = parts.iter().map(|part| part.name.clone()).collect::<Vec<_>>().join(", ");
        let which = || ExamineFailure::WhichComponent { file: shown(&self.plugin), known };
        let mut wanted = parts.into_iter().filter(|part| self.component.as_ref().is_none_or(|name| *name == part.name));
        let (Some(part), None) = (wanted.next(), wanted.next()) else { return Err(which()) };
        let question = if self.question.as_os_str() == "-" {
            let mut text = Vec::new();
            let read = io::stdin().take(MOST_JSON).read_to_end(&mut text);
            read.map(|_| text).map_err(|error| ExamineFailure::Read { file: "-".into(), reason: error.to_string() })?
        } else {
            read(&self.question, MOST_JSON)?
        };
        let question: Question = serde_json::from_slice(&question)
            .map_err(|error| ExamineFailure::Question { file: shown(&self.question), reason: error.to_string() })?;
        Ok(part.examiner()?.ask(&question, Instance::New))
    }
}

/// The component of a file, or those of a pack with its cases.
fn parts(file: &Path) -> Result<Vec<Part>, ExamineFailure> {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let bounds = Bounds::default();
    let bytes = read(file, bounds.packed.0)?;
    if bytes.starts_with(COMPONENT) {
        // Alone it has no manifest to ask for more: it gets what a manifest may ask for.
        let terms = Terms { limits: Limits::CEILING, ..Terms::default() };
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(vec![Part { name, world: None, bytes, terms, asks: None, cases: Vec::new() }]);
    }
    if bytes.starts_with(b"\0asm") {
        return Err(ExamineFailure::Module { file: shown(file) });
    }
    let neither = |reason: String| ExamineFailure::Neither { file: shown(file), reason };
    let archive = Archive::read(&bytes, bounds).map_err(|error| neither(error.to_string()))?;
    let pack = Pack::of(archive).map_err(|error| neither(error.to_string()))?;
    let mut parts: Vec<Part> = pack
        .manifest()
        .components
        .iter()
        .map(|component| Part {
            name: component.name.to_string(),
            world: Some(component.world),
            bytes: pack.component(component).unwrap_or_default().to_vec(),
            terms: Terms { limits: limits(&component.limits), ..Terms::default() },
            asks: Some(component.asks.clone()),
            cases: Vec::new(),
        })
        .collect();
    let mut cases = Vec::new();
    if let Some(folder) = &pack.manifest().folders.tests {
        for (name, bytes) in pack.archive().files() {
            if name.is_below(folder) && name.as_str().ends_with(".json") {
                cases.extend(Case::read(name.as_str(), bytes).map_err(ExamineFailure::Case)?);
            }
        }
    }
    give_out(cases, &mut parts, file)?;
    Ok(parts)
}

/// Each case to the component that it names.
fn give_out(cases: Vec<Case>, parts: &mut [Part], file: &Path) -> Result<(), ExamineFailure> {
    let known = parts.iter().map(|part| part.name.clone()).collect::<Vec<_>>().join(", ");
    let only = parts.len() == 1;
    for case in cases {
        let part = parts.iter_mut().find(|part| case.component.as_ref().map_or(only, |name| *name == part.name));
        match part {
            Some(part) => part.cases.push(case),
            None => return Err(ExamineFailure::WhichComponent { file: shown(file), known }),
        }
    }
    Ok(())
}

/// What the manifest asks, as the host gives it.
pub(super) fn limits(asked: &plugboard_pack::manifest::Limits) -> Limits {
    let bytes = |asked: Option<Bytes>, least: usize| {
        asked.map_or(least, |asked| usize::try_from(asked.0).unwrap_or(usize::MAX))
    };
    let small = Limits::SMALL;
    Limits {
        memory: bytes(asked.memory, small.memory),
        answer: bytes(asked.answer, small.answer),
        budget: asked.budget.unwrap_or(small.budget),
        ..small
    }
}

/// Never many more bytes than `most`: who reads the answer refuses what is longer.
fn read(file: &Path, most: u64) -> Result<Vec<u8>, ExamineFailure> {
    let cannot = |error: io::Error| ExamineFailure::Read { file: shown(file), reason: error.to_string() };
    let mut bytes = Vec::new();
    fs::File::open(file).map_err(cannot)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use plugboard_phrases::Language;

    use super::*;

    fn refusal(name: &str, bytes: &[u8]) -> ExamineFailure {
        let file = std::env::temp_dir().join(format!("plugboard-examine-{}-{name}", std::process::id()));
        fs::write(&file, bytes).unwrap();
        let refused = parts(&file).err().unwrap();
        fs::remove_file(&file).unwrap();
        refused
    }

    #[test]
    fn what_is_no_component_is_refused_by_what_it_is() {
        let refused = [refusal("module", b"\0asm\x01\0\0\0"), refusal("text", b"hello"), refusal("nothing", b"")];
        assert_eq!(refused.map(|failure| failure.code()), ["core-module", "no-component", "no-component"]);
    }

    #[test]
    fn a_case_for_a_component_that_the_pack_lacks_is_refused() {
        let part = |name: &str| Part {
            name: name.into(),
            world: None,
            bytes: Vec::new(),
            terms: Terms::default(),
            asks: None,
            cases: Vec::new(),
        };
        let mut two = [part("lookup"), part("push")];
        let case = |component: &str| format!(r#"{{ "name": "n", "asks": []{component} }}"#);
        let mut give = |json: String| {
            let cases = Case::read("tests/a.json", json.as_bytes()).unwrap();
            give_out(cases, &mut two, Path::new("a.pbpack")).map_err(|failure| failure.to_string())
        };
        assert_eq!(give(case(r#", "component": "push""#)), Ok(()));
        assert_eq!(give(case("")), Err("a.pbpack has the components lookup, push".to_owned()));
    }

    #[test]
    fn every_refusal_is_said_in_chinese() {
        let file = || "a.wasm".to_owned();
        let refusals = [
            ExamineFailure::Read { file: file(), reason: "gone".into() },
            ExamineFailure::Neither { file: file(), reason: "odd".into() },
            ExamineFailure::Module { file: file() },
            ExamineFailure::WhichComponent { file: file(), known: "a, b".into() },
        ];
        for refusal in refusals {
            let english = refusal.to_string();
            assert_ne!(Language::Chinese.say(&english), english);
            assert_ne!(Language::Chinese.say(refusal.remedy()), refusal.remedy());
        }
    }
}
