//! The functions of the kernel itself that are watched, and the programs for them in `tracer-ebpf`.

/// Names of the programs for one function, by the ways to attach.
#[derive(Clone, Copy)]
pub(super) struct Programs {
    pub(super) fentry: &'static str,
    pub(super) fexit: &'static str,
    pub(super) session: &'static str,
    pub(super) kprobe: &'static str,
    pub(super) kretprobe: &'static str,
}

/// A function of the kernel itself.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) programs: Programs,
}

/// Carries requests and replies.
pub(super) const UNICAST: Function = Function {
    name: "netlink_unicast",
    programs: Programs {
        fentry: "unicast_fentry",
        fexit: "unicast_fexit",
        session: "unicast_session",
        kprobe: "unicast_kprobe",
        kretprobe: "unicast_kretprobe",
    },
};

/// Carry multicasts. The first that a kernel has passes all of them: `netlink_broadcast` calls `netlink_broadcast_filtered` where that exists.
pub(super) const BROADCAST: [Function; 2] = [
    Function { name: "netlink_broadcast_filtered", programs: broadcast("broadcast_filtered_fexit") },
    Function { name: "netlink_broadcast", programs: broadcast("broadcast_fexit") },
];

const fn broadcast(fexit: &'static str) -> Programs {
    Programs {
        fentry: "broadcast_fentry",
        fexit,
        session: "broadcast_session",
        kprobe: "broadcast_kprobe",
        kretprobe: "broadcast_kretprobe",
    }
}

/// A family and its receive function. fentry programs are made for one function, the others serve all of them.
macro_rules! receive {
    ($($family:literal $name:ident),+ $(,)?) => {
        [$(
            (
                $family,
                Function {
                    name: stringify!($name),
                    programs: Programs {
                        fentry: concat!(stringify!($name), "_fentry"),
                        fexit: concat!(stringify!($name), "_fexit"),
                        session: "receive_session",
                        ..MODULE_RECEIVE
                    },
                },
            )
        ),+]
    };
}

/// For receive functions in modules, where only kprobes are attached: everything else would pin the module.
pub(super) const MODULE_RECEIVE: Programs =
    Programs { fentry: "", fexit: "", session: "", kprobe: "receive_kprobe", kretprobe: "receive_kretprobe" };

/// The receive functions of families other than nltest. Some kernels have some of them in modules.
///
/// From the `netlink_kernel_create` calls in the kernel's source (net/core/rtnetlink.c, net/netlink/genetlink.c, net/core/sock_diag.c,
/// kernel/audit.c, net/ipv4/fib_frontend.c, drivers/connector/connector.c, net/netfilter/nfnetlink.c,
/// net/xfrm/xfrm_user.c).
pub(super) const RECEIVE: [(u8, Function); 8] = receive![
    0 rtnetlink_rcv,
    4 sock_diag_rcv,
    6 xfrm_netlink_rcv,
    9 audit_receive,
    10 nl_fib_input,
    11 cn_rx_skb,
    12 nfnetlink_rcv,
    16 genl_rcv,
];

/// The names of all of them.
pub fn watchable() -> impl Iterator<Item = &'static str> {
    let receive = RECEIVE.into_iter().map(|(_, function)| function);
    [UNICAST].into_iter().chain(BROADCAST).chain(receive).map(|function| function.name)
}
