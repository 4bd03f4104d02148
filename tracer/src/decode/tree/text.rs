//! Messages that are text: uevents, records of audit, plain text of nltest.

use netlink_wire::until_nul;

use super::{
    attributes::{Part, Walk},
    node::{Name, Value},
};
use crate::decode::Family;

impl<'a> Walk<'_, 'a> {
    /// A message that is text: its first line, and uevents' variables.
    pub(super) fn text(&mut self, family: Family, part: Part<'a>) {
        let cut = part.missing != 0;
        let text = until_nul(part.bytes);
        if family != Family::UEVENT && family != Family::AUDIT && family != Family::NLTEST {
            return self.rest(part);
        }
        let node = self.tree.push(Name::Known("text"), Value::Text(text), part.offset);
        node.cut = cut && text.len() == part.bytes.len();
        if family == Family::UEVENT && text.len() < part.bytes.len() {
            let rest = part.after(text.len() + 1);
            let open = self.tree.open(Name::Known("env"), Value::Nest, rest.offset);
            self.variables(rest);
            self.tree.close(open);
        }
    }

    /// `NAME=VALUE`, each with a NUL; those of udevd have a header of its own before them.
    fn variables(&mut self, part: Part<'a>) {
        /// `struct monitor_netlink_header` of libudev, whose prefix is the text.
        const UDEV_PROPERTIES: usize = 40;
        let is_udev =
            matches!(self.tree.nodes().first().map(|node| node.value), Some(Value::Text(b"libudev")));
        let mut rest = if is_udev { part.after(UDEV_PROPERTIES - b"libudev\0".len()) } else { part };
        while !rest.bytes.is_empty() {
            let line = until_nul(rest.bytes);
            let cut = part.missing != 0 && line.len() == rest.bytes.len();
            if let Some(at) = line.iter().position(|byte| *byte == b'=').filter(|at| *at != 0) {
                let name = Name::Foreign(&line[..at]);
                self.tree.push(name, Value::Text(&line[at + 1..]), rest.offset).cut = cut;
            } else if !line.is_empty() {
                self.tree.push(Name::Known("more"), Value::Text(line), rest.offset).cut = cut;
            }
            rest = rest.after(line.len() + 1);
        }
    }
}
