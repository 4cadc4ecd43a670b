//! What the same policy costs in each language: reads every `last-agent-*.wasm` that `examples/plugins/*/build` left, asks it, and prints a table.
//!
//! `cargo xtask plugins --table` builds the examples and runs this with `--write`, which replaces the table in `examples/plugins/README.md`. A policy
//! that answers wrongly is an error, not a row.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    error::Error,
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use plugboard_authors::{examples, expected, rank};
use plugboard_plugin::{Answer, Asker, Engine, EngineSettings, Limits, RoutingPlugin, Terms};

const BEGIN: &str = "<!-- table: languages -->\n";
const END: &str = "<!-- end -->";
const COUNTS: [u32; 4] = [1, 10, 100, 256];
/// Most questions of a kind, and the longest time for them.
const ROUNDS: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    if cfg!(debug_assertions) {
        eprintln!("this is not a release build: the answers are checked, the times mean nothing");
    }
    let mut components: Vec<_> = fs::read_dir(examples().join("target"))?.filter_map(Result::ok).collect();
    components.sort_by_key(fs::DirEntry::file_name);
    let mut rows = Vec::new();
    for entry in components {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(language) = name.strip_prefix("last-agent-").and_then(|rest| rest.strip_suffix(".wasm")) {
            rows.push(row(language, &fs::read(entry.path())?)?);
            eprintln!("{language} is measured");
        }
    }
    let counts = COUNTS.map(|count| format!(" rank {count} |")).concat();
    let rules = "---|".repeat(6 + COUNTS.len());
    let table = format!(
        "| language | build | bytes | compile | load from the cache | fresh instance |{counts}\n|{rules}\n{}",
        rows.concat()
    );
    println!("{table}");
    if std::env::args().any(|argument| argument == "--write") {
        write(&examples().join("README.md"), &table)?;
    }
    Ok(())
}

fn row(language: &str, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
    let cache = examples().join("target/cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    let engine = Engine::new(EngineSettings { cache: Some(cache), ..EngineSettings::default() })?;
    // As a manifest would ask: what fits a pool without, the runtimes of languages with more memory.
    let limits = if bytes.len() > 512 << 10 { Limits::CEILING } else { Limits::SMALL };
    let load = || {
        let begun = Instant::now();
        let policy: RoutingPlugin = engine.load(bytes, Terms { limits, ..Terms::default() })?;
        Ok::<_, Box<dyn Error>>((policy, begun.elapsed()))
    };
    let (policy, compile) = load()?;
    let cached = (0..5).map(|_| Ok(load()?.1)).collect::<Result<Vec<_>, Box<dyn Error>>>()?.into_iter().min();
    let one = rank(&policy, 1);
    let fresh = measure(|| black_box(Asker::new(&engine).ask(one.clone())).result.is_ok());
    let mut asker = Asker::new(&engine);
    let mut cells = String::new();
    for count in COUNTS {
        let rank = rank(&policy, count);
        match asker.ask(rank.clone()).result {
            Ok(Answer::Order(order)) if order.numbers == expected(&rank) => {}
            other => return Err(format!("{language} ranks {count} candidates wrongly: {other:?}").into()),
        }
        cells += &format!(" {} |", measure(|| black_box(asker.ask(rank.clone())).result.is_ok()));
    }
    let cached = cached.unwrap_or_default();
    Ok(format!(
        "| {language} | `{language}/build` | {} | {} | {} | {fresh} |{cells}\n",
        bytes.len(),
        shown(compile),
        shown(cached)
    ))
}

/// 50th and 99th percentile, or the 50th alone where too few were asked for the other.
fn measure(mut question: impl FnMut() -> bool) -> String {
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < ROUNDS && begun.elapsed() < PATIENCE {
        let asked = Instant::now();
        assert!(question(), "the question is answered");
        times.push(asked.elapsed());
    }
    // The first tenth warms up.
    let mut times = times.split_off(times.len() / 10);
    times.sort_unstable();
    let at = |permille: usize| shown(times[times.len() * permille / 1_000]);
    if times.len() < 200 { at(500) } else { format!("{} / {}", at(500), at(990)) }
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..10.0 => format!("{micros:.1} µs"),
        ..1_000.0 => format!("{micros:.0} µs"),
        ..10_000.0 => format!("{:.1} ms", micros / 1e3),
        ..1_000_000.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.1} s", micros / 1e6),
    }
}

fn write(readme: &Path, table: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(readme)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no place for the table")?;
    let (_, after) = rest.split_once(END).ok_or("README.md has no end of the table")?;
    fs::write(readme, format!("{before}{BEGIN}{table}{END}{after}"))?;
    Ok(())
}
