//! Who answers a question, and by which document.

use std::sync::Arc;

use super::Component;

/// Who is asked.
pub(crate) struct Served {
    pub(crate) component: Component,
    /// To be asked the same, without effect; with the state that it returned last, if it runs a flow.
    pub(crate) beside: Option<(Component, Vec<u8>)>,
}

/// Texts that a flow's component is given in place of the name of a pack's document.
pub(crate) struct Documents {
    pub(crate) own: Arc<str>,
    /// Of the version that is asked beside, if that has its own.
    pub(crate) beside: Option<Arc<str>>,
}

impl Served {
    /// A component of no pack.
    pub(crate) fn alone(component: Component) -> Self {
        Self { component, beside: None }
    }

    /// Of a document that is served: `flow` runs it, and that of the version beside as well.
    pub(crate) fn run_by(self, flow: Component) -> (Self, Option<Documents>) {
        let Component::Document(own) = self.component else { return (Self::alone(flow), None) };
        let (beside, document) = match self.beside {
            Some((Component::Document(document), state)) => (Some((flow.clone(), state)), Some(document)),
            _ => (None, None),
        };
        (Self { component: flow, beside }, Some(Documents { own, beside: document }))
    }
}
