//! The messages of a datagram, one after the other.

use netlink_wire::{HEADER_LEN, Header, align};

use super::{Family, Message};

/// Iterates over the messages of a datagram of which the end may be missing. Where one cannot be followed,
/// the rest is one more without a header.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    family: Family,
    rest: &'a [u8],
    cut: bool,
    first: bool,
}

impl<'a> Messages<'a> {
    /// The messages of a datagram; `cut` says that there were more bytes.
    pub fn new(family: Family, datagram: &'a [u8], cut: bool) -> Self {
        Self { family, rest: datagram, cut, first: true }
    }

    fn without_header(&mut self) -> Message<'a> {
        let payload = std::mem::take(&mut self.rest);
        Message { header: None, payload, truncated: self.cut }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let first = std::mem::replace(&mut self.first, false);
        // The padding of the last message may be there or not.
        if self.rest.is_empty() || !first && self.rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        if !self.family.has_headers() {
            return Some(self.without_header());
        }
        let Some(header) = Header::parse(self.rest) else { return Some(self.without_header()) };
        let length = header.length as usize;
        if length < HEADER_LEN {
            return Some(self.without_header());
        }
        let end = length.min(self.rest.len());
        let payload = self.rest.get(HEADER_LEN..end).unwrap_or_default();
        let truncated = length > self.rest.len();
        self.rest = self.rest.get(align(length)..).unwrap_or_default();
        Some(Message { header: Some(header), payload, truncated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::message::tests::message;

    #[test]
    fn messages_follow_each_other_and_what_is_left_is_said() {
        let mut bytes = message(17, 18, 5, b"a");
        bytes.extend([0; 3]);
        bytes.extend(message(20, 18, 5, b"abcd"));
        let found: Vec<_> = Messages::new(Family::ROUTE, &bytes, false).collect();
        assert_eq!(found.iter().map(|message| message.payload).collect::<Vec<_>>(), [&b"a"[..], b"abcd"]);
        assert!(found.iter().all(|message| message.header.is_some() && !message.truncated));

        bytes.extend([9, 9]);
        let last = Messages::new(Family::ROUTE, &bytes, false).last().unwrap();
        assert_eq!((last.header, last.payload), (None, &[9, 9][..]));

        let cut = Messages::new(Family::ROUTE, &bytes[..30], true).next().unwrap();
        assert!(!cut.truncated);
        let long = message(100, 18, 5, b"abcd");
        let cut = Messages::new(Family::ROUTE, &long, false).next().unwrap();
        assert!(cut.truncated && cut.payload == b"abcd");
        let short = message(15, 18, 5, b"");
        assert_eq!(Messages::new(Family::ROUTE, &short, false).next().unwrap().header, None);
        assert_eq!(Messages::new(Family::UEVENT, b"add@/x\0A=b\0", false).count(), 1);
    }
}
