// SPDX-License-Identifier: GPL-2.0
/* The counters and the log limit of a network namespace. */
#include <linux/ratelimit.h>

#include "net.h"

/* Most plain-text messages that are logged in each interval. */
#define NLTEST_LOG_BURST	40
#define NLTEST_LOG_INTERVAL	(5 * HZ)

unsigned int nltest_net_id __read_mostly;

int nltest_net_init(struct nltest_net *nn)
{
	int cpu;

	nn->counters = alloc_percpu_gfp(struct nltest_counters,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!nn->counters)
		return -ENOMEM;

	for_each_possible_cpu(cpu)
		u64_stats_init(&per_cpu_ptr(nn->counters, cpu)->syncp);
	ratelimit_state_init(&nn->log_limit, NLTEST_LOG_INTERVAL,
			     NLTEST_LOG_BURST);
	return 0;
}

void nltest_net_exit(struct nltest_net *nn)
{
	ratelimit_state_exit(&nn->log_limit);
	free_percpu(nn->counters);
}
