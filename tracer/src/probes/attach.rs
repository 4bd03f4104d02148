//! Attaching programs to a function, in pairs: one for its entry, one for its return.

use std::{
    any::Any,
    cell::LazyCell,
    os::fd::{AsFd, OwnedFd},
};

use aya::{
    Btf, BtfError, Ebpf,
    programs::{FEntry, FExit, KProbe, Program, ProgramError, ProgramFd},
};

use super::{Method, ProbeError};

/// The function that carries requests and replies.
pub(super) const UNICAST: &str = "netlink_unicast";

/// The kernel's types as aya reads them: 20 MB that only fentry needs.
pub(super) type KernelBtf = LazyCell<Result<Btf, BtfError>>;

/// A pair of programs at work.
pub(super) struct Attached {
    /// Dropping an aya link detaches its program; nothing else is done with one here.
    entry: Box<dyn Any>,
    exit: Box<dyn Any>,
    /// The program at the entry, which knows how often it was not run.
    pub(super) program: OwnedFd,
}

impl Attached {
    /// Detaches both: the entry first, so that no call begins whose return nobody sees.
    pub(super) fn detach(self) {
        let Self { entry, exit, program: _ } = self;
        drop(entry);
        drop(exit);
    }

    /// Detaches many: all entries before all returns, because calls nest.
    pub(super) fn detach_all(all: impl Iterator<Item = Self>) {
        let (entries, exits): (Vec<_>, Vec<_>) =
            all.map(|Self { entry, exit, program: _ }| (entry, exit)).unzip();
        drop(entries);
        drop(exits);
    }
}

/// Names of the programs of one hook, in `tracer-ebpf`.
struct Programs {
    fentry: &'static str,
    fexit: &'static str,
    kprobe: &'static str,
    kretprobe: &'static str,
}

pub(super) fn unicast(
    ebpf: &mut Ebpf,
    btf: &KernelBtf,
    order: &[Method],
) -> Result<(Attached, Method), ProbeError> {
    let programs = Programs {
        fentry: "unicast_fentry",
        fexit: "unicast_fexit",
        kprobe: "unicast_kprobe",
        kretprobe: "unicast_kretprobe",
    };
    pair(ebpf, btf, UNICAST, &programs, order)
}

pub(super) fn broadcast(
    ebpf: &mut Ebpf,
    btf: &KernelBtf,
    function: &str,
    order: &[Method],
) -> Result<(Attached, Method), ProbeError> {
    let programs = Programs {
        fentry: "broadcast_fentry",
        fexit: if function.ends_with("_filtered") { "broadcast_filtered_fexit" } else { "broadcast_fexit" },
        kprobe: "broadcast_kprobe",
        kretprobe: "broadcast_kretprobe",
    };
    pair(ebpf, btf, function, &programs, order)
}

/// A function by which a family in the kernel receives, and the programs for it.
#[derive(Clone, Copy)]
pub(super) struct ReceiveFunction {
    pub(super) family: u8,
    pub(super) name: &'static str,
    fentry: &'static str,
    fexit: &'static str,
}

/// The receive functions of families other than nltest. Some kernels have some of them in modules, where only kprobes work.
///
/// From the `netlink_kernel_create` calls in the kernel's source (net/core/rtnetlink.c, net/netlink/genetlink.c, net/core/sock_diag.c,
/// kernel/audit.c, net/ipv4/fib_frontend.c, drivers/connector/connector.c, net/netfilter/nfnetlink.c,
/// net/xfrm/xfrm_user.c).
pub(super) const RECEIVE_FUNCTIONS: [ReceiveFunction; 8] = [
    ReceiveFunction {
        family: 0,
        name: "rtnetlink_rcv",
        fentry: "rtnetlink_rcv_fentry",
        fexit: "rtnetlink_rcv_fexit",
    },
    ReceiveFunction {
        family: 4,
        name: "sock_diag_rcv",
        fentry: "sock_diag_rcv_fentry",
        fexit: "sock_diag_rcv_fexit",
    },
    ReceiveFunction {
        family: 6,
        name: "xfrm_netlink_rcv",
        fentry: "xfrm_netlink_rcv_fentry",
        fexit: "xfrm_netlink_rcv_fexit",
    },
    ReceiveFunction {
        family: 9,
        name: "audit_receive",
        fentry: "audit_receive_fentry",
        fexit: "audit_receive_fexit",
    },
    ReceiveFunction {
        family: 10,
        name: "nl_fib_input",
        fentry: "nl_fib_input_fentry",
        fexit: "nl_fib_input_fexit",
    },
    ReceiveFunction { family: 11, name: "cn_rx_skb", fentry: "cn_rx_skb_fentry", fexit: "cn_rx_skb_fexit" },
    ReceiveFunction {
        family: 12,
        name: "nfnetlink_rcv",
        fentry: "nfnetlink_rcv_fentry",
        fexit: "nfnetlink_rcv_fexit",
    },
    ReceiveFunction { family: 16, name: "genl_rcv", fentry: "genl_rcv_fentry", fexit: "genl_rcv_fexit" },
];

