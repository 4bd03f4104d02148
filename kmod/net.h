/* SPDX-License-Identifier: GPL-2.0 */
/* What each network namespace has of the family: a socket, counters, a log limit. */
#ifndef _NLTEST_NET_H
#define _NLTEST_NET_H

#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/ratelimit_types.h>
#include <linux/u64_stats_sync.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "include/uapi/nltest.h"

/* The counters are numbered as their attributes are. */
#define NLTEST_COUNTERS		(NLTEST_A_UNDELIVERED - NLTEST_A_RECEIVED + 1)
#define NLTEST_COUNTER(name)	(NLTEST_A_##name - NLTEST_A_RECEIVED)

/* What is counted separately: plain text, each command, everything else. */
enum nltest_slot {
	NLTEST_SLOT_PLAIN,
	NLTEST_SLOT_CMD,
	NLTEST_SLOT_ECHO = NLTEST_SLOT_CMD + NLTEST_CMD_ECHO - NLTEST_CMD_MIN,
	NLTEST_SLOT_STATS = NLTEST_SLOT_CMD + NLTEST_CMD_STATS - NLTEST_CMD_MIN,
	NLTEST_SLOT_PARTS = NLTEST_SLOT_CMD + NLTEST_CMD_PARTS - NLTEST_CMD_MIN,
	NLTEST_SLOT_OTHER = NLTEST_SLOT_CMD + NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1,
	NLTEST_SLOTS,
};

/**
 * struct nltest_counters - the counters of one processor
 * @syncp: lets 32-bit readers see whole values
 * @value: by slot and counter
 */
struct nltest_counters {
	struct u64_stats_sync	syncp;
	u64_stats_t		value[NLTEST_SLOTS][NLTEST_COUNTERS];
};

/**
 * struct nltest_net - the family in one network namespace
 * @sk: the kernel's socket
 * @counters: what was received and sent; each processor has its own, so that
 *	counting is a few additions to memory that no other processor writes
 * @log_limit: limits the plain text in the log; each namespace has its own, so
 *	that none can silence the others
 */
struct nltest_net {
	struct sock				*sk;
	struct nltest_counters __percpu		*counters;
	struct ratelimit_state			log_limit;
};

/* Finds the struct nltest_net of a namespace. */
extern unsigned int nltest_net_id;

int nltest_net_init(struct nltest_net *nn);
void nltest_net_exit(struct nltest_net *nn);

static inline struct nltest_net *nltest_pernet(const struct net *net)
{
	return net_generic(net, nltest_net_id);
}

/**
 * nltest_slot - where a message is counted
 * @type: its type
 *
 * Return: the slot.
 */
static inline enum nltest_slot nltest_slot(u16 type)
{
	unsigned int command = type - NLTEST_CMD_MIN;

	if (!type)
		return NLTEST_SLOT_PLAIN;
	if (command > NLTEST_CMD_MAX - NLTEST_CMD_MIN)
		return NLTEST_SLOT_OTHER;
	return NLTEST_SLOT_CMD +
	       array_index_nospec(command, NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1);
}

/*
 * Counting: nltest_count_begin(), nltest_add() for each counter,
 * nltest_count_end(). Process context only, and no sleep in between.
 */
static inline struct nltest_counters *nltest_count_begin(struct nltest_net *nn)
{
	struct nltest_counters *counters = get_cpu_ptr(nn->counters);

	u64_stats_update_begin(&counters->syncp);
	return counters;
}

#define nltest_add(counters, slot, name, n)				\
	u64_stats_add(&(counters)->value[slot][NLTEST_COUNTER(name)], n)

static inline void nltest_count_end(struct nltest_net *nn,
				    struct nltest_counters *counters)
{
	u64_stats_update_end(&counters->syncp);
	put_cpu_ptr(nn->counters);
}

/* The three steps for one counter. */
#define nltest_count(nn, slot, name, n)					\
do {									\
	struct nltest_counters *counters_ = nltest_count_begin(nn);	\
									\
	nltest_add(counters_, slot, name, n);				\
	nltest_count_end(nn, counters_);				\
} while (0)

#endif /* _NLTEST_NET_H */
