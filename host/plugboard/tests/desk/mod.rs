//! A folder of its own in which the real program is run as a person types it.

use std::{fs, path::PathBuf, process::Command};

/// A folder that is gone after the test.
pub(crate) struct Desk(pub(crate) PathBuf);

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Desk {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("plugboard-pack-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Runs `plugboard`, and gives what it said and a last line with the exit code unless it is 0.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_plugboard"))
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .env_remove("PLUGBOARD_LANG")
            .env("LC_ALL", "C")
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap();
        let code = if code == 0 { String::new() } else { format!("exit {code}\n") };
        format!("{}{}{code}", text(&output.stdout), text(&output.stderr))
    }

    /// Several commands, each after the line that was typed.
    pub(crate) fn session(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| format!("$ plugboard {line}\n{}", self.run(line))).collect()
    }
}
