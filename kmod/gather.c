// SPDX-License-Identifier: GPL-2.0
/* Answers that share a datagram: those to ECHOs with NLTEST_F_GATHER. */
#include "nltest.h"

/**
 * nltest_gather_answer - begin the answer to an ECHO in a shared datagram
 * @ctx: the datagram that is handled
 * @len: bytes of the answer's payload, padding included
 *
 * Return: the answer's header, with its final length, or NULL, with an extended
 * ACK, when memory is short.
 */
struct nlmsghdr *nltest_gather_answer(struct nltest_ctx *ctx, int len)
{
	struct nltest_gather *gather = &ctx->gather;
	int need = nlmsg_total_size(len);

	if (gather->skb && gather->room < need)
		nltest_gather_send(ctx);

	if (!gather->skb) {
		/* No answer is longer than its request. */
		gather->room = max(need, min_t(int, NLMSG_ALIGN(ctx->rest),
					       NLTEST_GATHER_MAX));
		gather->skb = alloc_skb(gather->room, GFP_KERNEL);
		if (!gather->skb) {
			NL_SET_ERR_MSG(&ctx->extack, "not enough memory for the answer");
			return NULL;
		}
	}

	gather->room -= need;
	gather->answers++;
	/* There is room, which is all that nlmsg_put() would check. */
	return __nlmsg_put(gather->skb, ctx->portid, ctx->nlh->nlmsg_seq,
			   NLTEST_CMD_ECHO, len, 0);
}

/**
 * nltest_gather_send - send the gathered answers
 * @ctx: the datagram that is handled, with at least one of them
 */
void nltest_gather_send(struct nltest_ctx *ctx)
{
	struct nltest_gather *gather = &ctx->gather;

	/* Nothing lies between answers: nlmsg_len includes their padding. */
	nltest_send(ctx, gather->skb, NLTEST_SLOT_ECHO,
		    gather->answers, gather->skb->len);
	gather->skb = NULL;
	gather->answers = 0;
}
