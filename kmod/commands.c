// SPDX-License-Identifier: GPL-2.0
/*
 * The commands: a function for each, and a table of what they take and who may
 * use them.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "nltest.h"

/* The payload takes the place of a fixed part: one reservation less. */
static void nltest_echo_payload(struct nlmsghdr *nlh,
				const struct nlattr *payload)
{
	struct nlattr *nla = nlmsg_data(nlh);

	nla->nla_type = NLTEST_A_PAYLOAD;
	nla->nla_len = payload->nla_len;
	memcpy(nla_data(nla), nla_data(payload), nla_len(payload));
	if (nla_padlen(nla_len(nla)))
		memset((u8 *)nla + nla->nla_len, 0, nla_padlen(nla_len(nla)));
}

static int nltest_echo(struct nltest_ctx *ctx)
{
	const struct nlattr *payload = ctx->attrs[NLTEST_A_PAYLOAD];
	int len = payload ? nla_total_size(nla_len(payload)) : 0;
	struct sk_buff *skb = NULL;
	struct nlmsghdr *nlh;

	if (nltest_gathers(ctx->nlh)) {
		nlh = nltest_gather_answer(ctx, len);
		if (!nlh)
			return -ENOMEM;
	} else {
		skb = nltest_answer(ctx, NLTEST_CMD_ECHO, len, 0);
		if (!skb)
			return -ENOMEM;
		nlh = nlmsg_hdr(skb);
	}

	if (payload)
		nltest_echo_payload(nlh, payload);
	if (skb)
		nltest_answer_send(ctx, skb);
	return 0;
}

/*
 * A fatal signal ends the sleep. It is freezable, so that a datagram full of
 * delays does not keep the machine from suspending.
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
	struct sk_buff *skb;
	int attrlen;

	if (us && nltest_sleep(us)) {
		NL_SET_ERR_MSG(&ctx->extack, "killed while sleeping");
		return -EINTR;
	}

	attrlen = nla_total_size(sizeof(us));
	if (payload)
		attrlen += nla_total_size(nla_len(payload));
	skb = nltest_answer(ctx, NLTEST_CMD_DELAY, 0, attrlen);
	if (!skb)
		return -ENOMEM;

	__nla_put(skb, NLTEST_A_DELAY_US, sizeof(us), &us);
	if (payload)
		__nla_put(skb, NLTEST_A_PAYLOAD, nla_len(payload),
			  nla_data(payload));
	nlmsg_end(skb, nlmsg_hdr(skb));
	nltest_answer_send(ctx, skb);
	return 0;
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
		NL_SET_ERR_MSG(&ctx->extack, "not enough memory for the notification");
		return -ENOMEM;
	}
	nlh = nlmsg_put(skb, 0, 0, NLTEST_CMD_NOTIFY, 0, 0);
	__nla_put(skb, NLTEST_A_PAYLOAD, len,
		  payload ? nla_data(payload) : text);
	nlmsg_end(skb, nlh);

	err = nltest_multicast(ctx, skb, NETLINK_MYGROUP);
	/* It is no error that nobody listens. */
	if (err == -ESRCH)
		err = 0;
	if (err)
		NL_SET_ERR_MSG(&ctx->extack, "a listener missed the notification");
	return err;
}

static int nltest_fail(struct nltest_ctx *ctx)
{
	const struct nlattr *text = ctx->attrs[NLTEST_A_TEXT];

	if (!text) {
		NL_SET_ERR_MSG(&ctx->extack, "refused as asked");
	} else {
		/* The text in the request need not end in a NUL. */
		ctx->text = nla_strdup(text, GFP_KERNEL);
		if (!ctx->text) {
			NL_SET_ERR_MSG(&ctx->extack, "not enough memory for the text");
			return -ENOMEM;
		}
		do_trace_netlink_extack(ctx->text);
		ctx->extack._msg = ctx->text;
	}

	NL_SET_BAD_ATTR(&ctx->extack, ctx->attrs[NLTEST_A_ERRNO]);
	return -(int)nla_get_u32(ctx->attrs[NLTEST_A_ERRNO]);
}

/* Tells the listeners an error, and drops nothing. */
static int nltest_set_err(struct nltest_ctx *ctx)
{
	u32 errno = nla_get_u32(ctx->attrs[NLTEST_A_ERRNO]);

	netlink_set_err(ctx->sk, 0, NETLINK_MYGROUP, -(int)errno);
	return 0;
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
	/* 0 is the kernel's own socket, which would handle what it sends. */
	[NLTEST_A_PORTID]	= NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy nltest_fail_policy[] = {
	[NLTEST_A_ERRNO]	= NLA_POLICY_RANGE(NLA_U32, 1, MAX_ERRNO),
	[NLTEST_A_TEXT]		= { .type = NLA_STRING, .len = NLTEST_TEXT_MAX },
};

static const struct nla_policy nltest_stats_policy[] = {
	[NLTEST_A_SIZE]		= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_size_range),
};

static const struct nla_policy nltest_parts_policy[] = {
	[NLTEST_A_COUNT]	= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_count_range),
	[NLTEST_A_SIZE]		= NLA_POLICY_FULL_RANGE(NLA_U32, &nltest_size_range),
	[NLTEST_A_ERRNO]	= NLA_POLICY_RANGE(NLA_U32, 1, MAX_ERRNO),
	[NLTEST_A_STALL]	= { .type = NLA_FLAG },
};

static const struct nla_policy nltest_set_err_policy[] = {
	[NLTEST_A_ERRNO]	= NLA_POLICY_RANGE(NLA_U32, 1, MAX_ERRNO),
};

/**
 * struct nltest_op - a command
 * @doit: carries it out; returns 0, %NLTEST_NO_ACK, or a negative errno
 * @policy: the attributes that it takes
 * @maxattr: the highest of them
 * @required: the attribute that a request must have, or 0
 * @admin: needs CAP_NET_ADMIN in the user namespace that owns the network
 *	namespace, both now and when the socket was opened
 * @dump: needs %NLM_F_DUMP, which all others refuse
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
	[NLTEST_CMD_PARTS - NLTEST_CMD_MIN] = {
		.doit		= nltest_parts,
		NLTEST_POLICY(nltest_parts_policy),
		.required	= NLTEST_A_COUNT,
		.dump		= true,
	},
	[NLTEST_CMD_SET_ERR - NLTEST_CMD_MIN] = {
		.doit		= nltest_set_err,
		NLTEST_POLICY(nltest_set_err_policy),
		.required	= NLTEST_A_ERRNO,
		.admin		= true,
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
			       "the sender and the opener of the socket need CAP_NET_ADMIN");
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
