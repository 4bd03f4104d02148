// SPDX-License-Identifier: GPL-2.0
/*
 * The commands: one table says what each takes and who may ask for it, one
 * function a command carries it out.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "nltest.h"

static int nltest_echo(struct nltest_ctx *ctx)
{
	const struct nlattr *payload = ctx->attrs[NLTEST_A_PAYLOAD];
	int attrlen = payload ? nla_total_size(nla_len(payload)) : 0;
	struct nlmsghdr *nlh;
	struct nlattr *nla;

	/* The attribute takes the place of a fixed part: one reservation less. */
	nlh = nltest_answer(ctx, NLTEST_CMD_ECHO, attrlen, 0);
	if (!nlh)
		return -ENOMEM;

	if (payload) {
		nla = nlmsg_data(nlh);
		nla->nla_type = NLTEST_A_PAYLOAD;
		nla->nla_len = payload->nla_len;
		memcpy(nla_data(nla), nla_data(payload), nla_len(payload));
		if (nla_padlen(nla_len(nla)))
			memset((u8 *)nla + nla->nla_len, 0,
			       nla_padlen(nla_len(nla)));
	}
	nltest_answer_end(ctx, nlh);
	return 0;
}

/*
 * A killed process need not sit its time out, and a datagram full of delays must
 * not keep the machine from being suspended.
 */
static int nltest_sleep(u32 us)
{
	ktime_t end = ktime_add_us(ktime_get(), us);

	do {
		set_current_state(TASK_KILLABLE | TASK_FREEZABLE);
		if (!schedule_hrtimeout(&end, HRTIMER_MODE_ABS))
			return 0;
	} while (!fatal_signal_pending(current));

	return -EINTR;
}

static int nltest_delay(struct nltest_ctx *ctx)
{
	const struct nlattr *payload = ctx->attrs[NLTEST_A_PAYLOAD];
	u32 us = nla_get_u32(ctx->attrs[NLTEST_A_DELAY_US]);
	struct nlmsghdr *nlh;
	int attrlen;

	if (us && nltest_sleep(us)) {
		NL_SET_ERR_MSG(&ctx->extack, "killed while sleeping");
		return -EINTR;
	}

	attrlen = nla_total_size(sizeof(us));
	if (payload)
		attrlen += nla_total_size(nla_len(payload));
	nlh = nltest_answer(ctx, NLTEST_CMD_DELAY, 0, attrlen);
	if (!nlh)
		return -ENOMEM;

	__nla_put(ctx->answer, NLTEST_A_DELAY_US, sizeof(us), &us);
	if (payload)
		__nla_put(ctx->answer, NLTEST_A_PAYLOAD, nla_len(payload),
			  nla_data(payload));
	nlmsg_end(ctx->answer, nlh);
	nltest_answer_end(ctx, nlh);
	return 0;
}

/* A multicast counts as sent, whoever gets it. */
static int nltest_multicast(struct nltest_ctx *ctx, struct sk_buff *skb,
			    u32 group)
{
	struct nltest_counters *counters = nltest_count_begin(ctx->nn);

	nltest_add(counters, ctx->slot, NOTIFIED, 1);
	nltest_add(counters, ctx->slot, TX_BYTES, skb->len);
	nltest_count_end(ctx->nn, counters);
	return test_nl_send_user(ctx->sk, skb, group);
}

static int nltest_notify(struct nltest_ctx *ctx)
{
	static const char text[] = NLTEST_MULTICAST_TEXT;
	const struct nlattr *payload = ctx->attrs[NLTEST_A_PAYLOAD];
	int len = payload ? nla_len(payload) : sizeof(text) - 1;
	struct nlmsghdr *nlh;
	struct sk_buff *skb;
	int err;

	skb = nlmsg_new(nla_total_size(len), GFP_KERNEL);
	if (!skb) {
		NL_SET_ERR_MSG(&ctx->extack, "no memory for the notification");
		return -ENOMEM;
	}
	nlh = nlmsg_put(skb, 0, 0, NLTEST_CMD_NOTIFY, 0, 0);
	__nla_put(skb, NLTEST_A_PAYLOAD, len,
		  payload ? nla_data(payload) : text);
	nlmsg_end(skb, nlh);

	err = nltest_multicast(ctx, skb, NETLINK_MYGROUP);
	/* That nobody listens is not the asker's fault. */
	if (err == -ESRCH)
		err = 0;
	if (err)
		NL_SET_ERR_MSG(&ctx->extack, "a listener lost the notification");
	return err;
}