/// Watches one of [`RECEIVE_FUNCTIONS`]; an error where this kernel does not have it.
pub(super) fn built_in_receive(
    ebpf: &mut Ebpf,
    btf: &KernelBtf,
    function: ReceiveFunction,
    order: &[Method],
) -> Result<(Attached, Method), ProbeError> {
    let ReceiveFunction { name, fentry, fexit, .. } = function;
    let programs = Programs { fentry, fexit, kprobe: "receive_kprobe", kretprobe: "receive_kretprobe" };
    pair(ebpf, btf, name, &programs, order)
}

/// A module's function takes kprobes only. Most kernels know it by its bare name; some 6.1 before 6.1.71 want the module's too.
pub(super) fn receive(
    ebpf: &mut Ebpf,
    module: &str,
    function: &str,
) -> Result<(Attached, Method), ProbeError> {
    let mut tried = Vec::new();
    for name in [function.to_owned(), format!("{module}:{function}")] {
        match kprobes(ebpf, &name, "receive_kprobe", "receive_kretprobe") {
            Ok(attached) => return Ok((attached, Method::Kprobe)),
            Err(error) => tried.push((Method::Kprobe, error?)),
        }
    }
    Err(ProbeError::Attach { function: function.to_owned(), tried })
}

/// Watches `function` in the first of the ways in `order` that works.
fn pair(
    ebpf: &mut Ebpf,
    btf: &KernelBtf,
    function: &str,
    programs: &Programs,
    order: &[Method],
) -> Result<(Attached, Method), ProbeError> {
    let mut tried = Vec::new();
    for &method in order {
        let attempt = match method {
            Method::Kprobe => kprobes(ebpf, function, programs.kprobe, programs.kretprobe),
            Method::Fentry => match &**btf {
                Ok(btf) => fentry(ebpf, btf, function, programs.fentry, programs.fexit),
                Err(error) => Err(Ok(ProgramError::Btf(BtfError::FileError {
                    path: "/sys/kernel/btf/vmlinux".into(),
                    error: std::io::Error::other(error.to_string()),
                }))),
            },
        };
        match attempt {
            Ok(attached) => return Ok((attached, method)),
            Err(error) => {
                let error = error?;
                log::info!("{function}: {method} refused: {error}");
                tried.push((method, error));
            }
        }
    }
    Err(ProbeError::Attach { function: function.to_owned(), tried })
}

/// What a failed attempt says: the kernel refused, so another may do; or the object file is not the one this was written for.
type Refusal = Result<ProgramError, ProbeError>;

fn fentry(
    ebpf: &mut Ebpf,
    btf: &Btf,
    function: &str,
    entry: &'static str,
    exit: &'static str,
) -> Result<Attached, Refusal> {
    let exit: &mut FExit = program(ebpf, exit)?;
    exit.load(function, btf).map_err(Ok)?;
    let id = exit.attach().map_err(Ok)?;
    let exit = exit.take_link(id).map_err(Ok)?;
    let entry: &mut FEntry = program(ebpf, entry)?;
    entry.load(function, btf).map_err(Ok)?;
    let id = entry.attach().map_err(Ok)?;
    let program = descriptor(entry.fd())?;
    let entry = entry.take_link(id).map_err(Ok)?;
    Ok(Attached { entry: Box::new(entry), exit: Box::new(exit), program })
}

fn kprobes(
    ebpf: &mut Ebpf,
    function: &str,
    entry: &'static str,
    exit: &'static str,
) -> Result<Attached, Refusal> {
    let mut attach = |name| {
        let probe: &mut KProbe = program(ebpf, name)?;
        // A probe on a module is attached again each time the module comes back.
        if probe.fd().is_err() {
            probe.load().map_err(Ok)?;
        }
        let id = probe.attach(function, 0).map_err(Ok)?;
        Ok((descriptor(probe.fd())?, probe.take_link(id).map_err(Ok)?))
    };
    let (_, exit) = attach(exit)?;
    let (program, entry) = attach(entry)?;
    Ok(Attached { entry: Box::new(entry), exit: Box::new(exit), program })
}

fn descriptor(program: Result<&ProgramFd, ProgramError>) -> Result<OwnedFd, Refusal> {
    let descriptor = program.map_err(Ok)?.as_fd().try_clone_to_owned();
    descriptor.map_err(|source| Err(ProbeError::Os { what: "cannot keep a program's descriptor", source }))
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut P, Refusal>
where
    &'a mut P: TryFrom<&'a mut Program>,
{
    let program = ebpf.program_mut(name).ok_or(Err(ProbeError::Missing(name)))?;
    program.try_into().map_err(|_| Err(ProbeError::Missing(name)))
}
