//! Wraps a core WebAssembly module, as cargo builds it for `wasm32-unknown-unknown`, into a component.
//!
//! The world travels in a custom section that wit-bindgen writes; no adapter is given, so a module that imports anything is refused here
//! already.

/// Why a module is no component.
#[derive(Debug, thiserror::Error)]
#[error("module cannot be wrapped as a component: {reason}")]
pub struct ComponentizeError {
    pub reason: String,
}

/// The component, validated. `module` is the content of `target/wasm32-unknown-unknown/release/*.wasm`.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| ComponentizeError { reason: format!("{error:#}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_module_are_refused_with_a_reason() {
        assert!(componentize(b"#!/bin/sh").is_err_and(|error| !error.reason.is_empty()));
    }
}