/* The @number-th message of a burst. */
static struct sk_buff *nltest_burst_message(const struct nltest_ctx *ctx,
					    bool group, u32 size, u32 number)
{
	struct nlmsghdr *nlh;
	struct nlattr *nla;
	struct sk_buff *skb;

	skb = nlmsg_new(nla_total_size(size) + nla_total_size(sizeof(number)),
			GFP_KERNEL);
	if (!skb)
		return NULL;

	nlh = nlmsg_put(skb, group ? 0 : ctx->portid,
			group ? 0 : ctx->nlh->nlmsg_seq, NLTEST_CMD_BURST, 0, 0);
	nla = __nla_reserve(skb, NLTEST_A_PAYLOAD, size);
	memset(nla_data(nla), 0, size);
	__nla_put(skb, NLTEST_A_COUNT, sizeof(number), &number);
	nlmsg_end(skb, nlh);
	return skb;
}

static int nltest_burst_answer(struct nltest_ctx *ctx, u64 delivered,
			       u64 undelivered)
{
	struct nlmsghdr *nlh;

	nlh = nltest_answer(ctx, NLTEST_CMD_BURST, 0,
			    2 * nla_total_size_64bit(sizeof(u64)));
	if (!nlh)
		return -ENOMEM;

	nla_put_u64_64bit(ctx->answer, NLTEST_A_DELIVERED, delivered,
			  NLTEST_A_PAD);
	nla_put_u64_64bit(ctx->answer, NLTEST_A_UNDELIVERED, undelivered,
			  NLTEST_A_PAD);
	nlmsg_end(ctx->answer, nlh);
	nltest_answer_end(ctx, nlh);
	return 0;
}

static int nltest_burst(struct nltest_ctx *ctx)
{
	u32 count = nla_get_u32(ctx->attrs[NLTEST_A_COUNT]);
	u32 size = ctx->attrs[NLTEST_A_SIZE] ?
		   nla_get_u32(ctx->attrs[NLTEST_A_SIZE]) : 0;
	u32 group = ctx->attrs[NLTEST_A_GROUP] ?
		    nla_get_u32(ctx->attrs[NLTEST_A_GROUP]) : 0;
	u64 delivered = 0, undelivered = 0;
	struct nltest_counters *counters;
	struct sk_buff *skb;
	unsigned int len;
	u32 number;
	int err;

	for (number = 1; number <= count; number++) {
		skb = nltest_burst_message(ctx, group, size, number);
		if (!skb) {
			NL_SET_ERR_MSG(&ctx->extack, "no memory for the whole burst");
			return -ENOMEM;
		}

		len = skb->len;
		if (group)
			err = nltest_multicast(ctx, skb, group);
		else
			err = nlmsg_unicast(ctx->sk, skb, ctx->portid);

		counters = nltest_count_begin(ctx->nn);
		if (err) {
			undelivered++;
			nltest_add(counters, ctx->slot, UNDELIVERED, 1);
		} else {
			delivered++;
			nltest_add(counters, ctx->slot, DELIVERED, 1);
			nltest_add(counters, ctx->slot, TX_BYTES, group ? 0 : len);
		}
		nltest_count_end(ctx->nn, counters);

		cond_resched();
		if (fatal_signal_pending(current)) {
			NL_SET_ERR_MSG(&ctx->extack, "killed before the burst was over");
			return -EINTR;
		}
	}

	return nltest_burst_answer(ctx, delivered, undelivered);
}

static int nltest_fail(struct nltest_ctx *ctx)
{
	const struct nlattr *text = ctx->attrs[NLTEST_A_TEXT];

	if (!text) {
		NL_SET_ERR_MSG(&ctx->extack, "refused as asked");
	} else {
		/* The request's own need not end in a NUL. */
		ctx->text = nla_strdup(text, GFP_KERNEL);
		if (!ctx->text) {
			NL_SET_ERR_MSG(&ctx->extack, "no memory for the text");
			return -ENOMEM;
		}
		do_trace_netlink_extack(ctx->text);
		ctx->extack._msg = ctx->text;
	}

	NL_SET_BAD_ATTR(&ctx->extack, ctx->attrs[NLTEST_A_ERRNO]);
	return -(int)nla_get_u32(ctx->attrs[NLTEST_A_ERRNO]);
}

nltest_range nltest_delay_range = { .max = NLTEST_DELAY_MAX_US };
nltest_range nltest_count_range = { .min = 1, .max = NLTEST_BURST_MAX };
nltest_range nltest_size_range = { .max = NLTEST_PAYLOAD_MAX };

static const struct nla_policy nltest_echo_policy[] = {
	[NLTEST_A_PAYLOAD]	= { .type = NLA_BINARY, .len = NLTEST_PAYLOAD_MAX },
};

static const struct nla_policy nltest_delay_policy[] = {
	[NLTEST_A_PAYLOAD]	= { .type = NLA_BINARY, .len = NLTEST_PAYLOAD_MAX },
	[NLTEST_A_DELAY_US]	= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_delay_range),
};

