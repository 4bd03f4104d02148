// SPDX-License-Identifier: GPL-2.0
/* BURST: many messages to its sender, to another socket, or to the group. */
#include <linux/sched/signal.h>

#include "nltest.h"

/**
 * struct nltest_burst - where a burst goes, and what it is made of
 * @group: the multicast group, or 0
 * @portid: the socket, if there is no @group
 * @seq: sequence number of each message
 * @size: bytes of each payload
 */
struct nltest_burst {
	u32	group;
	u32	portid;
	u32	seq;
	u32	size;
};

/* Makes message @number of a burst. */
static struct sk_buff *nltest_burst_message(const struct nltest_burst *burst,
					    u32 number)
{
	struct nlmsghdr *nlh;
	struct nlattr *nla;
	struct sk_buff *skb;

	skb = nlmsg_new(nla_total_size(burst->size) + nla_total_size(sizeof(number)),
			GFP_KERNEL);
	if (!skb)
		return NULL;

	nlh = nlmsg_put(skb, burst->portid, burst->seq, NLTEST_CMD_BURST, 0, 0);
	nla = __nla_reserve(skb, NLTEST_A_PAYLOAD, burst->size);
	memset(nla_data(nla), 0, burst->size);
	__nla_put(skb, NLTEST_A_COUNT, sizeof(number), &number);
	nlmsg_end(skb, nlh);
	return skb;
}

static int nltest_burst_answer(struct nltest_ctx *ctx, u64 delivered,
			       u64 undelivered)
{
	struct sk_buff *skb;

	skb = nltest_answer(ctx, NLTEST_CMD_BURST, 0,
			    2 * nla_total_size_64bit(sizeof(u64)));
	if (!skb)
		return -ENOMEM;

	nla_put_u64_64bit(skb, NLTEST_A_DELIVERED, delivered, NLTEST_A_PAD);
	nla_put_u64_64bit(skb, NLTEST_A_UNDELIVERED, undelivered, NLTEST_A_PAD);
	nlmsg_end(skb, nlmsg_hdr(skb));
	nltest_answer_send(ctx, skb);
	return 0;
}

/* Where it goes; what nobody has asked for has sequence number 0. */
static int nltest_burst_parse(struct nltest_ctx *ctx, struct nltest_burst *burst)
{
	const struct nlattr *portid = ctx->attrs[NLTEST_A_PORTID];
	const struct nlattr *group = ctx->attrs[NLTEST_A_GROUP];
	const struct nlattr *size = ctx->attrs[NLTEST_A_SIZE];

	if (group && portid) {
		NL_SET_ERR_MSG_ATTR(&ctx->extack, portid,
				    "a burst goes to a group or to one socket, not to both");
		return -EINVAL;
	}

	*burst = (struct nltest_burst) {
		.group	= group ? nla_get_u32(group) : 0,
		.size	= size ? nla_get_u32(size) : 0,
	};
	if (portid) {
		burst->portid = nla_get_u32(portid);
	} else if (!group) {
		burst->portid = ctx->portid;
		burst->seq = ctx->nlh->nlmsg_seq;
	}
	return 0;
}

/**
 * nltest_burst - carry out BURST
 * @ctx: the datagram that is handled
 *
 * Return: 0, or a negative errno with an extended ACK.
 */
int nltest_burst(struct nltest_ctx *ctx)
{
	u32 count = nla_get_u32(ctx->attrs[NLTEST_A_COUNT]);
	u64 delivered = 0, undelivered = 0;
	struct nltest_counters *counters;
	struct nltest_burst burst;
	struct sk_buff *skb;
	unsigned int len;
	u32 number;
	int err;

	err = nltest_burst_parse(ctx, &burst);
	if (err)
		return err;

	for (number = 1; number <= count; number++) {
		skb = nltest_burst_message(&burst, number);
		if (!skb) {
			NL_SET_ERR_MSG(&ctx->extack, "not enough memory for the whole burst");
			return -ENOMEM;
		}

		len = skb->len;
		if (burst.group)
			err = nltest_multicast(ctx, skb, burst.group);
		else
			err = nlmsg_unicast(ctx->sk, skb, burst.portid);

		counters = nltest_count_begin(ctx->nn);
		if (err) {
			undelivered++;
			nltest_add(counters, ctx->slot, UNDELIVERED, 1);
		} else {
			delivered++;
			nltest_add(counters, ctx->slot, DELIVERED, 1);
			nltest_add(counters, ctx->slot, TX_BYTES, burst.group ? 0 : len);
		}
		nltest_count_end(ctx->nn, counters);

		cond_resched();
		if (fatal_signal_pending(current)) {
			NL_SET_ERR_MSG(&ctx->extack, "killed before the burst was complete");
			return -EINTR;
		}
	}

	return nltest_burst_answer(ctx, delivered, undelivered);
}
