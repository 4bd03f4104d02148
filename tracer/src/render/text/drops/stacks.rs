//! The kernel's ways to the drops.

use std::fmt::Write as _;

use terminal::units::grouped;

use crate::model::drops::DropStack;

/// A paragraph for each, below an empty line; nothing where there is none.
pub(super) fn stacks(stacks: &[DropStack]) -> String {
    let mut text = String::new();
    for DropStack { cause, count, frames } in stacks {
        let _ = writeln!(text, "\n{} {}, the innermost function first:", grouped(*count), cause.name());
        match frames {
            Some(frames) => frames.iter().for_each(|frame| {
                let _ = writeln!(text, "    {frame}");
            }),
            None => text.push_str("    not known: there was no room for another one\n"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drops::Cause;

    #[test]
    fn functions_stand_below_each_other() {
        let frames = Some(vec!["netlink_overrun".to_owned(), "netlink_attachskb".to_owned()]);
        let known = DropStack { cause: Cause::Overrun, count: 1_234, frames };
        let unknown = DropStack { cause: Cause::Truncated, count: 1, frames: None };
        let expected = "\n1,234 overrun, the innermost function first:\n    netlink_overrun\n    netlink_attachskb\n\n\
            1 truncated, the innermost function first:\n    not known: there was no room for another one\n";
        assert_eq!(stacks(&[known, unknown]), expected);
        assert_eq!(stacks(&[]), "");
    }
}
