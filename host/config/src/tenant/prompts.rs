//! The sound files of a tenant.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use plugboard_model::{Configuration, Prompt, flow::Severity};

use crate::{Fault, read_wav, sha256_hex};

/// Larger sounds are refused.
const MOST_BYTES: u64 = 64 << 20;
const MOST_PROMPTS: usize = 10_000;
/// `prompts/zh-CN/digits/0.wav` is 2 deep.
const DEEPEST: usize = 4;

/// Each `*.wav` below `prompts/` becomes the prompt of its path without the ending: `zh-CN/digits/0`.
pub(super) fn read(folder: &Path, configuration: &mut Configuration, faults: &mut Vec<Fault>) {
    let mut open = vec![(PathBuf::from("prompts"), 0)];
    while let Some((relative, depth)) = open.pop() {
        for name in super::file_names(&folder.join(&relative)).unwrap_or_default() {
            let file = relative.join(&name);
            let path = folder.join(&file);
            if path.is_dir() {
                if depth < DEEPEST {
                    open.push((file, depth + 1));
                }
                continue;
            }
            let Some(stem) = name.strip_suffix(".wav") else {
                if [".mp3", ".ogg", ".flac", ".m4a", ".WAV"].iter().any(|ending| name.ends_with(ending)) {
                    let message = "only files called *.wav are played".to_owned();
                    let remedy = "convert it: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav";
                    let fault = Fault::of_file(file, "not-played", message, remedy);
                    faults.push(Fault { severity: Severity::Warning, ..fault });
                }
                continue;
            };
            let inner = relative.strip_prefix("prompts").unwrap_or(&relative);
            let mut words: Vec<_> = inner.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            words.push(stem.to_owned());
            if configuration.prompts.len() >= MOST_PROMPTS {
                let message = format!("more than {MOST_PROMPTS} prompts");
                faults.push(Fault::of_file("prompts", "too-many-prompts", message, "take out what no flow plays"));
                return;
            }
            match read_one(&path) {
                Ok((sha256, length)) => {
                    let prompt = Prompt { path: path.as_path().into(), sha256, length };
                    configuration.prompts.insert(words.join("/"), prompt);
                }
                Err(message) => {
                    let remedy = "make it PCM, mono, 8,000 to 48,000 Hz: ffmpeg -i FILE -ac 1 -ar 16000 NAME.wav";
                    faults.push(Fault::of_file(file, "unplayable-prompt", message, remedy));
                }
            }
        }
    }
}

fn read_one(path: &Path) -> Result<(String, Duration), String> {
    let length = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > MOST_BYTES {
        return Err(format!("{} MiB are more than 64", length >> 20));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let wav = read_wav(&bytes).map_err(|error| format!("cannot be played: {error}"))?;
    Ok((sha256_hex(&bytes), wav.length))
}
