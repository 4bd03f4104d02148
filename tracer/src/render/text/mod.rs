//! Text for people.

pub(super) mod accounting;
mod columns;
pub(super) mod doctor;
mod drops;
mod exchange;
pub(super) mod hist;
mod message;
mod sockets;
mod trace;
mod tree;
mod words;
mod wrap;

pub use accounting::{accounting_line, loss_advice, messages_line, unseen_advice};
pub use doctor::doctor_text;
pub use drops::{LiveLines, drops_text};
pub(super) use exchange::unit;
pub use exchange::{ExchangeStyle, ExchangeText, exchange_heading, exchanges_line};
pub use hist::{HistStyle, hist_text};
pub use message::{message_text, message_tree};
pub use sockets::sockets_text;
pub use trace::{TraceText, trace_heading};
pub use tree::tree_text;
pub use words::{Limits, Style, words};
