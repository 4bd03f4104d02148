/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What stays behind in the kernel's memory. Needs root. */
#ifndef _NLTEST_MEMORY_H
#define _NLTEST_MEMORY_H

#include "tap.h"

/* A line of /proc/meminfo, in KiB. */
static long meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	size_t len = strlen(name);
	char line[256];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && line[len] == ':')
			kib = atol(line + len + 1);
	if (file)
		fclose(file);
	return kib;
}

/* Kernel memory by its kinds once everything that is freed late is freed. */
static void settle(long *slab, long *percpu)
{
	int file = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	sleep(1);
	if (file < 0 || write(file, "3", 1) < 0)
		bail_out("/proc/sys/vm/drop_caches");
	close(file);
	*slab = meminfo("SUnreclaim");
	*percpu = meminfo("Percpu");
}

/* Runs something that must leave no more behind than noise. */
static void check_memory(void (*run)(void), const char *what, long noise_kib)
{
	long slab[2], percpu[2];

	settle(&slab[0], &percpu[0]);
	run();
	settle(&slab[1], &percpu[1]);
	printf("# %s: slab %ld -> %ld KiB, per-cpu %ld -> %ld KiB\n", what, slab[0], slab[1], percpu[0],
	       percpu[1]);
	CHECK(slab[1] - slab[0] < noise_kib, "slab memory grew");
	CHECK(percpu[1] - percpu[0] < noise_kib, "per-cpu memory grew");
}

#endif /* _NLTEST_MEMORY_H */
