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
	int room = need;

	if (nltest_gathers(ctx->nlh)) {
		if (ctx->answer &&
		    (ctx->answer->len + need > NLTEST_GATHER_MAX ||
		     skb_tailroom(ctx->answer) < need))
			nltest_answer_send(ctx);
		/* An ECHO's answer is as long as its request. */
		room = max(need, min(ctx->rest, NLTEST_GATHER_MAX));
	}

	if (!ctx->answer) {
		ctx->answer = alloc_skb(room, GFP_KERNEL);
		if (!ctx->answer) {
			NL_SET_ERR_MSG(ctx->extack, "no memory for the answer");
			return NULL;
		}
	}

	ctx->answer_slot = ctx->slot;
	return nlmsg_put(ctx->answer, ctx->portid, ctx->nlh->nlmsg_seq, type,
			 len, 0);
}

/**
 * nltest_answer_end - finish an answer, and send it unless it may wait
 * @ctx: the datagram that is handled
 * @nlh: what nltest_answer() returned, with its final length
 */
void nltest_answer_end(struct nltest_ctx *ctx, const struct nlmsghdr *nlh)
{
	ctx->answers++;
	ctx->answer_bytes += nlh->nlmsg_len;
	if (!nltest_gathers(ctx->nlh))
		nltest_answer_send(ctx);
}

/**
 * nltest_answer_send - send the answers that wait
 * @ctx: the datagram that is handled, with an answer
 *
 * A receiver whose buffer is full loses them: netlink tells it by ENOBUFS, and
 * the sender's request is not at fault.
 */
void nltest_answer_send(struct nltest_ctx *ctx)
{
	/* Consumes the buffer, delivered or not. */
	int err = nlmsg_unicast(ctx->sk, ctx->answer, ctx->portid);

	if (err)
		nltest_count(ctx->nn, ctx->answer_slot,
			     NLTEST_COUNTER(UNDELIVERED), ctx->answers,
			     0, 0);
	else
		nltest_count(ctx->nn, ctx->answer_slot,
			     NLTEST_COUNTER(REPLIED), ctx->answers,
			     NLTEST_COUNTER(TX_BYTES), ctx->answer_bytes);

	ctx->answer = NULL;
	ctx->answers = 0;
	ctx->answer_bytes = 0;
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