static const struct nla_policy nltest_burst_policy[] = {
	[NLTEST_A_COUNT]	= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_count_range),
	[NLTEST_A_SIZE]		= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_size_range),
	[NLTEST_A_GROUP]	= NLA_POLICY_RANGE(NLA_U32, NETLINK_MYGROUP, NETLINK_MYGROUP),
};

static const struct nla_policy nltest_fail_policy[] = {
	[NLTEST_A_ERRNO]	= NLA_POLICY_RANGE(NLA_U32, 1, MAX_ERRNO),
	[NLTEST_A_TEXT]		= { .type = NLA_STRING, .len = NLTEST_TEXT_MAX },
};

static const struct nla_policy nltest_stats_policy[] = {
	[NLTEST_A_SIZE]		= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_size_range),
};

/**
 * struct nltest_op - a command
 * @doit: carries it out; 0, %NLTEST_NO_ACK, or a negative errno
 * @policy: the attributes that it takes
 * @maxattr: the highest of them
 * @required: the attribute that it cannot do without, or 0
 * @admin: needs CAP_NET_ADMIN in the user namespace that owns the network
 *	namespace, both now and when the socket was opened
 * @dump: to be asked with %NLM_F_DUMP, all others without
 */
struct nltest_op {
	int				(*doit)(struct nltest_ctx *ctx);
	const struct nla_policy		*policy;
	u8				maxattr;
	u8				required;
	bool				admin;
	bool				dump;
};

#define NLTEST_POLICY(name)	.policy = name, .maxattr = ARRAY_SIZE(name) - 1

static const struct nltest_op nltest_ops[] = {
	[NLTEST_CMD_ECHO - NLTEST_CMD_MIN] = {
		.doit		= nltest_echo,
		NLTEST_POLICY(nltest_echo_policy),
	},
	[NLTEST_CMD_DELAY - NLTEST_CMD_MIN] = {
		.doit		= nltest_delay,
		NLTEST_POLICY(nltest_delay_policy),
		.required	= NLTEST_A_DELAY_US,
	},
	[NLTEST_CMD_NOTIFY - NLTEST_CMD_MIN] = {
		.doit		= nltest_notify,
		NLTEST_POLICY(nltest_echo_policy),
		.admin		= true,
	},
	[NLTEST_CMD_BURST - NLTEST_CMD_MIN] = {
		.doit		= nltest_burst,
		NLTEST_POLICY(nltest_burst_policy),
		.required	= NLTEST_A_COUNT,
		.admin		= true,
	},
	[NLTEST_CMD_FAIL - NLTEST_CMD_MIN] = {
		.doit		= nltest_fail,
		NLTEST_POLICY(nltest_fail_policy),
		.required	= NLTEST_A_ERRNO,
	},
	[NLTEST_CMD_STATS - NLTEST_CMD_MIN] = {
		.doit		= nltest_stats,
		NLTEST_POLICY(nltest_stats_policy),
		.dump		= true,
	},
};

static_assert(ARRAY_SIZE(nltest_ops) == NLTEST_SLOT_OTHER - NLTEST_SLOT_CMD);

/**
 * nltest_command - check a request and carry it out
 * @ctx: the datagram that is handled, with a request as its current message
 *
 * Return: 0, %NLTEST_NO_ACK, or a negative errno with an extended ACK.
 */
int nltest_command(struct nltest_ctx *ctx)
{
	struct netlink_ext_ack *extack = &ctx->extack;
	const struct nltest_op *op;
	bool dump;
	int err;

	if (ctx->slot == NLTEST_SLOT_OTHER) {
		NL_SET_ERR_MSG(extack, "no such command");
		return -EOPNOTSUPP;
	}
	op = &nltest_ops[ctx->slot - NLTEST_SLOT_CMD];

	if (op->admin && !netlink_net_capable(ctx->skb, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack,
			       "CAP_NET_ADMIN is needed, now and when the socket was opened");
		return -EPERM;
	}

	dump = (ctx->nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	if (dump != op->dump) {
		if (dump)
			NL_SET_ERR_MSG(extack, "this command has nothing to dump");
		else
			NL_SET_ERR_MSG(extack, "this command needs NLM_F_DUMP");
		return -EOPNOTSUPP;
	}

	err = nlmsg_parse(ctx->nlh, 0, ctx->attrs, op->maxattr, op->policy, extack);
	if (err)
		return err;
	if (op->required &&
	    NL_REQ_ATTR_CHECK(extack, NULL, ctx->attrs, op->required)) {
		NL_SET_ERR_MSG(extack, "an attribute is missing");
		return -EINVAL;
	}

	return op->doit(ctx);
}
