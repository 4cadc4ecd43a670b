//! What a `plugin.toml` names and where, read before anybody knows whether it is right: which files belong into the pack, and the place of a
//! fault that shows only in the files.

use plugboard_config::Place;
use plugboard_pack::{FileName, manifest::place};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Below `[folders]`.
const FOLDERS: [&str; 4] = ["prompts", "flows", "tests", "translations"];

pub(super) struct Names<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
}

impl<'a> Names<'a> {
    /// Of a text that may be no TOML at all; then it names what could be read of it.
    pub(super) fn read(text: &'a str) -> Self {
        Self { text, root: DeTable::parse_recoverable(text).0 }
    }

    /// Files of code, each once.
    pub(super) fn components(&self) -> Vec<FileName> {
        self.of_components("file")
    }

    /// Schemas of settings, each once.
    pub(super) fn schemas(&self) -> Vec<FileName> {
        self.of_components("settings")
    }

    fn of_components(&self, key: &str) -> Vec<FileName> {
        let components = self.root.get_ref().get("components").and_then(|value| value.get_ref().as_table());
        let named = components.into_iter().flat_map(|table| table.values());
        let mut files: Vec<FileName> =
            named.filter_map(|component| component.get_ref().get(key)?.get_ref().as_str()?.parse().ok()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Folders that go in whole.
    pub(super) fn folders(&self) -> Vec<FileName> {
        let folder = |key| self.value(&["folders", key])?.get_ref().as_str()?.parse().ok();
        FOLDERS.into_iter().filter_map(folder).collect()
    }

    /// Where the value of a key stands; `None` if it is not there.
    pub(super) fn place(&self, path: &[&str]) -> Option<Place> {
        Some(place(self.text, self.value(path)?.span()))
    }

    fn value(&self, path: &[&str]) -> Option<&Spanned<DeValue<'a>>> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.root.get_ref().get(*first)?, |value, key| value.get_ref().get(*key))
    }
}
