//! Names of network interfaces: which index had which name in which namespace, and from when on. They are
//! those of the kernel's list, and what the messages of rtnetlink say that come along.

use std::collections::{HashMap, HashSet};

use netlink_wire::{Attributes, HEADER_LEN, Header};

/// `RTM_NEWLINK`, `RTM_DELLINK`
const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;

/// `struct ifinfomsg` of linux/rtnetlink.h: its length, and where the index lies in it.
const IFINFOMSG_LEN: usize = 16;
const INDEX_AT: usize = 4;

/// `IFLA_IFNAME`, `IFLA_TARGET_NETNSID` of linux/if_link.h.
const IFNAME: u16 = 3;
const TARGET_NETNSID: u16 = 46;

/// Interfaces that are remembered at most; others have no name then.
const MOST: usize = 1 << 16;

/// Names of an index that are remembered at most: the last ones.
const MOST_NAMES: usize = 16;

/// Interfaces by namespace and index.
#[derive(Clone, Debug, Default)]
pub struct Links {
    names: HashMap<(u32, u32), Vec<Named>>,
}

/// A name from a time on, in nanoseconds; None: there is no such interface any more.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    from_ns: u64,
    name: Option<String>,
}

impl Links {
    /// Learns from a message of rtnetlink's that the kernel sent in a namespace, by its inode number, at a
    /// time. Others change nothing.
    pub fn learn(&mut self, netns: u32, ts_ns: u64, message: &[u8]) {
        let Some(header) = Header::parse(message) else { return };
        let nlmsg_type = header.message_type.0;
        if nlmsg_type != NEWLINK && nlmsg_type != DELLINK {
            return;
        }
        let Some(payload) = message.get(HEADER_LEN..) else { return };
        let Some((info, attributes)) = payload.split_first_chunk::<IFINFOMSG_LEN>() else { return };
        let Some(index) = info[INDEX_AT..].first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) else {
            return;
        };
        // A bridge's port that is taken off is one of AF_BRIDGE.
        let is_gone = nlmsg_type == DELLINK;
        if is_gone && info[0] != 0 {
            return;
        }
        let mut name = None;
        for attribute in Attributes::new(attributes).clipped() {
            match attribute.number.0 {
                // It is in the namespace that the asker has this number for.
                TARGET_NETNSID => return,
                IFNAME => {
                    name = Some(String::from_utf8_lossy(attribute.text()).into_owned());
                    break;
                }
                _ => {}
            }
        }
        if is_gone || name.is_some() {
            self.put(netns, index, Named { from_ns: ts_ns, name: name.filter(|_| !is_gone) });
        }
    }

    /// Takes all interfaces as they are at a time: namespace, index, name. What is new, renamed or gone has
    /// been so from then on.
    pub fn take<'a>(&mut self, now_ns: u64, all: impl Iterator<Item = (u32, u32, &'a str)>) {
        let mut there = HashSet::new();
        for (netns, index, name) in all {
            there.insert((netns, index));
            self.put(netns, index, Named { from_ns: now_ns, name: Some(name.to_owned()) });
        }
        // One that came since is in no list of that time.
        let is_gone = |(key, names): &(&(u32, u32), &Vec<Named>)| {
            !there.contains(*key)
                && names.last().is_some_and(|last| last.name.is_some() && last.from_ns <= now_ns)
        };
        let gone: Vec<_> = self.names.iter().filter(is_gone).map(|(key, _)| *key).collect();
        for (netns, index) in gone {
            self.put(netns, index, Named { from_ns: now_ns, name: None });
        }
    }

    fn put(&mut self, netns: u32, index: u32, named: Named) {
        if self.names.len() >= MOST && !self.names.contains_key(&(netns, index)) {
            // What is gone makes room.
            self.names.retain(|_, names| names.last().is_some_and(|last| last.name.is_some()));
            if self.names.len() >= MOST {
                return;
            }
        }
        let names = self.names.entry((netns, index)).or_default();
        let at = names.partition_point(|known| known.from_ns <= named.from_ns);
        if at
            .checked_sub(1)
            .and_then(|before| names.get(before))
            .is_some_and(|known| known.name == named.name)
        {
            return;
        }
        names.insert(at, named);
        if names.len() > MOST_NAMES {
            names.remove(0);
        }
    }

    /// The name that an interface had at a time; None: it is not known.
    pub fn name(&self, netns: u32, ts_ns: u64, index: u32) -> Option<&str> {
        let names = self.names.get(&(netns, index))?;
        let after = names.partition_point(|known| known.from_ns <= ts_ns);
        names.get(after.checked_sub(1)?)?.name.as_deref()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Messages were lost, and with them may be new names.
    pub fn forget(&mut self) {
        self.names.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(nlmsg_type: u16, family: u8, index: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut payload = vec![family, 0, 0, 0];
        payload.extend(index.to_ne_bytes());
        payload.resize(IFINFOMSG_LEN, 0);
        for (number, value) in attributes {
            payload.extend(((4 + value.len()) as u16).to_ne_bytes());
            payload.extend(number.to_ne_bytes());
            payload.extend(*value);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        let mut message = ((HEADER_LEN + payload.len()) as u32).to_ne_bytes().to_vec();
        message.extend(nlmsg_type.to_ne_bytes());
        message.resize(HEADER_LEN, 0);
        message.extend(payload);
        message
    }

    #[test]
    fn a_message_has_the_name_that_was_right_when_it_was_sent() {
        let mut links = Links::default();
        assert_eq!(links.name(1, 100, 3), None);
        links.learn(1, 100, &message(NEWLINK, 0, 3, &[(IFNAME, b"eth0\0")]));
        links.learn(1, 200, &message(NEWLINK, 0, 3, &[(4, &[0; 4]), (IFNAME, b"wan\0")]));
        links.learn(1, 300, &message(DELLINK, 7, 3, &[(IFNAME, b"wan\0")]));
        links.learn(1, 400, &message(DELLINK, 0, 3, &[(IFNAME, b"wan\0")]));
        let at = [99, 100, 199, 200, 399, 400].map(|ts_ns| links.name(1, ts_ns, 3));
        assert_eq!(at, [None, Some("eth0"), Some("eth0"), Some("wan"), Some("wan"), None]);
        assert_eq!((links.name(2, 250, 3), links.name(1, 250, 4)), (None, None));
        links.forget();
        assert!(links.is_empty() && links.name(1, 250, 3).is_none());
    }

    #[test]
    fn one_of_another_namespace_or_of_no_length_is_nothing() {
        let mut links = Links::default();
        links.learn(1, 100, &message(NEWLINK, 0, 3, &[(TARGET_NETNSID, &[0; 4]), (IFNAME, b"far\0")]));
        links.learn(1, 100, &message(24, 0, 3, &[(IFNAME, b"route\0")]));
        let whole = message(NEWLINK, 0, 3, &[(IFNAME, b"eth0\0")]);
        for length in 0..HEADER_LEN + IFINFOMSG_LEN + 4 {
            links.learn(1, 100, &whole[..length]);
        }
        assert!(links.is_empty());
    }

    #[test]
    fn the_kernels_list_says_what_nobody_mentioned() {
        let mut links = Links::default();
        let at =
            |links: &mut Links, now_ns, all: &[(u32, u32, &str)]| links.take(now_ns, all.iter().copied());
        at(&mut links, 0, &[(1, 3, "eth0"), (1, 4, "eth1"), (2, 3, "lo")]);
        links.learn(1, 50, &message(NEWLINK, 0, 5, &[(IFNAME, b"late\0")]));
        at(&mut links, 40, &[(1, 3, "wan"), (2, 3, "lo")]);
        let names =
            |ts_ns| [(1, 3), (1, 4), (1, 5), (2, 3)].map(|(netns, index)| links.name(netns, ts_ns, index));
        assert_eq!(names(39), [Some("eth0"), Some("eth1"), None, Some("lo")]);
        assert_eq!(names(50), [Some("wan"), None, Some("late"), Some("lo")]);
    }

    #[test]
    fn names_are_bounded() {
        let mut links = Links::default();
        for ts_ns in 0..1_000 {
            let name = format!("eth{ts_ns}");
            links.learn(1, ts_ns, &message(NEWLINK, 0, 3, &[(IFNAME, name.as_bytes())]));
        }
        assert_eq!(links.names[&(1, 3)].len(), MOST_NAMES);
        assert_eq!(links.name(1, 1_000, 3), Some("eth999"));
        for ts_ns in 1_000..1_100 {
            let there = (ts_ns % 2 == 0).then_some((1, 3, "eth0"));
            links.take(ts_ns, there.into_iter());
        }
        assert_eq!(links.names[&(1, 3)].len(), MOST_NAMES);
    }
}
