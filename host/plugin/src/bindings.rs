//! The contract as wasmtime sees it: generated from `wit/plugin.wit`.

#![allow(unreachable_pub, unused_qualifications, clippy::all, reason = "generated code")]

pub(crate) mod flow {
    wasmtime::component::bindgen!({ path: "../../wit", world: "flow-plugin" });

    pub(crate) use self::exports::plugboard::plugin::{common, flow, flow_types};
}

pub(crate) mod routing {
    wasmtime::component::bindgen!({ path: "../../wit", world: "routing-plugin" });

    pub(crate) use self::exports::plugboard::plugin::{common, routing};
}
