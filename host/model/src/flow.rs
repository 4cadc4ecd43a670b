//! What a flow hears and what it may ask for: the host's side of the WIT interface `flow`.
