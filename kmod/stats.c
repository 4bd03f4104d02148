// SPDX-License-Identifier: GPL-2.0
/* STATS: the counters of a network namespace, as a dump. */
#include <net/sock.h>

#include "nltest.h"

/* All counters of a namespace at one time. */
struct nltest_sums {
	u64	value[NLTEST_SLOTS][NLTEST_COUNTERS];
};

static void nltest_stats_sum(const struct nltest_net *nn,
			     struct nltest_sums *sums)
{
	int cpu, slot, i;

	memset(sums, 0, sizeof(*sums));
	for_each_possible_cpu(cpu) {
		const struct nltest_counters *counters =
			per_cpu_ptr(nn->counters, cpu);

		for (slot = 0; slot < NLTEST_SLOTS; slot++) {
			u64 value[NLTEST_COUNTERS];
			unsigned int start;

			do {
				start = u64_stats_fetch_begin(&counters->syncp);
				for (i = 0; i < NLTEST_COUNTERS; i++)
					value[i] = u64_stats_read(&counters->value[slot][i]);
			} while (u64_stats_fetch_retry(&counters->syncp, start));

			for (i = 0; i < NLTEST_COUNTERS; i++)
				sums->value[slot][i] += value[i];
		}
	}
}

/*
 * Changes whenever a counter does: nl_dump_check_consistent() compares it, and
 * flags the rest of a dump as inconsistent. What a dump counts of itself is left
 * out.
 */
static unsigned int nltest_stats_generation(const struct nltest_sums *sums)
{
	const enum nltest_slot stats = NLTEST_SLOT_STATS;
	unsigned int generation = 1;
	int slot, counter;

	for (slot = 0; slot < NLTEST_SLOTS; slot++)
		for (counter = 0; counter < NLTEST_COUNTERS; counter++)
			generation += sums->value[slot][counter];
	generation -= sums->value[stats][NLTEST_COUNTER(REPLIED)];
	generation -= sums->value[stats][NLTEST_COUNTER(TX_BYTES)];

	/* To nl_dump_check_consistent(), 0 is no generation. */
	return generation ?: 1;
}

/* Messages of a dump: the namespace, plain text, each command. */
#define NLTEST_STATS_MESSAGES	(1 + NLTEST_SLOT_OTHER)

static int nltest_stats_size(u32 size)
{
	return NLTEST_COUNTERS * nla_total_size_64bit(sizeof(u64)) +
	       nla_total_size(sizeof(u32)) + nla_total_size(size);
}

static int nltest_stats_put(struct sk_buff *skb, struct netlink_callback *cb,
			    int index, u32 size, const struct nltest_sums *sums)
{
	struct nlmsghdr *nlh;
	struct nlattr *nla;
	int counter, slot;

	nlh = nlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			NLTEST_CMD_STATS, 0, NLM_F_MULTI);
	if (!nlh)
		return -EMSGSIZE;
	nl_dump_check_consistent(cb, nlh);

	if (index) {
		slot = index - 1;
		if (nla_put_u32(skb, NLTEST_A_COMMAND,
				slot == NLTEST_SLOT_PLAIN ? 0 :
				slot - NLTEST_SLOT_CMD + NLTEST_CMD_MIN))
			goto err_cancel;
	}

	for (counter = 0; counter < NLTEST_COUNTERS; counter++) {
		u64 value = 0;

		if (index)
			value = sums->value[index - 1][counter];
		else
			for (slot = 0; slot < NLTEST_SLOTS; slot++)
				value += sums->value[slot][counter];
		if (nla_put_u64_64bit(skb, NLTEST_A_RECEIVED + counter, value,
				      NLTEST_A_PAD))
			goto err_cancel;
	}

	if (size) {
		nla = nla_reserve(skb, NLTEST_A_PAYLOAD, size);
		if (!nla)
			goto err_cancel;
		memset(nla_data(nla), 0, size);
	}

	nlmsg_end(skb, nlh);
	return nlh->nlmsg_len;

err_cancel:
	nlmsg_cancel(skb, nlh);
	return -EMSGSIZE;
}

/* Continues at message cb->args[0]; runs in the sendmsg() or recvmsg() of the sender. */
static int nltest_stats_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct nltest_net *nn = nltest_pernet(sock_net(skb->sk));
	struct nltest_counters *counters;
	u32 size = (uintptr_t)cb->data;
	struct nltest_sums sums;
	int ret;

	for (;;) {
		nltest_stats_sum(nn, &sums);
		cb->seq = nltest_stats_generation(&sums);
		if (cb->args[0] == NLTEST_STATS_MESSAGES)
			return 0;

		ret = nltest_stats_put(skb, cb, cb->args[0], size, &sums);
		if (ret < 0)
			return skb->len ?: ret;

		cb->args[0]++;
		counters = nltest_count_begin(nn);
		nltest_add(counters, NLTEST_SLOT_STATS, REPLIED, 1);
		nltest_add(counters, NLTEST_SLOT_STATS, TX_BYTES, ret);
		nltest_count_end(nn, counters);
	}
}

/**
 * nltest_stats - carry out STATS
 * @ctx: the datagram that is handled
 *
 * Return: %NLTEST_NO_ACK, or a negative errno with an extended ACK.
 */
int nltest_stats(struct nltest_ctx *ctx)
{
	const struct nlattr *attr = ctx->attrs[NLTEST_A_SIZE];
	u32 size = attr ? nla_get_u32(attr) : 0;
	struct netlink_dump_control control = {
		.dump		= nltest_stats_dump,
		.data		= (void *)(uintptr_t)size,
		.min_dump_alloc	= nlmsg_total_size(nltest_stats_size(size)),
	};

	return nltest_start_dump(ctx, &control);
}
