//! A tenant as a folder of files.

mod json;
mod lists;
mod origin;
mod prompts;
mod resources;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use origin::Documents;
pub use origin::Origin;
use plugboard_model::{Configuration, FlowDocument, FlowId, Timestamp, flow::Severity};

use crate::{Fault, Judges, check, fields, sheet::Sheet, suggest::instead};

/// A tenant that may be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Flow documents included; prompts with the paths of their source files.
    pub configuration: Configuration,
    /// What people should look at though nothing is broken.
    pub warnings: Vec<Fault>,
    pub origin: Origin,
}

/// Larger TOML and JSON files are refused.
const MOST_BYTES: u64 = 4 << 20;

/// The files of a tenant, each with the place of its tables in a configuration's JSON Pointers.
const FILES: [(&str, &str); 9] = [
    ("tenant.toml", ""),
    ("queues.toml", "/queues"),
    ("agents.toml", "/agents"),
    ("numbers.toml", "/numbers"),
    ("trunks.toml", "/trunks"),
    ("flows.toml", "/flows"),
    ("rules.toml", "/rules"),
    ("connectors.toml", "/connectors"),
    ("channels.toml", "/channels"),
];

/// Reads the folder of one tenant; all that is wrong comes back at once, warnings too.
///
/// ```text
/// tenant.toml    id, name, language, time_zone, domains, [exception], [limits], [dialling], [encryption]
/// queues.toml    a table a queue      agents.toml   a table an agent
/// numbers.toml   a table a number     trunks.toml   a table a trunk
/// rules.toml     a table a rule       connectors.toml   a table a connector
/// channels.toml  a table a channel
/// flows.toml     a table a flow that another component than `flow-graph` runs, or that runs a pack's document
/// rules.toml     a table a compliance rule
/// flows/*.json   flow documents, named by file        prompts/**.wav   sounds, named by path: zh-CN/welcome
/// lists/*.txt    numbers in E.164, one a line; or lists/*.csv, in the first column
/// ```
/// `judges` look at one flow document, or one queue's policy, by itself.
pub fn load_tenant(folder: &Path, judges: Judges<'_>) -> Result<Bundle, Vec<Fault>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(Timestamp::from).unwrap_or_default();
    let mut faults = Vec::new();
    let sheets = read_sheets(folder, &mut faults);
    let tables: Vec<_> = sheets.iter().map(|(prefix, sheet)| (*prefix, sheet, fields::parse(sheet))).collect();
    // What one file names may stand in another, so rules between resources wait until every file can be read.
    let mut complete = !faults.iter().any(Fault::is_error) && tables.iter().all(|(_, _, table)| table.is_some());
    let mut origin = Origin::default();
    let mut configuration = None;
    for (prefix, sheet, table) in &tables {
        let Some(table) = table else { continue };
        origin.add(prefix, sheet, table.get_ref());
        if prefix.is_empty() {
            configuration = resources::tenant(table.get_ref(), sheet, now);
        }
    }
    complete &= configuration.is_some();
    let mut configuration =
        configuration.unwrap_or_else(|| Configuration::empty("unnamed".parse().expect("a word of letters is a name")));
    for (prefix, sheet, table) in &tables {
        if let Some(table) = table {
            resources::read(prefix, table.get_ref(), sheet, folder, &mut configuration);
        }
    }
    origin.documents = read_flows(&folder.join("flows"), &mut configuration, &mut faults);
    prompts::read(folder, &mut configuration, &mut faults);
    lists::read(folder, &mut configuration, &mut faults);
    faults.extend(tables.iter().flat_map(|(_, sheet, _)| sheet.take_faults()));
    if complete {
        let findings = check(&configuration, judges);
        faults.extend(findings.into_iter().map(|finding| origin.locate(finding)));
    }
    if faults.iter().any(Fault::is_error) {
        return Err(faults);
    }
    Ok(Bundle { configuration, warnings: faults, origin })
}

fn read_sheets(folder: &Path, faults: &mut Vec<Fault>) -> Vec<(&'static str, Sheet)> {
    let names = match file_names(folder) {
        Ok(names) => names,
        Err(error) => {
            let remedy = "name the folder of one tenant, which holds its tenant.toml";
            faults.push(Fault::of_file(folder, "unreadable", format!("cannot be read: {error}"), remedy));
            return Vec::new();
        }
    };
    for name in names.iter().filter(|name| name.ends_with(".toml") && !FILES.iter().any(|(file, _)| file == name)) {
        let remedy = instead(name, FILES.iter().map(|(file, _)| *file));
        let message = "nothing reads this file".to_owned();
        faults.push(Fault { severity: Severity::Warning, ..Fault::of_file(name, "unknown-file", message, remedy) });
    }
    let mut sheets = Vec::new();
    for (file, prefix) in FILES {
        if !names.iter().any(|name| name == file) {
            if prefix.is_empty() {
                let remedy = "write it; two lines will do: id = \"my-shop\" and name = \"My Shop\"";
                faults.push(Fault::of_file(file, "no-tenant", "a tenant needs this file".to_owned(), remedy));
            }
            continue;
        }
        match read_text(&folder.join(file)) {
            Ok(text) => sheets.push((prefix, Sheet::new(PathBuf::from(file), text))),
            Err(error) => faults.push(unreadable(Path::new(file), &error)),
        }
    }
    sheets
}

/// Every flow goes into the configuration; one that cannot be read without its document, so that what leads to it is not reported as well.
fn read_flows(folder: &Path, configuration: &mut Configuration, faults: &mut Vec<Fault>) -> Documents {
    let mut documents = BTreeMap::new();
    for name in file_names(folder).unwrap_or_default() {
        let file = Path::new("flows").join(&name);
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let id: FlowId = match stem.parse() {
            Ok(id) => id,
            Err(error) => {
                let remedy = "rename the file: a flow is called like its file";
                faults.push(Fault::of_file(file, "bad-name", format!("no flow can be called so: {error}"), remedy));
                continue;
            }
        };
        let text = match read_text(&folder.join(&name)) {
            Ok(text) => text,
            Err(error) => {
                faults.push(unreadable(&file, &error));
                configuration.flows.insert(id, FlowDocument { plugin: String::new(), document: "".into() });
                continue;
            }
        };
        let sheet = Sheet::new(file, text);
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&sheet.text) {
            let at = json::offset(&sheet.text, error.line(), error.column());
            sheet.error(
                at..at + 1,
                "not-json",
                error.to_string(),
                "mend the JSON here; the fault is often one character before",
            );
            faults.extend(sheet.take_faults());
            configuration.flows.insert(id, FlowDocument { plugin: String::new(), document: "".into() });
            continue;
        }
        if let Some(named) = configuration.flows.get(&id).and_then(FlowDocument::of_pack) {
            let message = format!("flows.toml has the flow {id} run the document {named} of a pack");
            let remedy = "take this file away, or the `document` there";
            faults.push(Fault::of_file(sheet.path, "two-documents", message, remedy));
            continue;
        }
        let plugin = configuration.flows.get(&id).map_or("flow-graph", |flow| flow.plugin.as_str()).to_owned();
        configuration.flows.insert(id.clone(), FlowDocument { plugin, document: sheet.text.as_str().into() });
        documents.insert(id, (sheet.path, sheet.text));
    }
    documents
}

fn file_names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn read_text(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MOST_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the file is larger than 4 MiB"));
    }
    std::fs::read_to_string(path)
}

fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
    let remedy = "let it be a UTF-8 text that this user may read";
    Fault::of_file(file, "unreadable", format!("cannot be read: {error}"), remedy)
}
