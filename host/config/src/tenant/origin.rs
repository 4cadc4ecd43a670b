//! Where everything of a tenant stands in its files.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use plugboard_model::FlowId;
use plugboard_pack::manifest::place;
use toml::de::{DeTable, DeValue};

use super::json;
use crate::{Fault, Finding, sheet::Sheet};

/// Flow documents: file and text.
pub(super) type Documents = BTreeMap<FlowId, (PathBuf, String)>;

/// The files of a tenant, to tell where a finding belongs: also what a host finds later, which knows more than the files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    files: Vec<(PathBuf, String)>,
    /// By JSON Pointer: the file's number, and bytes of it.
    spans: BTreeMap<String, (usize, Range<usize>)>,
    pub(super) documents: Documents,
}

impl Origin {
    pub(super) fn add(&mut self, prefix: &str, sheet: &Sheet, table: &DeTable<'_>) {
        self.files.push((sheet.path.clone(), sheet.text.clone()));
        self.index(table, prefix, self.files.len() - 1);
    }

    /// Where each key stands: a table at its head, another value at itself.
    fn index(&mut self, table: &DeTable<'_>, prefix: &str, file: usize) {
        for (key, value) in table {
            let pointer = format!("{prefix}/{}", key.get_ref());
            let span = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.index(inner, &pointer, file);
                    key.span()
                }
                DeValue::Array(items) => {
                    for (item, number) in items.iter().zip(0..) {
                        self.spans.insert(format!("{pointer}/{number}"), (file, item.span()));
                    }
                    value.span()
                }
                _ => value.span(),
            };
            self.spans.insert(pointer, (file, span));
        }
    }

    /// Gives a finding the file and line of what it points at, or of the nearest thing around it that is written down.
    pub fn locate(&self, finding: Finding) -> Fault {
        let (file, place) = self.find(&finding.pointer);
        Fault {
            severity: finding.severity,
            code: finding.code.into(),
            file,
            place,
            node: finding.node,
            message: finding.message,
            remedy: finding.remedy,
        }
    }

    /// The place is `None` where nothing around it is written down either.
    pub fn find(&self, pointer: &str) -> (PathBuf, Option<crate::Place>) {
        let mut pointer = pointer;
        let flow = pointer.strip_prefix("/flows/");
        if let Some(flow) = flow {
            let (flow, inner) = flow.find('/').map_or((flow, ""), |slash| flow.split_at(slash));
            if let Some((path, text)) = self.documents.get(flow) {
                return (path.clone(), Some(place(text, json::span(text, inner))));
            }
        }
        loop {
            if let Some((file, span)) = self.spans.get(pointer) {
                let (path, text) = &self.files[*file];
                return (path.clone(), Some(place(text, span.clone())));
            }
            match pointer.rfind('/') {
                Some(slash) => pointer = &pointer[..slash],
                None if flow.is_some() => return (PathBuf::from("flows"), None),
                None => return (PathBuf::from("tenant.toml"), None),
            }
        }
    }
}
