//! What a routing policy is asked and answers: the host's side of the WIT interface `routing`.
