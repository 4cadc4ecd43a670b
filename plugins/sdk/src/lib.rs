//! Writes Plugboard plugins in Rust: a [`flow`] as one async function, a [`routing`] policy as a function over candidates.
//!
//! The host asks a flow `step(state, event)`, one event at a time, hours apart if need be. This crate turns that around: write what happens to a
//! caller from top to bottom, and `await` what takes time.
//!
//! ```
//! use plugboard_sdk::flow::{Asked, Call, Flow, Gather, Parting, QueueEnd, rehearsal::Rehearsal};
//!
//! plugboard_sdk::export_flow!(Office);
//!
//! struct Office;
//!
//! impl Flow for Office {
//!     const NAME: &str = "office";
//!     const REVISION: u32 = 1;
//!
//!     async fn call(call: Call) -> Asked<()> {
//!         call.pick_up();
//!         call.play("welcome.wav").await?;
//!         let queue = match call.gather(Gather::keys(1).prompt("menu.wav")).await?.as_str() {
//!             "1" => "sales",
//!             _ => "support",
//!         };
//!         call.stage("queue");
//!         if let QueueEnd::GaveUp(_) = call.queue(queue).await? {
//!             call.play("call-again.wav").await?;
//!         }
//!         Ok(())
//!     }
//!
//!     fn hung_up(call: &Parting) {
//!         call.tag("left-in", call.stage());
//!     }
//! }
//!
//! // No host is needed to try it: `cargo test` says what the caller would hear.
//! let mut call = Rehearsal::<Office>::begin();
//! assert_eq!(call.heard(), "0 pick-up; 1 play welcome.wav");
//! call.played();
//! assert_eq!(call.heard(), "2 gather menu.wav");
//! call.pressed("1");
//! assert_eq!(call.heard(), "3 enqueue sales");
//! call.hang_up();
//! assert_eq!(call.heard(), "4 tag left-in=queue");
//! ```
//!
//! How it works, what a flow must not do, and what it costs: [`flow`]. Build with `--target wasm32-unknown-unknown`, `crate-type = ["cdylib"]` and
//! `panic = "abort"`, then wrap the module with `wasm-tools component new`.

pub mod flow;

// A crate of its own only because wit-bindgen makes the exports of one world a crate.
pub use plugboard_sdk_routing::{self as routing, export_routing};

/// The contract as Rust, generated from its WIT. [`flow`] names again what an author needs of it.
#[allow(missing_docs, unsafe_code, unused_qualifications, clippy::use_self, reason = "generated from the contract")]
pub mod contract {
    /// The world `flow-plugin`.
    pub mod flow {
        wit_bindgen::generate!({
            path: "../../wit",
            world: "flow-plugin",
            pub_export_macro: true,
            default_bindings_module: "plugboard_sdk::contract::flow",
            additional_derives: [PartialEq, Eq, Hash],
        });
    }
}

pub use contract::flow::plugboard::plugin::log::Level;

/// Writes a line for whoever wrote the plugin and whoever runs it; in a test, to standard error. Never what a caller said, pressed or is called.
///
/// A flow is run again at each step, and so are its lines: in a flow use [`flow::Call::log`], which writes each once.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    contract::flow::plugboard::plugin::log::write(level, message, &[]);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// A text as JSON, with its quotes: for a `Call::invoke` that passes on what a caller said or is called.
pub fn json_text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\0'..'\u{20}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_text_of_a_caller_leaves_its_quotes() {
        assert_eq!(super::json_text("a\"b\\\n\u{7f}售后"), "\"a\\\"b\\\\\\u000a\u{7f}售后\"");
    }
}
