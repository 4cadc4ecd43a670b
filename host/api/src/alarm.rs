//! What an operator must know.

use plugboard_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that an operator must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    pub name: AlarmName,
    /// The tenant or thing that it concerns, `shop` or `shop/crm`; `None`: the host as a whole.
    pub about: Option<String>,
    /// In words.
    pub detail: String,
    pub since: Timestamp,
}

/// The enum, the list of all and their words from one table: none can be raised that the list does not have.
macro_rules! names {
    ($($(#[doc = $meaning:literal])+ $name:ident = $word:literal,)+) => {
        /// Each alarm by its stable word, kebab-case. Its words for people stand in `page/words.js`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum AlarmName {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl AlarmName {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// `None`: no alarm has that name.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|name| name.as_str() == word)
            }
        }
    };
}

names! {
    /// The loop was overloaded, and answers of plugins were lost.
    AnswersLost = "answers-lost",
    /// Certificates cannot be read; those of before stay in use.
    CertificatesNotRead = "certificates-not-read",
    /// A channel's platform refuses messages or does not answer.
    ChannelFailing = "channel-failing",
    /// A channel cannot be used at all; its messages wait.
    ChannelNotReady = "channel-not-ready",
    /// A compliance rule wants supervisors to know.
    Compliance = "compliance",
    /// Something is not told to another system any more.
    ConnectorDeadLetter = "connector-dead-letter",
    /// Another system refuses requests or does not answer.
    ConnectorFailing = "connector-failing",
    /// A connector cannot be asked at all.
    ConnectorNotReady = "connector-not-ready",
    /// The disk stands still: new calls are refused.
    DiskBehind = "disk-behind",
    /// The disk is full: recordings stop.
    DiskFull = "disk-full",
    /// An event was too big to be kept.
    EventNotKept = "event-not-kept",
    /// Events of a tenant could not be written.
    EventsLost = "events-lost",
    /// What a tenant's log says is wrong, where it has no name of its own here.
    Exchange = "exchange",
    /// The process may open too few files for its calls.
    FewFiles = "few-files",
    /// A flow failed, and callers take the exception flow.
    FlowFailed = "flow-failed",
    /// The loop was overloaded, and media events were lost.
    MediaEventsLost = "media-events-lost",
    /// A message is not sent.
    MessageFailed = "message-failed",
    /// Letters to other systems cannot be read or written.
    Outbox = "outbox",
    /// A pack that is installed cannot serve.
    PackNotLoaded = "pack-not-loaded",
    /// A pack serves by a key that is trusted no more.
    PackNotTrusted = "pack-not-trusted",
    /// A version on trial used up its budget, and the one of before serves.
    PackRolledBack = "pack-rolled-back",
    /// A plugin gave no usable answer; the native default decided.
    PluginFailed = "plugin-failed",
    /// A plugin failed too often and is not asked for a while.
    PluginQuarantined = "plugin-quarantined",
    /// A recording broke off.
    RecordingFailed = "recording-failed",
    /// There is no room for recordings.
    RecordingsStopped = "recordings-stopped",
    /// The store cannot be written: no calls are taken.
    StoreFailed = "store-failed",
    /// Writes take longer than a second.
    StoreSlow = "store-slow",
    /// A rule that listens calls a supervisor.
    SupervisorCalled = "supervisor-called",
    /// A tenant's files have faults; what was in force stays.
    TenantNotApplied = "tenant-not-applied",
    /// The file of trusted keys cannot be read; the keys of before are trusted.
    TrustNotRead = "trust-not-read",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_written_in_json_as_it_is_called() {
        let written = |name: &AlarmName| serde_json::to_value(name).unwrap() == name.as_str();
        let others: Vec<_> = AlarmName::ALL.iter().filter(|name| !written(name)).collect();
        assert!(others.is_empty() && AlarmName::parse("disk-full") == Some(AlarmName::DiskFull), "{others:?}");
    }
}
