// SPDX-License-Identifier: GPL-2.0
/* The counters: kept by processor, so that counting is a few additions to memory nobody else writes. */
#include <linux/nospec.h>
#include <linux/percpu.h>

#include "nltest.h"

int nltest_stats_init(struct nltest_net *nn)
{
	int cpu;

	nn->counters = alloc_percpu_gfp(struct nltest_counters,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!nn->counters)
		return -ENOMEM;

	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(nn->counters, cpu)->syncp);
	return 0;
}

void nltest_stats_exit(struct nltest_net *nn)
{
	free_percpu(nn->counters);
}

/**
 * nltest_slot - what a message is counted as
 * @type: its type
 *
 * Return: the slot.
 */
enum nltest_slot nltest_slot(u16 type)
{
	unsigned int command = type - NLTEST_CMD_MIN;

	if (!type)
		return NLTEST_SLOT_PLAIN;
	if (command > NLTEST_CMD_MAX - NLTEST_CMD_MIN)
		return NLTEST_SLOT_OTHER;
	return NLTEST_SLOT_CMD +
	       array_index_nospec(command, NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1);
}

/**
 * nltest_count - add to two counters of a slot at once
 * @nn: the namespace
 * @slot: the slot
 * @counter: one counter
 * @n: what to add to it
 * @counter2: the other
 * @n2: what to add to that
 *
 * Must run in process context, as all of the module does.
 */
void nltest_count(struct nltest_net *nn, enum nltest_slot slot,
		  unsigned int counter, unsigned int n,
		  unsigned int counter2, unsigned int n2)
{
	struct nltest_counters *counters = get_cpu_ptr(nn->counters);

	u64_stats_update_begin(&counters->syncp);
	u64_stats_add(&counters->value[slot][counter], n);
	u64_stats_add(&counters->value[slot][counter2], n2);
	u64_stats_update_end(&counters->syncp);
	put_cpu_ptr(nn->counters);
}
