/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Allocations of this process that fail: tests/kmod/nlfault.c. Needs root. */
#ifndef _NLTEST_FAULT_H
#define _NLTEST_FAULT_H

#include "tap.h"

#define NLFAULT	"/sys/module/nlfault/parameters/"

static int fault_pass, fault_fail;

static void set_fault(int file, unsigned int value)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", value);

	if (pwrite(file, text, len, 0) != len)
		bail_out(NLFAULT);
}

/* Once before the others, in the process that they are about. */
static void begin_faults(void)
{
	char text[16];

	fault_pass = open(NLFAULT "pass", O_WRONLY | O_CLOEXEC);
	fault_fail = open(NLFAULT "fail", O_RDWR | O_CLOEXEC);
	if (fault_pass < 0 || fault_fail < 0)
		bail_out(NLFAULT);
	snprintf(text, sizeof(text), "%d", getpid());
	write_file(NLFAULT "task", text);
}

/* From now on, `pass` allocations succeed, and then `fail` fail. */
static void arm(unsigned int pass, unsigned int fail)
{
	set_fault(fault_pass, pass);
	set_fault(fault_fail, fail);
}

/* No more of them. How many that were to fail have not? */
static unsigned int disarm(void)
{
	char text[16] = "";

	if (pread(fault_fail, text, sizeof(text) - 1, 0) < 0)
		bail_out(NLFAULT "fail");
	set_fault(fault_fail, 0);
	return atoi(text);
}

#endif /* _NLTEST_FAULT_H */
