//! `void netlink_ack(struct sk_buff *in_skb, struct nlmsghdr *nlh, int err, const struct netlink_ext_ack *extack)`
//!
//! A request is acknowledged or refused, and why: `extack`, which may be null, has the kernel's words whether
//! or not the socket asked for them. An answer is made within, unless there is no memory for it. Checked on
//! 6.1, 6.12 and 7.3.

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_probe_read_kernel};
use nltrace_common::{
    Hook,
    member::{
        EXT_ACK_BAD_ATTR, EXT_ACK_MISS_NEST, EXT_ACK_MISS_TYPE, EXT_ACK_POLICY, EXT_ACK_TEXT, POLICY_DATA,
        POLICY_LEN, POLICY_TYPE, POLICY_VALIDATION,
    },
    record::{NO_OFFSET, ReasonRecord, ReasonTextRecord, kind, reason_flags},
};

use super::{Arguments, Event, text::copy};
use crate::{
    emit,
    entry::Id,
    kernel::{Probed, Reader, Task, read_optional},
    outcome::{asker::Asker, open::Open, origin::acknowledging, unfailed},
    stack::Stack,
};

/// Acknowledgements.
pub struct Ack;

impl Event for Ack {
    #[inline(always)]
    fn happen<R: Reader>(id: Id, arguments: &impl Arguments) {
        let task = Task::current();
        let Some(asker) = Asker::<Open>::at(task, id) else { return };
        let (error, extack) = (arguments.at(2) as i32, arguments.at(3));
        // SAFETY: a map value.
        let nlh = unsafe { Stack::number(asker.stack, arguments.at(1)) };
        // SAFETY: a map value.
        let in_hand = unsafe { acknowledging(asker.call, asker.address, nlh) };
        // SAFETY: a map value.
        if unfailed::is_wanted() && unsafe { unfailed::leaves_reason_out(asker.call, error) } {
            return;
        }
        let text = if extack == 0 { 0 } else { Probed::read(extack, EXT_ACK_TEXT) };
        let reason = Why { task, asker, nlh, in_hand, error, extack };
        if text == 0 {
            emit::send_event(Hook::Ack, |record: *mut ReasonRecord| {
                // SAFETY: there is room for the record.
                unsafe { reason.write(record) };
            });
        } else {
            emit::send_event(Hook::Ack, |record: *mut ReasonTextRecord| {
                // SAFETY: as above.
                unsafe {
                    let head = &raw mut (*record).reason;
                    reason.write(head);
                    let (len, is_cut) = copy((&raw mut (*record).text).cast(), text);
                    (*head).text_len = len;
                    (*head).flags |= reason_flags::HAS_TEXT;
                    if is_cut {
                        (*head).flags |= reason_flags::TEXT_CUT;
                    }
                }
            });
        }
    }
}

/// What is known of it.
struct Why {
    task: Task,
    asker: Asker<Open>,
    nlh: u64,
    in_hand: u32,
    error: i32,
    /// 0: there is none.
    extack: u64,
}

impl Why {
    /// Writes all but the text.
    #[inline(always)]
    unsafe fn write(&self, record: *mut ReasonRecord) {
        // SAFETY: the caller's `record` can be written to; the helper has no preconditions.
        unsafe {
            (*record).record = kind::REASON;
            (*record).tid = self.task.tid();
            (*record).ts_ns = bpf_ktime_get_ns();
            (*record).within_ns = self.asker.ts_ns();
            (*record).in_hand = self.in_hand;
            (*record).flags = 0;
            (*record).error = self.error;
            (*record).bad_attr = NO_OFFSET;
            (*record).miss_type = 0;
            (*record).miss_nest = NO_OFFSET;
            (*record).policy_type = 0;
            (*record).policy_validation = 0;
            (*record).policy_len = 0;
            (*record).text_len = 0;
            // Not as one: the compiler would make a call of it, and that a loop over bytes.
            (&raw mut (*record).policy_data).write_volatile(0);
            for word in 0..2 {
                (&raw mut (*record).policy_range).cast::<u64>().add(word).write_volatile(0);
            }
            if self.extack != 0 {
                self.write_attributes(record);
            }
        }
    }

    /// Writes what it says of attributes.
    #[inline(always)]
    unsafe fn write_attributes(&self, record: *mut ReasonRecord) {
        let policy = Probed::read(self.extack, EXT_ACK_POLICY);
        // SAFETY: the caller's `record` can be written to.
        unsafe {
            (*record).bad_attr = self.offset(Probed::read(self.extack, EXT_ACK_BAD_ATTR));
            // An attribute's type is never 0 where one is missing.
            let miss_type = read_optional(self.extack, EXT_ACK_MISS_TYPE);
            if miss_type != 0 {
                (*record).flags |= reason_flags::HAS_MISSING;
                (*record).miss_type = miss_type as u32;
                (*record).miss_nest = self.offset(read_optional(self.extack, EXT_ACK_MISS_NEST));
            }
            if policy != 0 {
                write_policy(record, policy);
            }
        }
    }

    /// How far behind the message's start an address lies, or [`NO_OFFSET`] if that is not within a message.
    #[inline(always)]
    fn offset(&self, address: u64) -> u32 {
        /// As long as a message with 16 bits for the length of its outermost nest may be, and some more.
        const MAX: u64 = 1 << 20;
        // A number, not a pointer, to the verifier.
        // SAFETY: a map value.
        let offset = unsafe { Stack::number(self.asker.stack, address) }.wrapping_sub(self.nlh);
        if offset < MAX { offset as u32 } else { NO_OFFSET }
    }
}

/// Writes what an attribute ought to be.
#[inline(always)]
unsafe fn write_policy(record: *mut ReasonRecord, policy: u64) {
    /// `NLA_VALIDATE_RANGE_PTR`: the union holds the address of a minimum and a maximum, of 64 bits each.
    const RANGE_PTR: u64 = 6;

    let validation = Probed::read(policy, POLICY_VALIDATION);
    let data = Probed::read(policy, POLICY_DATA);
    // SAFETY: the caller's `record` can be written to; the helper accepts any source, and writes zeros where
    // it cannot read.
    unsafe {
        (*record).flags |= reason_flags::HAS_POLICY;
        (*record).policy_type = Probed::read(policy, POLICY_TYPE) as u8;
        (*record).policy_validation = validation as u8;
        (*record).policy_len = Probed::read(policy, POLICY_LEN) as u16;
        (*record).policy_data = data;
        if validation == RANGE_PTR {
            let range = (&raw mut (*record).policy_range).cast();
            if bpf_probe_read_kernel(range, 16, data as *const _) == 0 {
                (*record).flags |= reason_flags::HAS_RANGE;
            }
        }
    }
}
