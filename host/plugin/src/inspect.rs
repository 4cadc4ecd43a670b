//! What a component exports and imports, without running any of it.

use crate::{Engine, LoadError, PluginHash, engine::Compiler};

/// Version of the contract `plugboard:plugin` that this host speaks.
pub const CONTRACT: &str = "0.1.1";

/// The package of the contract, as interfaces are named by it: `plugboard:plugin/flow@0.1.0`.
const PACKAGE: &str = "plugboard:plugin/";

/// Names only: whether the types behind them fit shows when the component is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Interfaces of the contract that it exports, without package and version: `flow`, `common`. In the component's order.
    pub exports: Vec<String>,
    /// Versions of the contract that it was built against, each once; as a rule one. None where it exports nothing of the contract.
    pub contracts: Vec<String>,
    /// All that it imports, in full: `plugboard:plugin/http@0.1.0`, `wasi:io/poll@0.2.6`. In the component's order.
    pub imports: Vec<String>,
}

impl Engine {
    /// Tells what a component names. One that was never loaded is compiled for it, which takes a while for a large one; nothing of that is kept.
    pub fn inspect(&self, component: &[u8]) -> Result<Inspected, LoadError> {
        let hash = PluginHash::of(component);
        let known = |compiler: &Compiler| Some((compiler.compiled_before(&hash)?, compiler.wasm.clone()));
        let (component, wasm) = match known(&self.small).or_else(|| known(&self.large)) {
            Some(known) => known,
            // The engine for large ones: a look needs no slot of the pool.
            None => (self.large.compile_anew(component)?, self.large.wasm.clone()),
        };
        let (component, wasm) = (component.component_type(), &wasm);
        let imports: Vec<String> = component.imports(wasm).map(|(name, _)| name.to_owned()).collect();
        let mut inspected = Inspected { imports, ..Inspected::default() };
        for (name, _) in component.exports(wasm) {
            let Some(interface) = name.strip_prefix(PACKAGE) else { continue };
            let (interface, version) = interface.split_once('@').unwrap_or((interface, ""));
            inspected.exports.push(interface.to_owned());
            if !inspected.contracts.iter().any(|known| known == version) {
                inspected.contracts.push(version.to_owned());
            }
        }
        Ok(inspected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineSettings;

    fn inspect(text: &str) -> Inspected {
        let engine = Engine::new(EngineSettings { instances: 1, ..EngineSettings::default() }).unwrap();
        engine.inspect(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn a_component_names_what_it_decides_and_what_it_needs() {
        let inspected = inspect(
            r#"(component
                (import "plugboard:plugin/http@0.1.0" (instance))
                (import "wasi:io/poll@0.2.6" (instance))
                (instance $empty)
                (export "plugboard:plugin/common@0.1.0" (instance $empty))
                (export "plugboard:plugin/connector@0.1.0" (instance $empty))
                (export "wasi:cli/run@0.2.6" (instance $empty)))"#,
        );
        let expected = Inspected {
            exports: vec!["common".into(), "connector".into()],
            contracts: vec!["0.1.0".into()],
            imports: vec!["plugboard:plugin/http@0.1.0".into(), "wasi:io/poll@0.2.6".into()],
        };
        assert_eq!(inspected, expected);
    }

    #[test]
    fn a_component_that_exports_nothing_names_nothing() {
        assert_eq!(inspect("(component)"), Inspected::default());
    }

    #[test]
    fn the_contract_that_this_host_speaks_is_the_one_in_the_repository() {
        let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        let texts = std::fs::read_dir(wit).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = texts.filter(|path| path.extension().is_some_and(|found| found == "wit")).collect();
        let package = format!("package plugboard:plugin@{CONTRACT};");
        let others = files.iter().filter(|path| !std::fs::read_to_string(path).unwrap().contains(&package)).count();
        assert_eq!((files.is_empty(), others), (false, 0));
    }
}
