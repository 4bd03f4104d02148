// SPDX-License-Identifier: GPL-2.0
/* The receive function: walks a datagram and gives every message its due. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include <net/sock.h>

#include "nltest.h"
#include "nltest_trace.h"

/* Longest text in the log: escaped it still fits a record of the log. */
#define NLTEST_LOG_TEXT_MAX	240

/* Most messages logged in NLTEST_LOG_INTERVAL. */
#define NLTEST_LOG_BURST	40
#define NLTEST_LOG_INTERVAL	(5 * HZ)

static bool log_text = true;
module_param(log_text, bool, 0644);
MODULE_PARM_DESC(log_text, "Log the text of plain-text messages (default Y)");

static void nltest_log(const struct nlmsghdr *nlh)
{
	static DEFINE_RATELIMIT_STATE(limit, NLTEST_LOG_INTERVAL,
				      NLTEST_LOG_BURST);
	const char *text = nlmsg_data(nlh);
	size_t len = strnlen(text, nlmsg_len(nlh));
	size_t shown = min_t(size_t, len, NLTEST_LOG_TEXT_MAX);

	/* Both lines or none. */
	if (!__ratelimit(&limit))
		return;

	pr_info("Entering: test_nl_receive_message\n");
	pr_info("Received message: %*pE%s\n", (int)shown, text,
		shown < len ? "..." : "");
}

static int nltest_plain(struct nltest_ctx *ctx)
{
	static const char text[] = NLTEST_UNICAST_TEXT;
	struct nlmsghdr *nlh;

	if (READ_ONCE(log_text))
		nltest_log(ctx->nlh);

	nlh = nltest_answer(ctx, NLMSG_DONE, sizeof(text), 0);
	if (!nlh)
		return -ENOMEM;

	memcpy(nlmsg_data(nlh), text, sizeof(text));
	nltest_answer_end(ctx, nlh);
	return 0;
}

/*
 * netlink_rcv_skb() calls back for requests of a type from NLMSG_MIN_TYPE
 * only, and a plain-text message is neither. Apart from that, and from the
 * counting, this does what netlink_rcv_skb() does.
 */
static int nltest_message(struct nltest_ctx *ctx)
{
	struct nlmsghdr *nlh = ctx->nlh;
	int err = 0;

	ctx->gathers = nlh->nlmsg_type == NLTEST_CMD_ECHO &&
		       nlh->nlmsg_flags & NLTEST_F_GATHER;

	/*
	 * Answers leave in the order of the requests; only ECHO's ever wait, and
	 * are counted in the slot of the message before this one.
	 */
	if (!ctx->gathers && nltest_pending(ctx))
		nltest_flush(ctx);

	ctx->slot = nltest_slot(nlh->nlmsg_type);
	if (nlh->nlmsg_type == NLTEST_CMD_ECHO) {
		/* So frequent that it is counted together with its answer. */
		ctx->received++;
		ctx->rx_bytes += nlh->nlmsg_len;
	} else {
		struct nltest_counters *counters = nltest_count_begin(ctx->nn);

		nltest_add(counters, ctx->slot, RECEIVED, 1);
		nltest_add(counters, ctx->slot, RX_BYTES, nlh->nlmsg_len);
		nltest_count_end(ctx->nn, counters);
	}

	if (!nlh->nlmsg_type)
		err = nltest_plain(ctx);
	else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE &&
		 nlh->nlmsg_flags & NLM_F_REQUEST)
		err = nltest_command(ctx);

	if (likely(err >= 0 && !(nlh->nlmsg_flags & NLM_F_ACK)))
		return 0;

	if (err < 0)
		nltest_count(ctx->nn, ctx->slot, REFUSED, 1);
	if (nltest_pending(ctx))
		nltest_flush(ctx);
	if (err != NLTEST_NO_ACK)
		netlink_ack(ctx->skb, nlh, err, &ctx->extack);

	/* Whatever wrote there has failed. */
	memset(&ctx->extack, 0, sizeof(ctx->extack));
	kfree(ctx->text);
	ctx->text = NULL;

	return min(err, 0);
}

/**
 * test_nl_receive_message - handle what a process sent to the kernel
 * @skb: the datagram, linear; the caller frees it
 *
 * Runs in the sender's sendmsg(), without a lock: a handler that sleeps holds
 * up its sender and nobody else. Tracers find this function by its name.
 */
noinline __noclone void test_nl_receive_message(struct sk_buff *skb)
{
	/* @skb->sk, because nn->sk may not be set yet while the module loads. */
	struct nltest_ctx ctx = {
		.skb	= skb,
		.sk	= skb->sk,
		.nn	= nltest_pernet(sock_net(skb->sk)),
		.portid	= NETLINK_CB(skb).portid,
		.nlh	= nlmsg_hdr(skb),
		.rest	= skb->len,
	};
	u64 start = trace_nltest_receive_exit_enabled() ? ktime_get_ns() : 0;
	unsigned int messages = 0;
	int ret = 0;

	trace_nltest_receive_entry(skb);

	while (nlmsg_ok(ctx.nlh, ctx.rest)) {
		ret = nltest_message(&ctx);
		messages++;
		ctx.nlh = nlmsg_next(ctx.nlh, &ctx.rest);
	}

	if (nltest_pending(&ctx))
		nltest_flush(&ctx);

	/* Nothing that could be answered: the header itself cannot be trusted. */
	if (unlikely(ctx.rest > 0)) {
		nltest_count(ctx.nn, NLTEST_SLOT_OTHER, MALFORMED, 1);
		ret = -EBADMSG;
	}

	trace_nltest_receive_exit(skb, messages, ret, start);
}
