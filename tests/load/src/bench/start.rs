//! How long a start takes with a hundred plugins that were compiled before.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    BenchError, Outcome, Setting, Table, accounts, round,
    vendor::{make_pack, order},
};
use crate::host::{Host, HostError, Installation, Tenant, write_ivr_tenant};

const PLUGINS: usize = 100;
/// Those that a host asks by itself, with their worlds; the folder may hold others.
const ASKED: [(&str, &str); 9] = [
    ("flow-graph", "flow"),
    ("route-longest-idle", "routing"),
    ("route-skills", "routing"),
    ("route-vip-sticky", "routing"),
    ("rule-calling-hours", "compliance"),
    ("rule-masking", "compliance"),
    ("rule-payment-pause", "compliance"),
    ("rule-recording-consent", "compliance"),
    ("rule-script-watch", "compliance"),
];
/// Tenants that have packs.
const TENANTS: usize = 20;
/// The first of their numbers; nobody calls them.
const FIRST: usize = 8_100;

/// From the start of the process until calls can come in: the median of some starts.
pub fn start(setting: &Setting) -> Result<Outcome, BenchError> {
    let tenant = Tenant { agents: accounts(1), record: false };
    let (count, starts) = if setting.short { (12, 1) } else { (PLUGINS, 9) };
    let mut shipped = Host::start(&setting.installation, &tenant)?;
    let few = median(&mut shipped, starts)?;
    drop(shipped);
    let with_packs = with_packs(setting, &tenant, count, starts)?;

    let folder = Copies::new(&setting.installation.plugins, count).map_err(HostError::Scratch)?;
    let installation = Installation { plugins: folder.0.clone(), ..setting.installation.clone() };
    let begun = Instant::now();
    let mut host = Host::start(&installation, &tenant)?;
    let first = begun.elapsed();
    let many = median(&mut host, starts)?;
    let resident_mib = host.resident_kib().unwrap_or_default() as f64 / 1_024.0;
    Ok(Outcome {
        json: json!({
            "plugins": count,
            "cached_start_s": round(many.as_secs_f64()),
            "packs_start_s": round(with_packs.as_secs_f64()),
            "shipped_start_s": round(few.as_secs_f64()),
            "compiling_start_s": round(first.as_secs_f64()),
            "rss_mib": round(resident_mib),
        }),
        table: Table {
            columns: &[
                "plugins",
                "cached start s",
                "as packs of 20 tenants s",
                "only what is shipped s",
                "first start s",
                "RSS MiB",
            ],
            ours: vec![
                count.to_string(),
                format!("{:.3}", many.as_secs_f64()),
                format!("{:.3}", with_packs.as_secs_f64()),
                format!("{:.3}", few.as_secs_f64()),
                format!("{:.1}", first.as_secs_f64()),
                format!("{resident_mib:.0}"),
            ],
            peers: &[],
        },
        reports: Vec::new(),
        remarks: Vec::new(),
    })
}

/// The same number as packs, installed for tenants each.
fn with_packs(setting: &Setting, tenant: &Tenant, count: usize, starts: usize) -> Result<Duration, BenchError> {
    let of = |number: usize| format!("tenant-{}", number % TENANTS);
    let mut host = Host::start_beside(&setting.installation, tenant, |tenants| {
        (0..TENANTS.min(count))
            .try_for_each(|index| write_ivr_tenant(&tenants.join(of(index)), &of(index), &(FIRST + index).to_string()))
    })?;
    let program = setting.installation.host.clone();
    let install = |number: usize, (name, world): (&str, &str)| {
        let mut component = fs::read(setting.installation.plugins.join(name).with_extension("wasm"))?;
        component.extend(mark(number));
        let folder = host.folder().join(format!("pack-{number}"));
        let file = make_pack(&program, &folder, &format!("load.pack-{number}"), "1.0.0", world, &component)?;
        order(&program, host.api(), &["pack", "install", &file, "--tenant", &of(number)])
    };
    for (number, component) in ASKED.iter().cycle().take(count).enumerate() {
        install(number, *component).map_err(HostError::Scratch)?;
    }
    Ok(median(&mut host, starts)?)
}

fn median(host: &mut Host, starts: usize) -> Result<Duration, HostError> {
    let mut took = (0..starts).map(|_| host.restart()).collect::<Result<Vec<_>, _>>()?;
    took.sort_unstable();
    Ok(took[starts / 2])
}

/// A folder of components that do the same and are not the same; it goes with this.
struct Copies(PathBuf);

impl Copies {
    fn new(from: &Path, count: usize) -> io::Result<Self> {
        let copies = Self(std::env::temp_dir().join(format!("plugboard-copies-{}", std::process::id())));
        fs::create_dir_all(&copies.0)?;
        for (number, (name, _)) in ASKED.iter().cycle().take(count).enumerate() {
            let mut component = fs::read(from.join(format!("{name}.wasm")))?;
            component.extend(mark(number));
            // What the tenant's flows and queues name stands under its own name.
            let name = if number < ASKED.len() { (*name).to_owned() } else { format!("{name}-{number}") };
            fs::write(copies.0.join(name).with_extension("wasm"), component)?;
        }
        Ok(copies)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A custom section, which any component may end with: it makes another file of it, and so another plugin.
fn mark(number: usize) -> Vec<u8> {
    const NAME: &[u8] = b"copy";
    let content = number.to_le_bytes();
    let mut section = vec![0, (1 + NAME.len() + content.len()) as u8, NAME.len() as u8];
    section.extend(NAME);
    section.extend(content);
    section
}
