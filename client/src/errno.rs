//! Names and texts of errno values.

/// The numbers come from libc, so they are right on every architecture.
macro_rules! table {
    ($($name:ident)*) => {
        /// Every errno with a name.
        const TABLE: &[(i32, &str)] = &[$((libc::$name, stringify!($name)),)*];
    };
}

table! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY
    EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK
    EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC
    EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR
    ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG
    EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE
    EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
    EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED
    ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN
    EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM
    EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
    EHWPOISON
}

/// The name of an errno, `"EPERM"`; `None` for a number that Linux does not name.
pub fn name(errno: i32) -> Option<&'static str> {
    TABLE.iter().find(|(number, _)| *number == errno).map(|(_, name)| *name)
}

/// The errno with this name, in any case.
pub fn from_name(name: &str) -> Option<i32> {
    TABLE.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
}

/// The text that the C library has for an errno: `"Operation not permitted"`.
pub fn text(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    // The standard library appends the number.
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Name and text, or the bare number where there is no name: `"EPERM (Operation not permitted)"`.
pub fn describe(errno: i32) -> String {
    match name(errno) {
        Some(name) => format!("{name} ({})", text(errno)),
        None => format!("errno {errno}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        assert_eq!(name(libc::EPERM), Some("EPERM"));
        assert_eq!(from_name("enobufs"), Some(libc::ENOBUFS));
        assert_eq!(name(4095), None);
        for (number, name) in TABLE {
            assert_eq!(from_name(name), Some(*number));
        }
    }

    #[test]
    fn text_is_without_the_number() {
        assert_eq!(text(libc::EPERM), "Operation not permitted");
        assert_eq!(describe(libc::EPERM), "EPERM (Operation not permitted)");
        assert_eq!(describe(4000), "errno 4000");
    }
}
