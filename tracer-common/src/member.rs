//! Members of the kernel's structs that the programs read: a line each.
//!
//! Where a member lies differs from kernel to kernel. User space finds out from the running kernel's types
//! and writes it into the programs' instructions before it loads them ([`crate::constant`]).

use core::marker::PhantomData;

use crate::constant::{Constant, option};

/// The constant with the offset of the first of [`PLACES`]; the others follow.
pub const FIRST_MEMBER: Constant = option::COUNT as Constant;

/// The constant with the BTF id of the first of [`STRUCTURE_NAMES`]; the others follow.
pub const FIRST_STRUCTURE: Constant = FIRST_MEMBER + COUNT as Constant;

/// How many constants there are, options included.
pub const CONSTANTS: usize = FIRST_STRUCTURE as usize + STRUCTURES;

const _: () = assert!(CONSTANTS <= Constant::MAX as usize, "a placeholder has eight bits for its constant");

/// A member for the programs: `T` has its size, `STRUCTURE` is the constant with the struct's BTF id,
/// `OFFSET` that with the member's offset.
pub struct Member<T, const STRUCTURE: Constant, const OFFSET: Constant>(PhantomData<T>);

/// A member for user space, which has to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The struct's name.
    pub structure: &'static str,
    /// The way from the struct to the member, through members that are structs themselves.
    pub path: &'static [&'static str],
    /// A struct that lies at that member, where the kernel's types do not say so, and the way on from there.
    pub within: Option<(&'static str, &'static [&'static str])>,
    /// Bytes to go on from there.
    pub further: u32,
    /// Whether kernels may lack it that are watched all the same: it lies at [`ABSENT`] then.
    pub optional: bool,
}

/// Where a member lies that the kernel does not have.
pub const ABSENT: u32 = u16::MAX as u32;

/// Members by struct: `NAME: SIZE = path.to.member;`, `… as STRUCT.path` where a struct lies in an array of
/// bytes, `…[8]` for what lies eight bytes further on, `…, optional` for what older kernels lack.
macro_rules! members {
    ($(
        $structure:ident $id:ident {
            $(
                $(#[$doc:meta])*
                $name:ident: $size:ty = $first:ident $(.$rest:ident)* $(as $inner:ident $(.$way:ident)+)? $([$further:literal])?
                    $(, $optional:ident)?;
            )+
        }
    )+) => {
        /// The order of the members.
        #[expect(non_camel_case_types, reason = "a number for each member's name")]
        enum Number { $($($name,)+)+ Count }

        /// The order of the structs.
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "a number for each struct's name")]
        enum Structure { $($id,)+ Count }

        /// How many members there are.
        pub const COUNT: usize = Number::Count as usize;

        /// Where to find them, in their order.
        pub const PLACES: [Place; COUNT] = [$($(
            Place {
                structure: stringify!($structure),
                path: &[stringify!($first) $(, stringify!($rest))*],
                within: {
                    const WITHIN: &[(&str, &[&str])] = &[$((stringify!($inner), &[$(stringify!($way)),+]))?];
                    WITHIN.first().copied()
                },
                further: [$($further,)? 0][0],
                optional: {
                    const OPTIONAL: &[&str] = &[$(stringify!($optional))?];
                    !OPTIONAL.is_empty()
                },
            },
        )+)+];

        /// How many structs have members here.
        pub const STRUCTURES: usize = Structure::Count as usize;

        /// The structs, in their order.
        pub const STRUCTURE_NAMES: [&str; STRUCTURES] = [$(stringify!($structure)),+];

        /// BTF ids of the structs; 0 where the kernel cannot give memory a type.
        pub mod structure {
            use super::{Constant, FIRST_STRUCTURE, Structure};

            $(
                #[doc = concat!("`struct ", stringify!($structure), "`")]
                pub const $id: Constant = FIRST_STRUCTURE + Structure::$id as Constant;
            )+
        }

        $($(
            $(#[$doc])*
            pub const $name: Member<$size, { structure::$id }, { FIRST_MEMBER + Number::$name as Constant }> =
                Member(PhantomData);
        )+)+
    };
}

members! {
    sk_buff SK_BUFF {
        /// Bytes of the datagram.
        SKB_LEN: u32 = len;
        /// Those of them that do not lie at `SKB_DATA`.
        SKB_DATA_LEN: u32 = data_len;
        /// Where the datagram starts.
        SKB_DATA: u64 = data;
        /// A receive function's buffer: the receiving socket.
        SKB_SK: u64 = sk;
        /// `NETLINK_CB(skb).portid`: the port id of the sending socket.
        SKB_PORTID: u32 = cb as netlink_skb_parms.portid;
        /// `NETLINK_CB(skb).nsid`: the number by which a listener in another network namespace knows the
        /// sender's.
        SKB_NSID: u32 = cb as netlink_skb_parms.nsid;
        /// `NETLINK_CB(skb).nsid_is_set`, a bool, and what follows it up to four bytes.
        SKB_HAS_NSID: u32 = cb as netlink_skb_parms.nsid_is_set;
        /// `NETLINK_CB(skb).dst_group`: the multicast group that it is for.
        SKB_DST_GROUP: u32 = cb as netlink_skb_parms.dst_group;
        /// `NETLINK_CB(skb).sk`: the socket that sent a request.
        SKB_SENDER_SK: u64 = cb as netlink_skb_parms.sk;
        /// The next buffer in a queue.
        SKB_NEXT: u64 = next;
        /// What it takes of a socket's receive buffer.
        SKB_TRUESIZE: u32 = truesize;
        /// How many hold it.
        SKB_USERS: u32 = users.refs.counter;
        /// Its lowest bit: it was cloned, or is a clone.
        SKB_CLONED: u8 = cloned;
    }
    sock SOCK {
        /// The address family: `AF_NETLINK` if it is one of ours.
        SK_FAMILY: u16 = __sk_common.skc_family;
        /// The netlink family, which is below `MAX_LINKS`, 32.
        SK_PROTOCOL: u16 = sk_protocol;
        /// The socket's network namespace.
        SK_NET: u64 = __sk_common.skc_net.net;
        /// What a user's socket is of; 0 for the kernel's own.
        SK_SOCKET: u64 = sk_socket;
        /// The error that its owner will be told by its next call.
        SK_ERR: u32 = sk_err;
        /// Bytes of memory that unread datagrams take.
        SK_RMEM: u32 = sk_backlog.rmem_alloc.counter;
        /// The most that they may take.
        SK_RCVBUF: u32 = sk_rcvbuf;
        /// Bytes of memory that sent datagrams take which are unread, and one more.
        SK_WMEM: u32 = sk_wmem_alloc.refs.counter;
        /// The most that they may take.
        SK_SNDBUF: u32 = sk_sndbuf;
        /// Messages that were dropped since the socket was opened.
        SK_DROPS: u32 = sk_drops.counter;
        /// Unread datagrams.
        SK_QUEUED: u32 = sk_receive_queue.qlen;
        /// The first of them.
        SK_QUEUE: u64 = sk_receive_queue.next;
        /// The socket filter; 0: none.
        SK_FILTER: u64 = sk_filter;
    }
    netlink_sock NETLINK_SOCK {
        /// The socket's port id, or the one that it asked for.
        NLK_PORTID: u32 = portid;
        /// Whether it has that.
        NLK_BOUND: u8 = bound;
        /// The port id that it is connected to.
        NLK_DST_PORTID: u32 = dst_portid;
        /// The group that it is connected to; 0: none.
        NLK_DST_GROUP: u32 = dst_group;
        /// What was set by setsockopt(2): since 6.6 a long, whose lowest bits are the same.
        NLK_FLAGS: u32 = flags;
        /// Its lowest bit: the socket is congested.
        NLK_STATE: u32 = state;
        /// How many groups there is room for in `NLK_GROUPS`.
        NLK_GROUP_COUNT: u32 = ngroups;
        /// The groups that it listens to, a bit each; 0: there is no room for any.
        NLK_GROUPS: u64 = groups;
        /// Whether a dump is open.
        NLK_DUMPS: u8 = cb_running;
        /// The message that asked for it.
        NLK_DUMP_REQUEST: u64 = cb.nlh;
        /// What its last part came to; `INT_MAX` until the first was made.
        NLK_DUMP_DONE: u32 = dump_done_errno;
    }
    socket SOCKET {
        /// The `struct sock`.
        SOCKET_SK: u64 = sk;
    }
    socket_alloc SOCKET_ALLOC {
        /// The inode number of the `struct socket` that this begins with.
        SOCKET_INODE: u64 = vfs_inode.i_ino;
    }
    file FILE {
        /// What the file is a way to.
        FILE_INODE: u64 = f_inode;
        /// Its name, and where that is mounted.
        FILE_DENTRY: u64 = f_path.dentry, optional;
        /// See `FILE_DENTRY`.
        FILE_MOUNT: u64 = f_path.mnt, optional;
    }
    inode INODE {
        /// Its number.
        INODE_NUMBER: u64 = i_ino;
        /// The user whom it belongs to.
        INODE_UID: u32 = i_uid.val;
    }
    net NET {
        /// The namespace's inode number.
        NET_INUM: u32 = ns.inum;
        /// A number that no other namespace ever has.
        NET_COOKIE: u64 = net_cookie;
        /// The next namespace, where it is linked to the others.
        NET_LIST: u64 = list, optional;
        /// What all network namespaces have in common, and nothing else has.
        NET_OPS: u64 = ns.ops, optional;
        /// The first interface, where it is linked to the others.
        NET_DEVICES: u64 = dev_base_head, optional;
    }
    net_device NET_DEVICE {
        /// The next interface of the namespace, where it is linked to the others.
        DEVICE_LIST: u64 = dev_list, optional;
        /// Its index there.
        DEVICE_INDEX: u32 = ifindex, optional;
        /// Its name, the first eight bytes.
        DEVICE_NAME: u64 = name, optional;
        /// The same, the last eight bytes.
        DEVICE_NAME_HIGH: u64 = name[8], optional;
        /// The namespace that it is in.
        DEVICE_NET: u64 = nd_net.net, optional;
    }
    nlmsghdr NLMSGHDR {
        /// The message's length, header included.
        NLMSG_LEN: u32 = nlmsg_len;
        /// The message's type.
        NLMSG_TYPE: u16 = nlmsg_type;
        /// `NLM_F_…`
        NLMSG_FLAGS: u16 = nlmsg_flags;
        /// Its sequence number.
        NLMSG_SEQ: u32 = nlmsg_seq;
    }
    genlmsghdr GENLMSGHDR {
        /// Generic netlink's command; also the first byte of whatever follows a message's header.
        GENL_CMD: u8 = cmd;
    }
    task_struct TASK {
        /// The thread's name, its first eight bytes.
        TASK_COMM: u64 = comm;
        /// The same, its last eight bytes.
        TASK_COMM_HIGH: u64 = comm[8];
        /// `PF_…`
        TASK_FLAGS: u32 = flags;
        /// What user space calls a thread id.
        TASK_PID: u32 = pid;
        /// What user space calls a process id.
        TASK_TGID: u32 = tgid;
        /// The process's first thread, whose name is the process's.
        TASK_LEADER: u64 = group_leader;
        /// Where the thread's stack in the kernel begins, its lowest address.
        TASK_STACK: u64 = stack;
        /// Its namespaces; 0: it is about to be gone.
        TASK_NSPROXY: u64 = nsproxy;
        /// Its memory; 0: it is a thread of the kernel.
        TASK_MEMORY: u64 = mm;
        /// The thread that made its process, or whom it was given to since.
        TASK_PARENT: u64 = real_parent;
    }
    mm_struct MEMORY {
        /// The file that is executed.
        MEMORY_FILE: u64 = exe_file;
    }
    dentry DENTRY {
        /// The name, up to a NUL.
        DENTRY_NAME: u64 = d_name.name, optional;
        /// The folder that it is in; that of a root is itself.
        DENTRY_PARENT: u64 = d_parent;
    }
    vfsmount VFSMOUNT {
        /// What is mounted.
        MOUNTED_ROOT: u64 = mnt_root, optional;
    }
    mount MOUNT {
        /// The `struct vfsmount` that all others have.
        MOUNT_COMMON: u8 = mnt, optional;
        /// The mount that it is on; that of the first is itself.
        MOUNT_PARENT: u64 = mnt_parent, optional;
        /// Where on that.
        MOUNT_POINT: u64 = mnt_mountpoint, optional;
    }
    nsproxy NSPROXY {
        /// The network namespace.
        NSPROXY_NET: u64 = net_ns;
    }
    netlink_ext_ack EXT_ACK {
        /// What the kernel says; 0: nothing.
        EXT_ACK_TEXT: u64 = _msg;
        /// The attribute that it is about; 0: none.
        EXT_ACK_BAD_ATTR: u64 = bad_attr;
        /// What that ought to be; 0: it does not say.
        EXT_ACK_POLICY: u64 = policy;
        /// The nest in which an attribute is missing; 0: in none. Since 6.1.
        EXT_ACK_MISS_NEST: u64 = miss_nest, optional;
        /// The type of an attribute that is missing; 0: none is. Since 6.1.
        EXT_ACK_MISS_TYPE: u16 = miss_type, optional;
    }
    nla_policy NLA_POLICY {
        /// `NLA_…`
        POLICY_TYPE: u8 = type;
        /// `NLA_VALIDATE_…`
        POLICY_VALIDATION: u8 = validation_type;
        /// How long a value is, or may be.
        POLICY_LEN: u16 = len;
        /// The union that follows: what is in it says the kind of validation.
        POLICY_DATA: u64 = min;
    }
    msghdr MSGHDR {
        /// Where a user's bytes lie, or an array that says where. Since 6.0.
        MSG_BASE: u64 = msg_iter.ubuf, optional;
    }
    mutex MUTEX {
        /// The thread that has it; three more bits are in the lowest of the address.
        MUTEX_OWNER: u64 = owner.counter, optional;
    }
    rw_semaphore RW_SEMAPHORE {
        /// The same, where the lowest bit is not set.
        RWSEM_OWNER: u64 = owner.counter, optional;
    }
}
