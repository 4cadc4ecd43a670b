//! A working day, through SIP messages and the real components.

/// What a day came to.
#[derive(Clone, Debug, Default)]
pub struct DayReport {
    pub wall_s: f64,
    pub calls: u64,
    pub agents: u64,
    /// Agents, calls, lines or recordings that live on when everybody has gone home.
    pub stuck: u64,
}
