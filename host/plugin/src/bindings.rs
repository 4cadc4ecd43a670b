//! The contract as wasmtime sees it: generated from `wit/`, all worlds in one, so that what they share is one type here.
//!
//! No component has all of it: each world looks up its own interfaces, see [`crate::world`].

#![allow(unreachable_pub, dead_code, unused_qualifications, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package plugboard:host;

        world everything {
            include plugboard:plugin/flow-plugin@0.1.1;
            include plugboard:plugin/routing-plugin@0.1.1;
            include plugboard:plugin/compliance-plugin@0.1.1;
            include plugboard:plugin/connector-plugin@0.1.1;
            include plugboard:plugin/channel-plugin@0.1.1;
            include plugboard:plugin/assistant-plugin@0.1.1;
            include plugboard:plugin/dialer-plugin@0.1.1;
        }
    ",
    world: "plugboard:host/everything",
});

pub(crate) use self::exports::plugboard::plugin::{
    assistant, channel, common, compliance, compliance_types, connector, dialer, flow, flow_types, routing,
};
pub(crate) use self::plugboard::plugin::{config, http, kv, log};
