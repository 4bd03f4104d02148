//! A call for other tests.

use nltrace_common::Stage;

use super::{Call, Place};
use crate::decode::Family;

/// A request of nltest with this datagram.
pub(crate) fn call(datagram: &[u8]) -> Call<'_> {
    Call {
        stage: Stage::Request,
        ts_ns: 1_234_567_890,
        latency_ns: 5_120,
        cpu: Some(1),
        pid: 4711,
        tid: 4712,
        comm: *b"nltest\0\0\0\0\0\0\0\0\0\0",
        netns: 4026531840,
        portid: 4_294_963_200,
        group: None,
        ret: Some(datagram.len() as i32),
        family: Family::NLTEST,
        datagram_len: datagram.len() as u32,
        copies: None,
        place: Place { datagram: 3, index: 0, of: Some(1) },
        len: datagram.len() as u32,
        captured: datagram,
        within: None,
        socket_inode: None,
        socket_options: None,
        queued: None,
        to_asker: false,
        dump: None,
        from_user: None,
        from_portid: None,
        to_group: None,
        netns_cookie: None,
        uid: None,
        cgroup: None,
        context: None,
    }
}
