/// Why a WAV file cannot be a prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    #[error("file does not exist")]
    Missing,
    #[error("file cannot be read: {reason}")]
    Unreadable { reason: String },
    #[error("not a WAV file that we read: {reason}")]
    Malformed { reason: String },
    #[error("{channels} channels; a prompt has one or two")]
    Channels { channels: u16 },
    #[error("{rate} samples a second; a prompt has 4,000 to 192,000")]
    Rate { rate: u32 },
    #[error("longer than {max_minutes} minutes")]
    Long { max_minutes: u64 },
    #[error("no sound in it")]
    Empty,
}
