//! Who may do what: everybody may ask and listen, and only CAP_NET_ADMIN in the namespace's owner may have
//! the kernel multicast.

use std::thread;

use nltest::Request;

use crate::guest::{Json, Module, Program, Raw, nltest};

#[test]
fn nobody_may_echo_and_listen_but_not_multicast() {
    let _module = Module::load();
    nltest("ping -q -i 0 -c 3").by_nobody().run().success();
    nltest("delay 1").by_nobody().run().success();
    nltest("stats").by_nobody().run().success();
    let listener = nltest("--json listen -n 1").by_nobody().start().says("Listening to group 1");
    for gated in ["notify", "burst -n 3", "burst -n 3 --group"] {
        nltest(gated).by_nobody().run().exits(3).said("EPERM").said("CAP_NET_ADMIN");
        let error = nltest("--json").words(gated).by_nobody().run().exits(3).json();
        assert_eq!(error.number("/error/errno"), libc::EPERM as u64, "{gated}");
    }
    // The listener has heard none of those: its first notification is root's.
    nltest("notify fine").run().success();
    assert_eq!(listener.end().success().json_lines()[0].text("/text"), "fine");
}

#[test]
fn root_of_a_user_namespace_rules_its_own_network_only() {
    let _module = Module::load();
    let unshared = |options: &str, what: &str| {
        Program::new("unshare").words(options).words("nltest").words(what).by_nobody()
    };
    unshared("-r", "notify").run().exits(3).said("EPERM");
    unshared("-r -n", "notify").run().success();
    unshared("-r -n", "burst -n 3").run().success();
}

#[test]
fn a_descriptor_needs_the_privilege_of_its_opener_and_of_its_writer() {
    let _module = Module::load();
    let raw = Raw::open();
    raw.request(&Request::Notify(None), 1);
    assert_eq!(raw.verdict(1), (0, None), "root may");
    let opened_by_nobody = thread::scope(|scope| {
        let opened_by_root = scope.spawn(|| {
            become_nobody();
            raw.request(&Request::Notify(None), 2);
            assert_eq!(raw.verdict(2).0, libc::EPERM, "opened by root, written by nobody");
            Raw::open()
        });
        opened_by_root.join().expect("the thread's checks hold")
    });
    opened_by_nobody.request(&Request::Notify(None), 1);
    assert_eq!(opened_by_nobody.verdict(1).0, libc::EPERM, "opened by nobody, written by root");
    raw.request(&Request::Notify(None), 3);
    assert_eq!(raw.verdict(3), (0, None), "root still may");
}

/// Takes user, group and thereby every capability from this thread. The C library would take them from all
/// threads.
pub(crate) fn become_nobody() {
    for (call, name) in [(libc::SYS_setresgid, "setresgid"), (libc::SYS_setresuid, "setresuid")] {
        // SAFETY: both calls take three numbers and nothing else.
        let result = unsafe { libc::syscall(call, 65534, 65534, 65534) };
        assert_eq!(result, 0, "{name}: {}", std::io::Error::last_os_error());
    }
}
