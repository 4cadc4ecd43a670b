//! Lines that plugins write: bounded, named, and handed to whoever keeps logs.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use plugboard_model::TenantId;

use crate::{
    PluginHash,
    bindings::log::{self as wit, Level},
    door,
};

/// Most lines of one question.
const LINES: u32 = 32;
/// Lines a second, and at once, of one tenant and plugin.
const RATE: u32 = 100;
const BURST: u32 = 200;
const MESSAGE: usize = 1_024;
const FIELDS: usize = 8;
const NAME: usize = 64;
const VALUE: usize = 256;
/// Tenants and plugins whose rate is remembered.
const MOST_WRITERS: usize = 4_096;

/// How urgent a line is, as the plugin says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// What a plugin wrote. Cut to size and without control characters: it can stand in a terminal and in a file of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// None while the component is loaded or checked.
    pub tenant: Option<TenantId>,
    pub plugin: PluginHash,
    pub level: LogLevel,
    pub message: String,
    /// Name and value.
    pub fields: Vec<(String, String)>,
    /// Lines that were dropped before this one, because there were too many.
    pub dropped: u32,
}

/// Where lines go. Called on plugin threads: it should hand the line over and return.
#[derive(Clone)]
pub struct LogSink(Arc<dyn Fn(LogLine) + Send + Sync>);

impl LogSink {
    pub fn new(sink: impl Fn(LogLine) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub fn write(&self, line: LogLine) {
        (self.0)(line);
    }

    /// As events of `tracing`, with the target `plugin`.
    pub fn tracing() -> Self {
        Self::new(|line| {
            let LogLine { tenant, plugin, level, message, fields, dropped } = line;
            let tenant = tenant.as_ref().map(TenantId::as_str);
            let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            let fields = fields.join(" ");
            match level {
                LogLevel::Debug => tracing::debug!(target: "plugin", tenant, %plugin, dropped, fields, "{message}"),
                LogLevel::Info => tracing::info!(target: "plugin", tenant, %plugin, dropped, fields, "{message}"),
                LogLevel::Warn => tracing::warn!(target: "plugin", tenant, %plugin, dropped, fields, "{message}"),
                LogLevel::Error => tracing::error!(target: "plugin", tenant, %plugin, dropped, fields, "{message}"),
            }
        })
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSink")
    }
}

/// The sink of an engine, and how much each plugin wrote to it lately.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    sink: LogSink,
    rates: Arc<Mutex<BTreeMap<Writer, Rate>>>,
}

/// Of lines: a plugin in a tenant.
type Writer = (Option<TenantId>, PluginHash);

#[derive(Debug)]
struct Rate {
    since: Instant,
    left: u32,
}

impl Rate {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.duration_since(self.since);
        let new = u32::try_from(passed.as_millis() * u128::from(RATE) / 1_000).unwrap_or(BURST);
        if new > 0 {
            self.left = self.left.saturating_add(new).min(BURST);
            self.since = now;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

impl Log {
    pub(crate) fn new(sink: LogSink) -> Self {
        Self { sink, rates: Arc::default() }
    }

    fn has_room(&self, writer: &Writer) -> bool {
        let now = Instant::now();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rate) = rates.get_mut(writer) {
            return rate.take(now);
        }
        if rates.len() >= MOST_WRITERS {
            // Who wrote nothing for that long has all of its burst again, and need not be remembered.
            rates.retain(|_, rate| now.duration_since(rate.since) < Duration::from_secs((BURST / RATE).into()));
        }
        if rates.len() < MOST_WRITERS {
            rates.insert(writer.clone(), Rate { since: now, left: BURST - 1 });
        }
        rates.len() < MOST_WRITERS
    }
}

/// The lines of one instance.
pub(crate) struct Lines {
    /// None: they go nowhere.
    log: Option<Log>,
    writer: (Option<TenantId>, PluginHash),
    /// Of this question.
    left: u32,
    dropped: u32,
}

impl Lines {
    pub(crate) fn new(log: Option<Log>, tenant: Option<TenantId>, plugin: PluginHash) -> Self {
        Self { log, writer: (tenant, plugin), left: LINES, dropped: 0 }
    }

    pub(crate) fn begin(&mut self) {
        self.left = LINES;
    }

    /// Control characters become spaces, whatever is too long is cut.
    pub(crate) fn write(&mut self, level: LogLevel, message: &str, fields: &[(&str, &str)]) {
        let Some(log) = &self.log else { return };
        if self.left == 0 || !log.has_room(&self.writer) {
            self.dropped += 1;
            return;
        }
        self.left -= 1;
        let field = |(name, value): &(&str, &str)| (door::shown(NAME, name), door::shown(VALUE, value));
        (log.sink.0)(LogLine {
            tenant: self.writer.0.clone(),
            plugin: self.writer.1,
            level,
            message: door::shown(MESSAGE, message),
            fields: fields.iter().take(FIELDS).map(field).collect(),
            dropped: std::mem::take(&mut self.dropped),
        });
    }
}

impl wit::Host for Lines {
    fn write(&mut self, level: Level, message: String, fields: Vec<wit::Field>) {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let fields: Vec<(&str, &str)> =
            fields.iter().take(FIELDS).map(|field| (field.name.as_str(), field.value.as_str())).collect();
        Self::write(self, level, &message, &fields);
    }
}
