#![allow(clippy::disallowed_methods, reason = "builds components and reads the clock, as an author does")]
//! What authors build, in the real engine: the examples of `examples/plugins`, asked as the host asks.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use plugboard_model::{
    TenantId,
    routing::{Candidate, Column, Levels, Need, Tables, Waiting},
};
use plugboard_plugin::{Ask, Question, RoutingPlugin, TableSet};

/// Longer than the 5 ms of real life: a test machine may be busy, and QuickJS and Python are slow.
const BUDGET: Duration = Duration::from_secs(2);

/// Where the examples are.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/plugins")
}

/// The component of a package of `examples/plugins/rust`, built once a run. Needs the target wasm32-unknown-unknown.
pub fn rust_example(package: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        let target = plugins.join("target");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown"])
            .args(["--package", "route-last-agent", "--package", "flow-office", "--manifest-path"])
            .arg(plugins.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the examples build (rustup target add wasm32-unknown-unknown)");
        target.join("wasm32-unknown-unknown/release")
    });
    let module = folder.join(package.replace('-', "_") + ".wasm");
    plugboard_componentize::componentize(&std::fs::read(module).expect("the module was built")).expect("a component")
}

pub fn question(ask: Ask) -> Question {
    Question { id: 1, tenant: "acme".parse::<TenantId>().expect("a name"), budget: BUDGET, ask }
}

/// So many candidates, in no order; the third from the end is the customer's last agent.
pub fn rank(policy: &RoutingPlugin, count: u32) -> Question {
    let agent = |number: u32| Candidate {
        number,
        levels: Levels::from_needs([(number * 7 % 10 + 1) as u8]),
        idle_ms: number * 7_919 % 60_000,
        taken_today: number % 40,
        load_permille: (number % 3 * 250) as u16,
    };
    let tables = Tables { attributes: vec!["value".into(), "last-agent".into()], ..Tables::default() };
    let is_last = |number: u32| i32::from(number + 3 == count.max(3));
    question(Ask::RankAgents {
        policy: policy.clone(),
        tables: Arc::new(TableSet::new(tables)),
        who: Waiting { number: 1, queue: 0, priority: 5, channel: 0, waited_ms: 12_000, value: 0 },
        needs: vec![Need { skill: 0, level: 1 }],
        candidates: (0..count).map(agent).collect(),
        columns: vec![Column { attribute: 1, values: (0..count).map(is_last).collect() }],
    })
}

/// What every `last-agent` example must answer to [`rank`].
pub fn expected(question: &Question) -> Vec<u32> {
    let Ask::RankAgents { candidates, columns, .. } = &question.ask else { panic!("a rank") };
    let mut rows: Vec<_> = candidates.iter().zip(&columns[0].values).collect();
    rows.sort_by_key(|(agent, is_last)| (std::cmp::Reverse((**is_last, agent.idle_ms)), agent.number));
    rows.into_iter().map(|(agent, _)| agent.number).collect()
}
