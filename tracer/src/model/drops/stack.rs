//! The kernel's way to drops: the functions that called each other.

use nltrace_common::Cause;

use crate::source::drops::DropPath;

/// Drops of one cause that came about in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropStack {
    /// Why.
    pub cause: Cause,
    /// How many.
    pub count: u64,
    /// The functions, the innermost first, by their names, or by their addresses where those are not known;
    /// None: there was no room for them.
    pub frames: Option<Vec<String>>,
}

/// What stands above the watched function on a stack: the programs themselves, and what calls them.
const OWN: [&str; 8] =
    ["bpf_", "fprobe", "ftrace", "kprobe", "function_graph", "arch_ftrace", "trampoline", "__ftrace"];

/// Ways with the functions' names; `name` has them by address. Most drops first.
pub fn stacks(paths: &[DropPath], name: impl Fn(u64) -> Option<String>) -> Vec<DropStack> {
    let mut stacks: Vec<DropStack> = Vec::new();
    for DropPath { cause, count, addresses } in paths {
        let frame = |address: &u64| name(*address).unwrap_or_else(|| format!("{address:#x}"));
        let frames = addresses.as_ref().map(|addresses| {
            let frames: Vec<_> = addresses.iter().map(frame).collect();
            let own = frames.iter().take_while(|frame| is_own(frame)).count();
            frames[own..].to_vec()
        });
        // The same functions, called at other places within them.
        match stacks.iter_mut().find(|known| known.cause == *cause && known.frames == frames) {
            Some(known) => known.count += count,
            None => stacks.push(DropStack { cause: *cause, count: *count, frames }),
        }
    }
    stacks.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.frames.cmp(&b.frames)));
    stacks
}

/// Whether a function belongs to nltrace's programs. Addresses above those are in trampolines, which have no
/// names.
fn is_own(frame: &str) -> bool {
    frame.starts_with("0x") || OWN.iter().any(|own| frame.starts_with(own))
}

/// What was added since `earlier`.
pub(super) fn since(now: &[DropStack], earlier: &[DropStack]) -> Vec<DropStack> {
    let added = |stack: &DropStack| {
        let same = |known: &&DropStack| known.cause == stack.cause && known.frames == stack.frames;
        let before = earlier.iter().find(same).map_or(0, |known| known.count);
        let count = stack.count.saturating_sub(before);
        (count != 0).then(|| DropStack { count, ..stack.clone() })
    };
    now.iter().filter_map(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(count: u64, addresses: &[u64]) -> DropPath {
        DropPath { cause: Cause::Overrun, count, addresses: Some(addresses.to_vec()) }
    }

    fn name(address: u64) -> Option<String> {
        let names = ["bpf_prog_1", "fprobe_entry", "netlink_unicast", "netlink_ack", "sys_sendto"];
        names.get(usize::try_from(address / 10).ok()?).map(|name| (*name).to_owned())
    }

    #[test]
    fn ways_through_the_same_functions_are_one_and_begin_with_the_watched_one() {
        let none = DropPath { cause: Cause::Truncated, count: 2, addresses: None };
        let paths =
            [path(3, &[0, 999, 11, 20, 30, 999]), path(4, &[0, 15, 25, 35, 999]), path(1, &[20, 40]), none];
        let stacks = stacks(&paths, name);
        let frames = |frames: &[&str]| Some(frames.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let expected = [
            (7, frames(&["netlink_unicast", "netlink_ack", "0x3e7"])),
            (2, None),
            (1, frames(&["netlink_unicast", "sys_sendto"])),
        ];
        assert_eq!(
            stacks.iter().map(|stack| (stack.count, stack.frames.clone())).collect::<Vec<_>>(),
            expected
        );
        let mut later = stacks.clone();
        later[1].count = 5;
        assert_eq!(since(&later, &stacks), [DropStack { count: 3, ..stacks[1].clone() }]);
    }
}
