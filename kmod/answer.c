// SPDX-License-Identifier: GPL-2.0
/*
 * What the module sends, apart from ACKs and errors (netlink_ack()); and how
 * dumps begin, which netlink_dump() sends.
 */
#include "nltest.h"

/**
 * nltest_answer - begin the answer to the current message
 * @ctx: the datagram that is handled
 * @type: of the answer
 * @len: bytes of the fixed part of its payload
 * @attrlen: bytes of its attributes, headers and padding included
 *
 * Return: a buffer that holds the header and the fixed part, for
 * nltest_answer_send(), or NULL, with an extended ACK, when memory is short.
 */
struct sk_buff *nltest_answer(struct nltest_ctx *ctx, int type, int len,
			      int attrlen)
{
	struct sk_buff *skb = alloc_skb(nlmsg_total_size(len) + attrlen,
					GFP_KERNEL);

	if (!skb) {
		NL_SET_ERR_MSG(&ctx->extack, "not enough memory for the answer");
		return NULL;
	}
	/* There is room, which is all that nlmsg_put() would check. */
	__nlmsg_put(skb, ctx->portid, ctx->nlh->nlmsg_seq, type, len, 0);
	return skb;
}

/**
 * nltest_send - send a datagram of answers, and count them
 * @ctx: the datagram that is handled
 * @skb: the answers; consumed, delivered or not
 * @slot: what they count as
 * @answers: how many there are
 * @len: the sum of their lengths
 *
 * If the receive buffer is full, they are dropped, and recvmsg() fails with
 * ENOBUFS. The requests were carried out and do not fail.
 */
void nltest_send(struct nltest_ctx *ctx, struct sk_buff *skb,
		 enum nltest_slot slot, unsigned int answers, unsigned int len)
{
	struct nltest_counters *counters;
	int err;

	err = nlmsg_unicast(ctx->sk, skb, ctx->portid);

	counters = nltest_count_begin(ctx->nn);
	if (err) {
		nltest_add(counters, slot, UNDELIVERED, answers);
	} else {
		nltest_add(counters, slot, REPLIED, answers);
		nltest_add(counters, slot, TX_BYTES, len);
	}
	nltest_count_end(ctx->nn, counters);
}

/**
 * nltest_answer_send - send an answer, and count it
 * @ctx: the datagram that is handled
 * @skb: what nltest_answer() returned, with its final length; consumed
 */
void nltest_answer_send(struct nltest_ctx *ctx, struct sk_buff *skb)
{
	nltest_send(ctx, skb, ctx->slot, 1, nlmsg_hdr(skb)->nlmsg_len);
}

/**
 * test_nl_send_user - multicast to the listeners of a group
 * @sk: the kernel's socket, which stands for the namespace
 * @skb: the datagram; consumed, delivered or not
 * @group: the multicast group
 *
 * Tracers probe this function by its name.
 *
 * Return: 0 if a listener got it; %-ESRCH if there are no listeners, or all of
 * them missed it; %-ENOBUFS if one missed it that has set
 * NETLINK_BROADCAST_ERROR.
 */
noinline __noclone int test_nl_send_user(struct sock *sk, struct sk_buff *skb,
					 u32 group)
{
	return nlmsg_multicast(sk, skb, 0, group, GFP_KERNEL);
}

/**
 * nltest_multicast - multicast, and count that, whether anybody gets it or not
 * @ctx: the datagram that is handled
 * @skb: the datagram to send; consumed, delivered or not
 * @group: the multicast group
 *
 * Return: as test_nl_send_user().
 */
int nltest_multicast(struct nltest_ctx *ctx, struct sk_buff *skb, u32 group)
{
	struct nltest_counters *counters = nltest_count_begin(ctx->nn);

	nltest_add(counters, ctx->slot, NOTIFIED, 1);
	nltest_add(counters, ctx->slot, TX_BYTES, skb->len);
	nltest_count_end(ctx->nn, counters);
	return test_nl_send_user(ctx->sk, skb, group);
}

/**
 * nltest_start_dump - begin a dump as the answer to the current message
 * @ctx: the datagram that is handled
 * @control: how its parts are made
 *
 * Return: %NLTEST_NO_ACK, or a negative errno with an extended ACK.
 */
int nltest_start_dump(struct nltest_ctx *ctx, struct netlink_dump_control *control)
{
	int err = netlink_dump_start(ctx->sk, ctx->skb, ctx->nlh, control);

	/* The dump has started: netlink_dump_start() says so by this errno. */
	if (err == -EINTR)
		return NLTEST_NO_ACK;
	if (err == -EBUSY)
		NL_SET_ERR_MSG(&ctx->extack, "this socket has a dump in progress");
	else
		NL_SET_ERR_MSG(&ctx->extack, "the dump could not start");
	return err;
}
