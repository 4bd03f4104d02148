//! The ways to watch a function.

pub use crate::options::Method;

/// The ways to try, in this order, on a kernel that is or is not `preemptible`: there fentry misses calls,
/// and comes last. `only` is the one that is allowed; None: all.
pub(super) fn order(only: Option<Method>, preemptible: bool) -> &'static [Method] {
    use Method::{Fentry, Kprobe, Session, Tracepoint};

    match only {
        Some(Fentry) => &[Fentry],
        Some(Session) => &[Session],
        Some(Kprobe) => &[Kprobe],
        Some(Tracepoint) => &[Tracepoint],
        None if preemptible => &[Session, Kprobe, Fentry],
        None => &[Fentry, Session, Kprobe],
    }
}
