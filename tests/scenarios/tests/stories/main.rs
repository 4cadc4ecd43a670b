//! What a contact centre must do, told call by call.

mod happy;
