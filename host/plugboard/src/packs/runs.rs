//! Which version of its component each run of a flow began with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use plugboard_plugin::FlowPlugin;

/// A run of a flow has one text that names its component, from its first step to its last, and nobody else has that very text: its address tells
/// runs apart, and that it is gone tells that the run is over.
#[derive(Default)]
pub(crate) struct Runs {
    /// While the weak reference is here, nothing else gets the address.
    by_name: BTreeMap<usize, (Weak<str>, FlowPlugin)>,
    sweep_at: usize,
}

/// Runs that are kept before those that are over are looked for.
const FEW: usize = 1_024;

impl Runs {
    /// The version that the run began with; if it begins, what `find` gives.
    pub(crate) fn component(
        &mut self,
        name: &Arc<str>,
        find: impl FnOnce(&str) -> Option<FlowPlugin>,
    ) -> Option<FlowPlugin> {
        let address = name.as_ptr() as usize;
        if let Some((_, component)) = self.by_name.get(&address) {
            return Some(component.clone());
        }
        let component = find(name)?;
        if self.by_name.len() >= self.sweep_at {
            self.by_name.retain(|_, (name, _)| name.strong_count() > 0);
            self.sweep_at = FEW.max(2 * self.by_name.len());
        }
        self.by_name.insert(address, (Arc::downgrade(name), component.clone()));
        Some(component)
    }
}

#[cfg(test)]
mod tests {
    use plugboard_plugin::{Engine, EngineSettings, PluginHash};

    use super::*;

    /// A component of the contract 0.1.0, and the same with a custom section: two versions of one plugin.
    const FLOW: &[u8] = include_bytes!("../../../plugin/tests/released/0.1.0/flow.wasm");

    fn two_versions() -> [FlowPlugin; 2] {
        let engine = Engine::new(EngineSettings { instances: 4, ..EngineSettings::default() }).unwrap();
        let newer = [FLOW, &[0, 2, 1, b'x']].concat();
        [FLOW, &newer].map(|bytes| engine.load_flow(bytes).unwrap())
    }

    #[test]
    fn a_run_keeps_its_version_to_its_end_and_the_next_one_has_the_new_version() {
        let [old, new] = two_versions();
        let mut runs = Runs::default();
        let mut asked = |name: &Arc<str>, serving: &FlowPlugin| -> Option<PluginHash> {
            Some(runs.component(name, |_| Some(serving.clone()))?.hash())
        };
        let (first, second): (Arc<str>, Arc<str>) = ("acme.ivr/menu".into(), "acme.ivr/menu".into());
        let steps = [asked(&first, &old), asked(&first, &new), asked(&second, &new), asked(&first, &new)];
        assert_eq!(steps, [&old, &old, &new, &old].map(|version| Some(version.hash())));
    }

    #[test]
    fn versions_that_no_run_uses_any_more_are_let_go() {
        let [old, _] = two_versions();
        let mut runs = Runs::default();
        for _ in 0..10 * FEW {
            let over: Arc<str> = "acme.ivr/menu".into();
            runs.component(&over, |_| Some(old.clone()));
        }
        assert!(runs.by_name.len() <= FEW, "{}", runs.by_name.len());
    }
}
