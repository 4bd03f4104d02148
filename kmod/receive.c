// SPDX-License-Identifier: GPL-2.0
/* The receive function: handles the messages of a datagram one by one. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/moduleparam.h>
#include <net/sock.h>

#include "nltest.h"
#include "nltest_trace.h"

/* Longest text in the log, in bytes: it fits one record even when escaped. */
#define NLTEST_LOG_TEXT_MAX	240

static bool log_text = true;
module_param(log_text, bool, 0644);
MODULE_PARM_DESC(log_text, "Log the text of plain-text messages (default Y)");

static void nltest_log(struct nltest_net *nn, const struct nlmsghdr *nlh)
{
	const char *text = nlmsg_data(nlh);
	size_t len = strnlen(text, nlmsg_len(nlh));
	size_t shown = min_t(size_t, len, NLTEST_LOG_TEXT_MAX);

	/* Both lines or none. */
	if (!__ratelimit(&nn->log_limit))
		return;

	pr_info("Entering: test_nl_receive_message\n");
	pr_info("Received message: %*pE%s\n", (int)shown, text,
		shown < len ? "..." : "");
}

static int nltest_plain(struct nltest_ctx *ctx)
{
	static const char text[] = NLTEST_UNICAST_TEXT;
	struct sk_buff *skb;

	if (READ_ONCE(log_text))
		nltest_log(ctx->nn, ctx->nlh);

	skb = nltest_answer(ctx, NLMSG_DONE, sizeof(text), 0);
	if (!skb)
		return -ENOMEM;

	memcpy(nlmsg_data(nlmsg_hdr(skb)), text, sizeof(text));
	nltest_answer_send(ctx, skb);
	return 0;
}

/*
 * Not netlink_rcv_skb(): it calls back for messages with NLM_F_REQUEST and a
 * type of NLMSG_MIN_TYPE or above, and plain text has neither. Apart from that
 * and from the counting, this is what it does for each message.
 */
static int nltest_message(struct nltest_ctx *ctx)
{
	struct nlmsghdr *nlh = ctx->nlh;
	const u16 type = nlh->nlmsg_type;
	const enum nltest_slot slot = nltest_slot(type);
	struct nltest_counters *counters;
	int err = 0;

	ctx->slot = slot;
	counters = nltest_count_begin(ctx->nn);
	nltest_add(counters, slot, RECEIVED, 1);
	nltest_add(counters, slot, RX_BYTES, nlh->nlmsg_len);
	nltest_count_end(ctx->nn, counters);

	/* Answers leave in the order of their requests. */
	if (ctx->gather.skb && !nltest_gathers(nlh))
		nltest_gather_send(ctx);

	if (!type)
		err = nltest_plain(ctx);
	else if (type >= NLMSG_MIN_TYPE && nlh->nlmsg_flags & NLM_F_REQUEST)
		err = nltest_command(ctx);

	if (likely(err >= 0 && !(nlh->nlmsg_flags & NLM_F_ACK)))
		return 0;

	if (err < 0)
		nltest_count(ctx->nn, ctx->slot, REFUSED, 1);
	if (ctx->gather.skb)
		nltest_gather_send(ctx);
	if (err != NLTEST_NO_ACK)
		netlink_ack(ctx->skb, nlh, err, &ctx->extack);

	/* Only a handler that failed has set these. */
	memset(&ctx->extack, 0, sizeof(ctx->extack));
	kfree(ctx->text);
	ctx->text = NULL;

	return min(err, 0);
}

/**
 * test_nl_receive_message - handle what a process sent to the kernel
 * @skb: the datagram, linear; the caller frees it
 *
 * Runs in the sender's sendmsg(), without a lock: a handler that sleeps delays
 * its sender and nobody else. Tracers probe this function by its name.
 */
noinline __noclone void test_nl_receive_message(struct sk_buff *skb)
{
	u64 start = trace_nltest_receive_exit_enabled() ? ktime_get_ns() : 0;
	struct nltest_ctx ctx __uninitialized;
	unsigned int messages = 0;
	int ret = 0;

	/* nlmsg_parse() clears the attributes, as many as a command takes. */
	memset(&ctx, 0, offsetof(struct nltest_ctx, attrs));
	ctx.skb = skb;
	/* Not nn->sk, which may not be set yet while the module loads. */
	ctx.sk = skb->sk;
	ctx.nn = nltest_pernet(sock_net(skb->sk));
	ctx.portid = NETLINK_CB(skb).portid;
	ctx.nlh = nlmsg_hdr(skb);
	ctx.rest = skb->len;

	trace_nltest_receive_entry(skb);

	while (nlmsg_ok(ctx.nlh, ctx.rest)) {
		ret = nltest_message(&ctx);
		messages++;
		ctx.nlh = nlmsg_next(ctx.nlh, &ctx.rest);
	}

	if (ctx.gather.skb)
		nltest_gather_send(&ctx);

	/* Not answered, because the header cannot be trusted. */
	if (unlikely(ctx.rest > 0)) {
		nltest_count(ctx.nn, NLTEST_SLOT_OTHER, MALFORMED, 1);
		ret = -EBADMSG;
	}

	trace_nltest_receive_exit(skb, messages, ret, start);
}
