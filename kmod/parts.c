// SPDX-License-Identifier: GPL-2.0
/* PARTS: a dump of as many parts as asked for, which ends as asked for. */
#include <linux/slab.h>
#include <net/sock.h>

#include "nltest.h"

/**
 * struct nltest_parts - a dump in progress; it lives in the socket's callback
 * @count: parts in all, each a datagram of one message
 * @made: parts so far
 * @size: bytes of payload in each
 * @error: what NLMSG_DONE says: 0, or a negative errno
 * @stall: no part follows the last one, and no NLMSG_DONE
 */
struct nltest_parts {
	u32	count;
	u32	made;
	u32	size;
	int	error;
	bool	stall;
};

static struct nltest_parts *nltest_parts_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct nltest_parts) > sizeof(cb->ctx));
	return (struct nltest_parts *)cb->ctx;
}

static int nltest_part_size(u32 size)
{
	return nla_total_size(size) + nla_total_size(sizeof(u32));
}

/* Runs before the first part, while nltest_parts() waits. */
static int nltest_parts_start(struct netlink_callback *cb)
{
	*nltest_parts_of(cb) = *(const struct nltest_parts *)cb->data;
	cb->data = NULL;
	return 0;
}

/* Makes a part; runs in the sendmsg() or recvmsg() of the sender. */
static int nltest_parts_make(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nltest_net *nn = nltest_pernet(sock_net(skb->sk));
	struct nltest_parts *parts = nltest_parts_of(cb);
	struct nltest_counters *counters;
	struct nlmsghdr *nlh;
	struct nlattr *nla;

	if (parts->made == parts->count) {
		if (parts->error)
			NL_SET_ERR_MSG(cb->extack, "the dump fails, as asked");
		return parts->error;
	}

	nlh = nlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			NLTEST_CMD_PARTS, 0, NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	nla = nla_reserve(skb, NLTEST_A_PAYLOAD, parts->size);
	if (!nla || nla_put_u32(skb, NLTEST_A_COUNT, parts->made + 1)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	memset(nla_data(nla), 0, parts->size);
	nlmsg_end(skb, nlh);
	parts->made++;

	/*
	 * What netlink allocates for the next part is then more than there can
	 * be: recvmsg() fails with ENOBUFS, and this function is not called
	 * again.
	 */
	if (parts->stall && parts->made == parts->count)
		cb->min_dump_alloc = KMALLOC_MAX_SIZE + 1;

	counters = nltest_count_begin(nn);
	nltest_add(counters, NLTEST_SLOT_PARTS, REPLIED, 1);
	nltest_add(counters, NLTEST_SLOT_PARTS, TX_BYTES, nlh->nlmsg_len);
	nltest_count_end(nn, counters);
	return skb->len;
}

/**
 * nltest_parts - carry out PARTS
 * @ctx: the datagram that is handled
 *
 * Return: %NLTEST_NO_ACK, or a negative errno with an extended ACK.
 */
int nltest_parts(struct nltest_ctx *ctx)
{
	const struct nlattr *errno = ctx->attrs[NLTEST_A_ERRNO];
	const struct nlattr *stall = ctx->attrs[NLTEST_A_STALL];
	const struct nlattr *size = ctx->attrs[NLTEST_A_SIZE];
	struct nltest_parts parts = {
		.count	= nla_get_u32(ctx->attrs[NLTEST_A_COUNT]),
		.size	= size ? nla_get_u32(size) : 0,
		.error	= errno ? -(int)nla_get_u32(errno) : 0,
		.stall	= stall,
	};
	struct netlink_dump_control control = {
		.start		= nltest_parts_start,
		.dump		= nltest_parts_make,
		.data		= &parts,
		.min_dump_alloc	= nlmsg_total_size(nltest_part_size(parts.size)),
	};

	if (errno && stall) {
		NL_SET_ERR_MSG_ATTR(&ctx->extack, stall,
				    "a dump that stalls has no end, and so no errno");
		return -EINVAL;
	}

	return nltest_start_dump(ctx, &control);
}
