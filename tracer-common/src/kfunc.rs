//! Functions of the kernel itself that the programs call, which aya does not know how to do.
//!
//! The programs call a helper of this number, which does not exist; user space puts the function's BTF id in
//! its place before it loads them.

/// The functions, a line each: constant, number, prototype's name in the kernel.
macro_rules! kfuncs {
    ($($(#[$doc:meta])* $name:ident = $number:literal $function:ident;)+) => {
        $($(#[$doc])* pub const $name: i32 = $number;)+

        /// Their numbers and names.
        pub const ALL: [(i32, &str); [$($number),+].len()] = [$(($name, stringify!($function))),+];
    };
}

kfuncs! {
    /// `void *bpf_rdonly_cast(const void *, u32 btf_id)`, since 6.2 (a35b9af4ec2c).
    RDONLY_CAST = 0x6e6c_7472 bpf_rdonly_cast;
    /// `bool bpf_session_is_return(void *ctx)`; since 6.10, and before 7.0 without the argument.
    SESSION_IS_RETURN = 0x6e6c_7473 bpf_session_is_return;
    /// `u64 *bpf_session_cookie(void *ctx)`; the same.
    SESSION_COOKIE = 0x6e6c_7474 bpf_session_cookie;
}
