// SPDX-License-Identifier: GPL-2.0
/*
 * Lets a task's memory allocations fail, one at a time: Debian's kernels have
 * no fault injection (CONFIG_FAILSLAB and CONFIG_FUNCTION_ERROR_INJECTION are
 * off). For tests only.
 *
 * Parameters, in /sys/module/nlfault/parameters:
 * task		thread ID whose allocations are counted, 0 for nobody's
 * pass		how many succeed before some fail; counts down to 0
 * fail		how many fail then; counts down to 0
 *
 * Counted are the calls of the functions below, all of which return NULL when
 * memory is short. Whoever sets the parameters is the task itself, or waits
 * until it allocates nothing, so that nobody counts at the same time.
 */
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/version.h>

static int task;
module_param(task, int, 0600);

static unsigned int pass;
module_param(pass, uint, 0600);

static unsigned int fail;
module_param(fail, uint, 0600);

/* Returns to the caller of the function in whose place it runs. */
void nlfault_return(void);
asm(".pushsection .text, \"ax\"\n"
    ".type nlfault_return, @function\n"
    ".globl nlfault_return\n"
    "nlfault_return:\n"
    ANNOTATE_NOENDBR "\n"
    ASM_RET "\n"
    ".size nlfault_return, .-nlfault_return\n"
    ".popsection\n");

static int nlfault_before(struct kprobe *probe, struct pt_regs *regs)
{
	/* in_task(), but that a breakpoint looks like an NMI, and that like an interrupt. */
	if (in_serving_softirq() || hardirq_count() > (in_nmi() ? HARDIRQ_OFFSET : 0))
		return 0;
	if (task_pid_nr(current) != READ_ONCE(task) || !fail)
		return 0;
	if (pass) {
		pass--;
		return 0;
	}
	fail--;
	regs->ax = 0;
	regs->ip = (unsigned long)nlfault_return;
	return 1;
}
NOKPROBE_SYMBOL(nlfault_before);

/* Its being there keeps the probe from becoming a jump, which could not be sent elsewhere. */
static void nlfault_after(struct kprobe *probe, struct pt_regs *regs,
			  unsigned long flags)
{
}
NOKPROBE_SYMBOL(nlfault_after);

#define NLFAULT(name)							\
	{ .symbol_name = name, .pre_handler = nlfault_before, .post_handler = nlfault_after }

static struct kprobe probes[] = {
	/* Messages, and the copies that a multicast makes of them. */
	NLFAULT("__alloc_skb"),
	NLFAULT("skb_clone"),
	/* FAIL's text. */
	NLFAULT("nla_strdup"),
	/* What a namespace has: counters and a socket. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	NLFAULT("__alloc_percpu_gfp"),
#else
	NLFAULT("pcpu_alloc_noprof"),
#endif
	NLFAULT("sk_alloc"),
};

static struct kprobe *pointers[ARRAY_SIZE(probes)];

static int __init nlfault_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		pointers[i] = &probes[i];
	return register_kprobes(pointers, ARRAY_SIZE(probes));
}

static void __exit nlfault_exit(void)
{
	unregister_kprobes(pointers, ARRAY_SIZE(probes));
}

module_init(nlfault_init);
module_exit(nlfault_exit);

MODULE_DESCRIPTION("Memory allocations of one task that fail");
MODULE_LICENSE("GPL");
