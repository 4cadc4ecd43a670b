//! The number lists of a tenant: `lists/NAME.txt` or `lists/NAME.csv`.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use plugboard_model::{Configuration, FlowId, MOST_LISTED, MOST_LISTS, Number, flow::Severity};

use super::{file_names, read_text, unreadable};
use crate::{Fault, sheet::Sheet};

/// Faults told of one file: the others are of the same kind as a rule.
const MOST_FAULTS: usize = 20;

/// Each file becomes the list of its name: a number a line, `#` begins a comment; of a `.csv` the first column, with or without a line of headings.
pub(super) fn read(folder: &Path, configuration: &mut Configuration, faults: &mut Vec<Fault>) {
    let mut listed = 0;
    for name in file_names(&folder.join("lists")).unwrap_or_default() {
        let file = Path::new("lists").join(&name);
        let (stem, is_table) = match (name.strip_suffix(".txt"), name.strip_suffix(".csv")) {
            (Some(stem), _) => (stem, false),
            (_, Some(stem)) => (stem, true),
            _ => {
                let fault = Fault::of_file(
                    file,
                    "unknown-file",
                    "nothing reads this file".to_owned(),
                    "call it NAME.txt or NAME.csv",
                );
                faults.push(Fault { severity: Severity::Warning, ..fault });
                continue;
            }
        };
        // A list's name follows the rules of every other name.
        if let Err(error) = stem.parse::<FlowId>() {
            let message = format!("no list can be called so: {error}");
            faults.push(Fault::of_file(file, "bad-name", message, "rename the file: a list is called like its file"));
            continue;
        }
        let text = match read_text(&folder.join(&file)) {
            Ok(text) => text,
            Err(error) => {
                faults.push(unreadable(&file, &error));
                continue;
            }
        };
        let sheet = Sheet::new(file, text);
        let numbers = numbers(&sheet, is_table);
        faults.extend(sheet.take_faults());
        listed += numbers.len();
        if configuration.lists.insert(stem.into(), Arc::new(numbers)).is_some() {
            let message = format!("there is a list {stem:?} already");
            faults.push(Fault::of_file(sheet.path.clone(), "listed-twice", message, "keep one of the two files"));
        }
    }
    if listed > MOST_LISTED || configuration.lists.len() > MOST_LISTS {
        let message = format!("{listed} numbers in {} lists", configuration.lists.len());
        let remedy = format!("keep at most {MOST_LISTED} numbers in {MOST_LISTS} lists");
        faults.push(Fault::of_file("lists", "too-many", message, remedy));
    }
}

fn numbers(sheet: &Sheet, is_table: bool) -> BTreeSet<Number> {
    let (mut numbers, mut at, mut wrong) = (BTreeSet::new(), 0, 0);
    for (line, place) in sheet.text.split_inclusive('\n').zip(0..) {
        let begin = at;
        at += line.len();
        let cell = match is_table {
            true => line.split([',', ';', '\t']).next().unwrap_or_default().trim().trim_matches('"'),
            false => line.split('#').next().unwrap_or_default().trim(),
        };
        let is_heading = is_table && place == 0 && !cell.contains(|letter: char| letter.is_ascii_digit());
        if cell.is_empty() || is_heading || cell == "\u{feff}" {
            continue;
        }
        match e164(cell.trim_start_matches('\u{feff}')) {
            Some(number) => {
                numbers.insert(number);
            }
            None if wrong < MOST_FAULTS => {
                wrong += 1;
                let span = begin..begin + line.trim_end().len().max(1);
                sheet.error(
                    span,
                    "bad-number",
                    format!("{cell:?} is no number"),
                    "write it as in E.164: +8613800138000",
                );
            }
            None => {}
        }
    }
    numbers
}

/// `+` and 7 to 15 digits (ITU-T E.164 §6.2.1); spaces and dashes between them are left out.
fn e164(text: &str) -> Option<Number> {
    let plain: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let digits = plain.strip_prefix('+')?;
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| plain.parse().ok()).flatten()
}
