//! What is kept of a kernel: the one table to add to when nltrace reads something else.

/// Names of what is kept. `*` stands for any characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    /// Structs that are kept whole.
    pub(super) structs: &'w [&'w str],
    /// Structs with the only members that are kept.
    pub(super) parts: &'w [(&'w str, &'w [&'w str])],
    /// Functions: in BTF and in kallsyms.
    pub(super) functions: &'w [&'w str],
    /// Types with a name of their own: raw tracepoints' arguments are in `btf_trace_…`.
    pub(super) typedefs: &'w [&'w str],
    /// Enums that are kept with their values: they tell what a kernel has.
    pub(super) enums: &'w [&'w str],
    /// Values that tell such an enum if it has no name.
    pub(super) enumerators: &'w [&'w str],
    /// Variables, in kallsyms.
    pub(super) variables: &'w [&'w str],
    /// Lines of the build configuration, without `CONFIG_`.
    pub(super) options: &'w [&'w str],
}

impl<'w> Wanted<'w> {
    /// The only members of a struct that are kept; None: all of them.
    pub(super) fn members_of(&self, structure: &str) -> Option<&'w [&'w str]> {
        self.parts.iter().find(|(name, _)| *name == structure).map(|(_, members)| *members)
    }
}

/// What nltrace reads, and what docs/ and the kernels' own sources say that it could.
pub(super) const WANTED: Wanted<'static> = Wanted {
    structs: &[
        // Messages, sockets and their queues.
        "sk_buff",
        "sk_buff_head",
        "skb_shared_info",
        "netlink_skb_parms",
        "sock",
        "sock_common",
        "netlink_sock",
        "netlink_table",
        "netlink_callback",
        "netlink_ext_ack",
        "netlink_notify",
        "netlink_broadcast_data",
        "socket",
        "socket_alloc",
        "msghdr",
        "scm_creds",
        "genl_family",
        // What stands in the messages.
        "nlmsghdr",
        "nlattr",
        "nla_policy",
        "nlmsgerr",
        "genlmsghdr",
        "sockaddr_nl",
        // Who sent them and who holds the sockets.
        "net",
        "ns_common",
        "nsproxy",
        "cred",
        "css_set",
        "cgroup",
        "kernfs_node",
        "files_struct",
        "fdtable",
        "file",
        "inode",
        // Locks.
        "mutex",
        "rw_semaphore",
        "rt_mutex_base",
        // eBPF itself.
        "bpf_map",
        "bpf_iter__netlink",
        "bpf_iter__task_file",
        "bpf_link_info",
        "bpf_prog_info",
        "pt_regs",
    ],
    parts: &[
        (
            "task_struct",
            &[
                "cgroups",
                "comm",
                "cred",
                "exit_state",
                "files",
                "flags",
                "group_leader",
                "mm",
                "nsproxy",
                "pid",
                "real_parent",
                "signal",
                "stack",
                "start_time",
                "tgid",
            ],
        ),
        // Interfaces.
        ("net_device", &["dev_list", "ifindex", "name", "nd_net"]),
        // What a process executes.
        ("mm_struct", &["exe_file"]),
        ("dentry", &["d_name", "d_parent"]),
        ("path", &["mnt", "dentry"]),
        ("vfsmount", &["mnt_root"]),
        ("mount", &["mnt", "mnt_parent", "mnt_mountpoint"]),
    ],
    functions: &[
        // netlink, generic netlink and what is built on them.
        "netlink_*",
        "__netlink_*",
        "genl*",
        "nfnetlink*",
        "rtnetlink*",
        "do_one_broadcast",
        // Families' receive functions: `RECEIVE` in tracer/src/probes, and the module's.
        "sock_diag_rcv*",
        "xfrm_netlink_rcv",
        "iscsi_if_rx",
        "audit_receive*",
        "nl_fib_input",
        "cn_rx_skb",
        "scsi_nl_rcv_msg",
        "rdma_nl_rcv*",
        "crypto_netlink_rcv",
        "uevent_net_rcv*",
        "selinux_netlink_*",
        // Ways out of a queue.
        "skb_recv_datagram",
        "__skb_recv_datagram",
        "skb_free_datagram",
        "sk_filter_trim_cap",
        "consume_skb",
        "kfree_skb*",
        "sk_skb_reason_drop",
        // How programs are attached, called and kept from running twice.
        "fprobe_*",
        "bpf_rdonly_cast",
        "bpf_session_*",
        "bpf_kprobe_multi_link_attach",
        "bpf_prog_attach_check_attach_type",
        "bpf_iter_netlink",
        "bpf_iter_task_file",
        "bpf_iter_num_*",
        "bpf_sock_from_file",
        "bpf_task_from_pid",
        "bpf_task_release",
        "bpf_task_storage_get",
        "bpf_task_storage_delete",
        "trace_call_bpf",
        "__bpf_prog_enter_recur",
    ],
    typedefs: &[
        "btf_trace_consume_skb",
        "btf_trace_contention_*",
        "btf_trace_kfree_skb",
        "btf_trace_netlink_*",
        "btf_trace_sched_process_ex*",
    ],
    enums: &[
        "bpf_attach_type",
        "bpf_cmd",
        "bpf_func_id",
        "bpf_link_type",
        "bpf_map_type",
        "bpf_prog_type",
        "netlink_skb_flags",
    ],
    enumerators: &[
        // Flags of maps, of links, of the ring buffer, of a netlink socket, in this order.
        "BPF_F_NO_PREALLOC",
        "BPF_F_KPROBE_MULTI_RETURN",
        "BPF_RB_NO_WAKEUP",
        "NETLINK_F_KERNEL_SOCKET",
    ],
    variables: &[
        "__tracepoint_contention_*",
        "__tracepoint_netlink_*",
        "bpf_prog_active",
        "cb_lock",
        "genl_mutex",
        "init_net",
        "nl_table",
        "nl_table_lock",
        "rtnl_mutex",
    ],
    options: &[
        "*BPF*",
        "*FPROBE*",
        "*FTRACE*",
        "*FUNCTION_*TRACE*",
        "*KPROBE*",
        "*NETLINK*",
        "*PREEMPT*",
        "AUDIT",
        "AUDITSYSCALL",
        "CONNECTOR",
        "CRYPTO_USER*",
        "DEBUG_INFO*",
        "DYNAMIC_EVENTS",
        "INET_DIAG*",
        "INFINIBAND",
        "IP_MULTIPLE_TABLES",
        "KALLSYMS*",
        "LSM",
        "MODULES",
        "MODULE_SIG*",
        "NET",
        "NET_NS",
        "NF_TABLES",
        "NLMON",
        "PERF_EVENTS",
        "PROC_FS",
        "RANDOMIZE_KSTACK_OFFSET*",
        "RETHOOK",
        "SCSI_ISCSI_ATTRS",
        "SCSI_NETLINK",
        "SECURITY_LOCKDOWN_LSM*",
        "SYSFS",
        "TRACEPOINTS",
        "UPROBE*",
        "XFRM_USER*",
    ],
};

/// Whether `name` is one of those that `pattern` stands for.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    // As many characters as there are, each of which may be where the rest begins.
    (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(rest, &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("netlink_*", "netlink_unicast", true),
            ("netlink_*", "netlink_", true),
            ("netlink_*", "__netlink_sendskb", false),
            ("*BPF*", "CGROUP_BPF", true),
            ("*BPF*", "BPF", true),
            ("*FUNCTION_*TRACE*", "FUNCTION_GRAPH_TRACER", true),
            ("*FUNCTION_*TRACE*", "FUNCTION_ERROR_INJECTION", false),
            ("genl_rcv", "genl_rcv", true),
            ("genl_rcv", "genl_rcv_msg", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
