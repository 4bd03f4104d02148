//! Error numbers and their names.

use std::{fmt, io};

/// An error number of the kernel, 1 to 4095.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

/// The largest error number, `MAX_ERRNO` of include/linux/err.h.
const MAX: u16 = 4095;

/// Declares a constant for each error and the table of their names. The numbers are libc's, so they are right
/// on every architecture.
macro_rules! errors {
    ($($name:ident)*) => {
        impl Errno {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $name: Self = Self(libc::$name as u16);
            )*
        }

        /// The errors that libc has.
        const IN_LIBC: &[(Errno, &str)] = &[$((Errno::$name, stringify!($name)),)*];
    };
}

errors! {
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

/// Errors that libc does not have. Those from 512 on, of the kernel's include/linux/errno.h, are meant to
/// stay in the kernel, but some get out, and a tracer sees the others.
const NOT_IN_LIBC: &[(Errno, &str)] = &[
    // asm-generic/errno.h of Linux 7.
    (Errno(134), "EFTYPE"),
    (Errno(512), "ERESTARTSYS"),
    (Errno(513), "ERESTARTNOINTR"),
    (Errno(514), "ERESTARTNOHAND"),
    (Errno(516), "ERESTART_RESTARTBLOCK"),
    (Errno(517), "EPROBE_DEFER"),
    (Errno(524), "ENOTSUPP"),
];

/// The names of [`IN_LIBC`] at their numbers; empty where there is none.
static NAMES: [&str; 1 + largest()] = by_number();

const fn largest() -> usize {
    let (mut largest, mut at) = (0, 0);
    while at < IN_LIBC.len() {
        if IN_LIBC[at].0.0 > largest {
            largest = IN_LIBC[at].0.0;
        }
        at += 1;
    }
    largest as usize
}

const fn by_number() -> [&'static str; 1 + largest()] {
    let (mut names, mut at) = ([""; 1 + largest()], 0);
    while at < IN_LIBC.len() {
        names[IN_LIBC[at].0.0 as usize] = IN_LIBC[at].1;
        at += 1;
    }
    names
}

impl Errno {
    /// The error with this number; `None` where that cannot be one.
    pub fn new(number: i32) -> Option<Self> {
        u16::try_from(number).ok().filter(|number| (1..=MAX).contains(number)).map(Self)
    }

    /// The error in a return value or a message of the kernel, where it is negative; `None` for anything
    /// else.
    pub fn from_code(code: i32) -> Option<Self> {
        code.checked_neg().and_then(Self::new)
    }

    /// The error with this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::named().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(errno, _)| errno)
    }

    /// Every error that has a name, with it.
    pub fn named() -> impl Iterator<Item = (Self, &'static str)> {
        IN_LIBC.iter().chain(NOT_IN_LIBC).copied()
    }

    /// The number.
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// Its name: `"EPERM"`; `None` where Linux has none.
    pub fn name(self) -> Option<&'static str> {
        let other = || NOT_IN_LIBC.iter().find(|(known, _)| *known == self).map(|(_, name)| *name);
        self.name_in_libc().or_else(other)
    }

    fn name_in_libc(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied().filter(|name| !name.is_empty())
    }

    /// The C library's text: `"Operation not permitted"`.
    pub fn text(self) -> String {
        let text = io::Error::from_raw_os_error(self.number()).to_string();
        // The standard library appends the number.
        match text.rfind(" (os error") {
            Some(end) => text[..end].to_owned(),
            None => text,
        }
    }
}

impl fmt::Display for Errno {
    /// Name and text, `EPERM (Operation not permitted)`; only the name where the C library has no text, and
    /// only the number where there is no name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name_in_libc(), self.name()) {
            (Some(name), _) => write!(f, "{name} ({})", self.text()),
            (None, Some(name)) => f.write_str(name),
            (None, None) => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        for (errno, name) in Errno::named() {
            assert_eq!((errno.name(), Errno::from_name(name)), (Some(name), Some(errno)));
            assert_eq!(Errno::new(errno.number()), Some(errno));
            assert_eq!(Errno::from_code(-errno.number()), Some(errno));
        }
        assert_eq!(Errno::from_name("enobufs"), Some(Errno::ENOBUFS));
        assert_eq!(Errno::new(524).and_then(Errno::name), Some("ENOTSUPP"));
        assert_eq!([41, 58, 135, 515, 4095].map(|number| Errno::new(number).unwrap().name()), [None; 5]);
    }

    #[test]
    fn what_cannot_be_an_error_is_none() {
        assert_eq!([0, -1, 4096, 65_537, i32::MAX, i32::MIN].map(Errno::new), [None; 6]);
        assert_eq!([0, 1, -4096, i32::MAX, i32::MIN].map(Errno::from_code), [None; 5]);
    }

    #[test]
    fn people_get_name_and_text() {
        assert_eq!(Errno::EPERM.text(), "Operation not permitted");
        assert_eq!(Errno::EPERM.to_string(), "EPERM (Operation not permitted)");
        assert_eq!(Errno::new(524).unwrap().to_string(), "ENOTSUPP");
        assert_eq!(Errno::new(4000).unwrap().to_string(), "errno 4000");
    }
}
