//! JSON.

mod accounting;
mod doctor;
mod drops;
mod exchange;
mod hist;
mod message;
mod object;
mod sockets;
pub(super) mod trace;
mod tree;

use serde::Serialize;
use terminal::escape;

pub use accounting::{summary_json, trace_summary_json};
pub use doctor::doctor_json;
pub use drops::drops_json;
pub use exchange::{ExchangeJson, Start, lost_json, start_json};
pub use hist::hist_json;
pub use message::message_json;
pub use sockets::sockets_json;
pub use trace::TraceJson;
pub use tree::tree_json;

/// What has only strings and numbers in it cannot fail to become JSON.
fn to_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    escape::finished_json(json)
}
