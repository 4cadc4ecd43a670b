//! What the system says of a process and of a core.

use std::fs;

/// Of one process, from `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub user_s: f64,
    pub system_s: f64,
    pub rss_kib: u64,
    pub threads: u64,
}

/// The clock tick and page size of Linux on the platforms that this is run on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_KIB: u64 = 4;

/// All zeros if the process is gone.
pub fn usage(pid: u32) -> Usage {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is the program's name, which may hold anything but ends with the last parenthesis.
    let fields: Vec<u64> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    Usage {
        user_s: field(14) as f64 / TICKS_PER_SECOND,
        system_s: field(15) as f64 / TICKS_PER_SECOND,
        threads: field(20),
        rss_kib: field(24) * PAGE_KIB,
    }
}

/// Seconds that a core was not idle, from `/proc/stat`; interrupts and time stolen by the hypervisor included.
pub fn core_busy_s(core: usize) -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
    let ticks: Vec<u64> = line.split_ascii_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    // user nice system [idle iowait] irq softirq steal
    let busy: u64 = ticks.iter().take(8).enumerate().filter(|(n, _)| !matches!(n, 3 | 4)).map(|(_, t)| t).sum();
    busy as f64 / TICKS_PER_SECOND
}

/// Puts this process on one core; children begin there too. `false` if the machine has no such core.
pub fn stay_on_core(core: usize) -> bool {
    let mut cores = nix::sched::CpuSet::new();
    cores.set(core).is_ok() && nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &cores).is_ok()
}
