//! Messages as packets, with what is said at each of them.

use std::mem;

use super::{
    Recorder,
    block::{self, Packet},
    name_of,
    window::Handle,
};
use crate::{
    model::{Call, Copies, SendFailed, Stage},
    render::Surroundings,
    source::recording::notation::{Comment, Fact as _, Fields as _, NotSent, REST},
};

/// Listeners of a multicast that are named, at most: with more it is not known which they were.
const MOST_DELIVERIES: usize = 1 << 12;

impl Recorder {
    pub(super) fn call(&mut self, call: &Call<'_>, around: &mut dyn Surroundings) {
        self.see(call.ts_ns.saturating_add(call.latency_ns));
        let is_request = call.stage == Stage::Request;
        if call.stage == Stage::Receive {
            let number = self.next();
            return self.receives.keep(call, number);
        }
        let receive = if is_request { self.receives.of(call) } else { None };
        if receive.is_none() {
            self.give_up_receives(around);
        }
        if call.datagram_len == 0 {
            // A part of a dump that failed before it made anything.
            let number = self.next();
            self.waiting.add_call();
            let out = self.waiting.loose(self.now_ns);
            self.names.write(out, &self.tokens, call.cgroup, call.netns, around);
            return block::comment(out, |out| {
                let mut comment = Comment::begin(out, &self.tokens, call.stage.name(), Some(number));
                comment.number("family", &mut call.family.number());
                { *call }.fields(&mut comment);
            });
        }
        let named = |copies: &Copies<'_>| copies.each.is_none_or(|each| each.len() <= MOST_DELIVERIES);
        let copies =
            call.copies.map(|copies| if named(&copies) { copies } else { Copies { each: None, ..copies } });
        let call = &Call { copies, ..*call };
        let packet = self.message(call.stage.name(), call, around);
        if let Some((number, mut receive)) = receive {
            self.window.add_call(packet);
            self.window.add_to(packet, |block| {
                block::comment(block, |out| Comment::write(out, &self.tokens, Some(number), &mut receive));
            });
        }
        if is_request {
            self.window.name(packet, name_of(call.tid, call.ts_ns, call.place.index));
        }
        if let Some(queued) = call.queued {
            self.window.name(packet, queued.skb);
        }
        for delivery in call.copies.and_then(|copies| copies.each).into_iter().flatten() {
            self.window.add_to(packet, |block| {
                self.names.namespace(block, &self.tokens, delivery.netns, around);
                block::comment(block, |out| Comment::write(out, &self.tokens, None, &mut { *delivery }));
            });
            if let Some(copy) = delivery.copy {
                self.window.name(packet, copy.skb);
            }
        }
        if call.place.index == 0 && matches!(call.stage, Stage::Request | Stage::Part) {
            self.attach(packet, call.tid, call.ts_ns);
        }
    }

    /// Receive functions' calls are packets of their own where their request does not come.
    pub(super) fn give_up_receives(&mut self, around: &mut dyn Surroundings) {
        let mut receives = mem::take(&mut self.receives);
        receives.give_up(|call, number| _ = self.packet(call.stage.name(), call, number, around));
    }

    /// A message.
    #[inline]
    pub(super) fn message(&mut self, kind: &str, call: &Call<'_>, around: &mut dyn Surroundings) -> Handle {
        let number = self.next();
        self.packet(kind, call, number, around)
    }

    /// The same that has its number already, with names that it needs.
    #[inline]
    fn packet(&mut self, kind: &str, call: &Call<'_>, number: u64, around: &mut dyn Surroundings) -> Handle {
        let packet = Packet {
            realtime_ns: self.realtime_ns(call.ts_ns),
            family: call.family,
            from_user: matches!(call.stage, Stage::Request | Stage::Receive) || call.from_user == Some(true),
            len: call.len,
            bytes: call.captured,
        };
        let (tokens, names, (loose, calls)) = (&self.tokens, &mut self.names, self.waiting.take());
        self.window.add(call.ts_ns, calls + u64::from(kind != REST), |block| {
            block::packet(block, &packet);
            block::comment(block, |out| {
                let mut comment = Comment::begin(out, tokens, kind, Some(number));
                { *call }.fields(&mut comment);
            });
            names.write(block, tokens, call.cgroup, call.netns, around);
            block.append(loose);
        })
    }

    pub(super) fn failed(&mut self, failed: &SendFailed<'_>, around: &mut dyn Surroundings) {
        let SendFailed { ts_ns, latency_ns, sender, .. } = *failed;
        self.see(ts_ns.saturating_add(latency_ns));
        let number = self.next();
        let packet = Packet {
            realtime_ns: self.realtime_ns(ts_ns),
            family: failed.family,
            from_user: true,
            len: u32::try_from(failed.len).unwrap_or(u32::MAX),
            bytes: failed.captured,
        };
        let (tokens, names, (loose, calls)) = (&self.tokens, &mut self.names, self.waiting.take());
        let handle = self.window.add(ts_ns, calls, |block| {
            block::packet(block, &packet);
            block::comment(block, |out| {
                Comment::write(out, tokens, Some(number), &mut NotSent(*failed));
            });
            names.write(block, tokens, failed.cgroup, failed.netns, around);
            sender.netns.into_iter().for_each(|netns| names.namespace(block, tokens, netns, around));
            block.append(loose);
        });
        self.window.name(handle, name_of(sender.tid, ts_ns, 0));
    }
}
