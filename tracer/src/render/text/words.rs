//! A decoded message in one line: as people write it for the most common ones, and else its values by name.

mod generic;
mod line;
mod netfilter;
mod route;
mod shapes;
mod sockets;
mod traffic;
mod xfrm;

use terminal::Charset;

use crate::{
    decode::{Family, tree::Tree},
    render::{Interfaces, buffer::Buffer},
};
pub(super) use generic::{value as generic_value, write_problem as write_problem_line};
use line::Line;

/// How much of a message a line shows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that are shown in hexadecimal.
    pub hex: usize,
    /// Bytes of a text.
    pub text: usize,
    /// Elements of a list.
    pub items: usize,
    /// Bytes after which nothing new is begun.
    pub line: usize,
}

impl Limits {
    /// For a line among many.
    pub const SHORT: Self = Self { hex: 24, text: 64, items: 8, line: 400 };
    /// For somebody who asked for one message.
    pub const LONG: Self = Self { hex: 1024, text: 4096, items: 1024, line: 1 << 20 };
}

/// Where and how a line is written.
#[derive(Clone, Copy)]
pub struct Style<'i> {
    /// What the terminal can show.
    pub charset: Charset,
    /// Names of interfaces.
    pub interfaces: &'i dyn Interfaces,
    /// How much is shown.
    pub limits: Limits,
}

impl std::fmt::Debug for Style<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Style")
            .field("charset", &self.charset)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Appends what a message says, without a line break. `message_type` is that of its header, if it has one.
pub fn words(out: &mut Buffer, family: Family, message_type: Option<u16>, tree: &Tree<'_>, style: Style<'_>) {
    let mut line = Line::new(out, tree, style);
    if let Some(message_type) = message_type {
        shapes::shape(&mut line, family, message_type);
    }
    line.rest();
}
