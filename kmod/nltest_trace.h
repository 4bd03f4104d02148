/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nltest

#if !defined(_NLTEST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NLTEST_TRACE_H

#include <linux/ktime.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/sock.h>

/*
 * Type, flags and sequence number of the first message, or 0 if the datagram is
 * too short for a header.
 */
#define NLTEST_TRACE_FIRST(skb, field)					\
	((skb)->len >= NLMSG_HDRLEN ? nlmsg_hdr(skb)->field : 0)

/* The receive function starts. */
TRACE_EVENT(nltest_receive_entry,
	TP_PROTO(const struct sk_buff *skb),
	TP_ARGS(skb),
	TP_STRUCT__entry(
		__field(unsigned int,	netns)
		__field(u32,		portid)
		__field(u32,		seq)
		__field(u16,		type)
		__field(u16,		flags)
		__field(unsigned int,	len)
	),
	TP_fast_assign(
		__entry->netns	= sock_net(skb->sk)->ns.inum;
		__entry->portid	= NETLINK_CB(skb).portid;
		__entry->seq	= NLTEST_TRACE_FIRST(skb, nlmsg_seq);
		__entry->type	= NLTEST_TRACE_FIRST(skb, nlmsg_type);
		__entry->flags	= NLTEST_TRACE_FIRST(skb, nlmsg_flags);
		__entry->len	= skb->len;
	),
	TP_printk("netns=%u portid=%u type=%#x flags=%#x seq=%u len=%u",
		  __entry->netns, __entry->portid, __entry->type,
		  __entry->flags, __entry->seq, __entry->len)
);

/*
 * The receive function ends. ret is the result of the last message: 0, or the
 * negative errno that it was answered with. latency_ns is 0 when the tracepoint
 * was off at entry.
 */
TRACE_EVENT(nltest_receive_exit,
	TP_PROTO(const struct sk_buff *skb, unsigned int messages, int ret,
		 u64 start),
	TP_ARGS(skb, messages, ret, start),
	TP_STRUCT__entry(
		__field(unsigned int,	netns)
		__field(u32,		portid)
		__field(u32,		seq)
		__field(u16,		type)
		__field(u16,		flags)
		__field(unsigned int,	len)
		__field(unsigned int,	messages)
		__field(int,		ret)
		__field(u64,		latency_ns)
	),
	TP_fast_assign(
		__entry->netns	= sock_net(skb->sk)->ns.inum;
		__entry->portid	= NETLINK_CB(skb).portid;
		__entry->seq	= NLTEST_TRACE_FIRST(skb, nlmsg_seq);
		__entry->type	= NLTEST_TRACE_FIRST(skb, nlmsg_type);
		__entry->flags	= NLTEST_TRACE_FIRST(skb, nlmsg_flags);
		__entry->len	= skb->len;
		__entry->messages = messages;
		__entry->ret	= ret;
		__entry->latency_ns = start ? ktime_get_ns() - start : 0;
	),
	TP_printk("netns=%u portid=%u type=%#x flags=%#x seq=%u len=%u messages=%u ret=%d latency_ns=%llu",
		  __entry->netns, __entry->portid, __entry->type,
		  __entry->flags, __entry->seq, __entry->len,
		  __entry->messages, __entry->ret, __entry->latency_ns)
);

#endif /* _NLTEST_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE nltest_trace
#include <trace/define_trace.h>
