//! The functions that are watched, and the programs for them in `tracer-ebpf`.

use crate::kernel::Functions;

/// Names of the programs for a function, by the ways to attach.
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

/// A family's receive function.
#[derive(Clone, Copy)]
pub(super) struct Receive {
    pub(super) family: u8,
    pub(super) function: Function,
    /// The module that has it in kernels where it is not built in; None: it always is.
    pub(super) module: Option<&'static str>,
}

/// The programs for all receive functions. In a module only kprobes are attached: everything else would pin it.
pub(super) const RECEIVE_PROGRAMS: Programs = Programs {
    fentry: "receive_fentry",
    fexit: "receive_fexit",
    session: "receive_session",
    kprobe: "receive_kprobe",
    kretprobe: "receive_kretprobe",
};

/// Families with their receive functions, and the modules of some.
macro_rules! receive {
    ($($family:literal $name:ident $(of $module:ident)?),+ $(,)?) => {
        [$(
            Receive {
                family: $family,
                function: Function { name: stringify!($name), programs: RECEIVE_PROGRAMS },
                module: [$(Some(stringify!($module)),)? None][0],
            }
        ),+]
    };
}

/// The receive functions of families other than nltest.
///
/// From the `netlink_kernel_create` calls in the kernel's source (net/core/rtnetlink.c, net/netlink/genetlink.c, net/core/sock_diag.c,
/// kernel/audit.c, net/ipv4/fib_frontend.c, drivers/connector/connector.c, net/netfilter/nfnetlink.c, net/xfrm/xfrm_user.c,
/// drivers/scsi/scsi_transport_iscsi.c, drivers/scsi/scsi_netlink.c, drivers/infiniband/core/netlink.c, crypto/crypto_user.c), and the
/// Makefiles beside them.
pub(super) const RECEIVE: [Receive; 12] = receive![
    0 rtnetlink_rcv,
    4 sock_diag_rcv,
    6 xfrm_netlink_rcv of xfrm_user,
    8 iscsi_if_rx of scsi_transport_iscsi,
    9 audit_receive,
    10 nl_fib_input,
    11 cn_rx_skb of cn,
    12 nfnetlink_rcv of nfnetlink,
    16 genl_rcv,
    18 scsi_nl_rcv_msg of scsi_mod,
    20 rdma_nl_rcv of ib_core,
    21 crypto_netlink_rcv of crypto_user,
];

/// A receive function that is in a module of this kernel, if it is there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InModule {
    /// The family's number.
    pub family: u8,
    /// The module's name.
    pub module: &'static str,
    /// The function's name.
    pub function: &'static str,
}

/// All of those, on a kernel that has the functions `built_in` in itself.
pub fn in_modules(built_in: &Functions) -> impl Iterator<Item = InModule> {
    let others = RECEIVE.into_iter().filter(|receive| built_in.id(receive.function.name).is_none());
    others.filter_map(|Receive { family, function, module }| {
        module.map(|module| InModule { family, module, function: function.name })
    })
}

/// The names of all of them.
pub fn watchable() -> impl Iterator<Item = &'static str> {
    let receive = RECEIVE.into_iter().map(|receive| receive.function);
    [UNICAST].into_iter().chain(BROADCAST).chain(receive).map(|function| function.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::Mode;

    #[test]
    fn a_function_is_in_a_module_unless_it_is_built_in() {
        let modules = |built_in: &[&'static str]| {
            let built_in = built_in.iter().map(|name| (*name, 1)).collect();
            in_modules(&built_in).map(|one| one.module).collect::<Vec<_>>()
        };
        let all =
            ["xfrm_user", "scsi_transport_iscsi", "cn", "nfnetlink", "scsi_mod", "ib_core", "crypto_user"];
        assert_eq!(modules(&["rtnetlink_rcv"]), all);
        let some = modules(&["cn_rx_skb", "nfnetlink_rcv", "crypto_netlink_rcv"]);
        assert_eq!(some, ["xfrm_user", "scsi_transport_iscsi", "scsi_mod", "ib_core"]);
        assert_eq!(
            in_modules(&Functions::default()).next(),
            Some(InModule { family: 6, module: "xfrm_user", function: "xfrm_netlink_rcv" })
        );
    }

    #[test]
    fn the_objects_have_every_program() {
        for mode in [Mode::Hist, Mode::Trace] {
            let object = aya_obj::Object::parse(super::super::object::compiled(mode)).unwrap();
            let broadcast = BROADCAST.map(|function| function.programs);
            for programs in [UNICAST.programs, RECEIVE_PROGRAMS].into_iter().chain(broadcast) {
                let Programs { fentry, fexit, session, kprobe, kretprobe } = programs;
                for name in [fentry, fexit, session, kprobe, kretprobe] {
                    assert!(object.programs.contains_key(name), "{name}");
                }
            }
        }
    }
}
