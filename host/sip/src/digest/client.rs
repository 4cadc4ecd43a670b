//! Answers a challenge.

use super::Account;
use crate::message::Message;

pub(crate) fn answer(
    _response: &Message,
    _account: &Account,
    _method: &str,
    _uri: &str,
    _cnonce: &str,
) -> Option<(&'static str, String)> {
    None
}
