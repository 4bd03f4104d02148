//! The functions that are watched, and the programs for them in `tracer-ebpf`.

use nltrace_common::{Function, Hook};

use crate::{decode::Family, kernel::Functions};

/// A function that is to be watched, and whose counters its calls go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The hook, whose programs are attached.
    pub hook: Hook,
    /// The function.
    pub function: Function,
}

/// Which ends of a call are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Its beginning.
    Entry,
    /// Both.
    Both,
}

/// A way to attach a program: part of the program's name in `tracer-ebpf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Fentry,
    /// For functions with so many arguments.
    Fexit(usize),
    /// For functions with any number of arguments.
    FexitAny,
    Session,
    Kprobe,
    Kretprobe,
    Tracepoint,
}

impl Shell {
    /// The name of a hook's program.
    pub(super) fn program(self, hook: Hook) -> String {
        let hook = hook.name();
        match self {
            Self::Fentry => format!("{hook}_fentry"),
            Self::Fexit(arguments) => format!("{hook}_fexit{arguments}"),
            Self::FexitAny => format!("{hook}_fexit"),
            Self::Tracepoint => format!("{hook}_tracepoint"),
            Self::Session => format!("{hook}_session"),
            Self::Kprobe => format!("{hook}_kprobe"),
            Self::Kretprobe => format!("{hook}_kretprobe"),
        }
    }
}

/// A family's receive function.
#[derive(Clone, Copy)]
pub(super) struct Receive {
    pub(super) family: Family,
    pub(super) function: Function,
    /// The module that has it in kernels where it is not built in; None: it always is.
    pub(super) module: Option<&'static str>,
}

/// Families with their receive functions, and the modules of some.
macro_rules! receive {
    ($($family:literal $name:ident $(of $module:ident)?),+ $(,)?) => {
        [$(
            Receive {
                family: Family::from_number($family),
                function: Function { name: stringify!($name), arguments: 1 },
                module: [$(Some(stringify!($module)),)? None][0],
            }
        ),+]
    };
}

/// The receive functions of families other than nltest.
///
/// From the `netlink_kernel_create` calls in the kernel's source (net/core/rtnetlink.c,
/// net/netlink/genetlink.c, net/core/sock_diag.c, kernel/audit.c, net/ipv4/fib_frontend.c,
/// drivers/connector/connector.c, net/netfilter/nfnetlink.c, net/xfrm/xfrm_user.c,
/// drivers/scsi/scsi_transport_iscsi.c, drivers/scsi/scsi_netlink.c, drivers/infiniband/core/netlink.c,
/// crypto/crypto_user.c), and the Makefiles beside them.
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
    /// The family.
    pub family: Family,
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

/// The function that stands for a walk over the open files of all processes: since 5.8 (eaaacd23910f).
pub(super) const WALK: &str = "bpf_iter_task_file";

/// The names of all functions that may be watched or stand for a walk.
pub fn watchable() -> impl Iterator<Item = &'static str> {
    let receive = RECEIVE.into_iter().map(|receive| receive.function.name);
    let hooks = Hook::ALL.into_iter().flat_map(Hook::functions).map(|function| function.name);
    hooks.chain(receive).chain([WALK])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        options::Causes,
        probes::{
            Outcome,
            drop_hooks::{DROP_HOOKS, DropHook},
        },
    };

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
            Some(InModule {
                family: Family::from_number(6),
                module: "xfrm_user",
                function: "xfrm_netlink_rcv"
            })
        );
    }

    #[test]
    fn drops_have_a_program_for_each_end_that_is_watched_and_no_other() {
        let dropped = Outcome::Dropped { causes: Causes::default(), stacks: false, each: false };
        let object = aya_obj::Object::parse(super::super::object::compiled(dropped)).unwrap();
        let mut expected = BTreeSet::new();
        for DropHook { hook, ends, .. } in &DROP_HOOKS {
            // The returns of multicasts are watched where fentry is.
            let has_returns = *ends == Ends::Both || *hook == Hook::Broadcast;
            let shells: &[Shell] = match (hook.tracepoint(), has_returns) {
                (Some(_), _) => &[Shell::Tracepoint],
                (None, false) => &[Shell::Fentry, Shell::Kprobe],
                (None, true) => {
                    &[Shell::Fentry, Shell::Kprobe, Shell::FexitAny, Shell::Session, Shell::Kretprobe]
                }
            };
            expected.extend(shells.iter().map(|shell| shell.program(*hook)));
        }
        assert!(object.programs.keys().cloned().collect::<BTreeSet<_>>() == expected, "{expected:?}");
    }
}
