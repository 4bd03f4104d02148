// SPDX-License-Identifier: GPL-2.0
/*
 * What leaves the module, apart from what netlink_ack() and netlink_dump() send
 * in its name.
 */
#include "nltest.h"

/**
 * nltest_answer - begin an answer to the current message
 * @ctx: the datagram that is handled
 * @type: of the answer
 * @len: bytes of the fixed part of its payload
 * @attrlen: bytes of its attributes, headers and padding included
 *
 * An answer has a datagram of its own, unless its request allows it to share
 * one.
 *
 * Return: the answer's header, to be handed to nltest_answer_end(), or NULL
 * when memory is short.
 */
struct nlmsghdr *nltest_answer(struct nltest_ctx *ctx, int type, int len,
			       int attrlen)
{
	int need = nlmsg_total_size(len) + attrlen;

	if (ctx->answer && ctx->room < need)
		nltest_flush(ctx);

	if (!ctx->answer) {
		ctx->room = need;
		/* An ECHO's answer is as long as its request. */
		if (ctx->gathers)
			ctx->room = max(need, min_t(int, NLMSG_ALIGN(ctx->rest),
						    NLTEST_GATHER_MAX));
		ctx->answer = alloc_skb(ctx->room, GFP_KERNEL);
		if (!ctx->answer) {
			NL_SET_ERR_MSG(&ctx->extack, "no memory for the answer");
			return NULL;
		}
	}

	/* There is room, which is all that nlmsg_put() would check. */
	ctx->room -= need;
	return __nlmsg_put(ctx->answer, ctx->portid, ctx->nlh->nlmsg_seq, type,
			   len, 0);
}

/**
 * nltest_flush - send the answers that wait, and count what they answer
 * @ctx: the datagram that is handled
 *
 * A receiver whose buffer is full loses them: netlink tells it by ENOBUFS, and
 * the sender's request is not at fault.
 */
void nltest_flush(struct nltest_ctx *ctx)
{
	struct nltest_counters *counters;
	int err = 0;

	/* Consumes the buffer, delivered or not. */
	if (ctx->answer)
		err = nlmsg_unicast(ctx->sk, ctx->answer, ctx->portid);

	counters = nltest_count_begin(ctx->nn);
	nltest_add(counters, ctx->slot, RECEIVED, ctx->received);
	nltest_add(counters, ctx->slot, RX_BYTES, ctx->rx_bytes);
	if (err) {
		nltest_add(counters, ctx->slot, UNDELIVERED, ctx->answers);
	} else {
		nltest_add(counters, ctx->slot, REPLIED, ctx->answers);
		nltest_add(counters, ctx->slot, TX_BYTES, ctx->answer_bytes);
	}
	nltest_count_end(ctx->nn, counters);

	ctx->answer = NULL;
	ctx->answers = 0;
	ctx->answer_bytes = 0;
	ctx->received = 0;
	ctx->rx_bytes = 0;
}

/**
 * test_nl_send_user - multicast to the listeners of a group
 * @sk: the kernel's socket, which stands for the namespace
 * @skb: the datagram; consumed, delivered or not
 * @group: the multicast group
 *
 * Tracers find this function by its name.
 *
 * Return: 0 when somebody got it; %-ESRCH when nobody listens, or everybody who
 * does lost it; %-ENOBUFS when somebody lost it who asked for this to be told
 * (NETLINK_BROADCAST_ERROR).
 */
noinline __noclone int test_nl_send_user(struct sock *sk, struct sk_buff *skb,
					 u32 group)
{
	return nlmsg_multicast(sk, skb, 0, group, GFP_KERNEL);
}
