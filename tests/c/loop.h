/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the loops that are timed have in common. */
#ifndef NLTRACE_LOOP_H
#define NLTRACE_LOOP_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* A number among the arguments. */
static inline unsigned long number(const char *text, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || value < min || value > max) {
		fprintf(stderr, "%s is not a number from %lu to %lu\n", text, min, max);
		exit(2);
	}
	return value;
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One line of JSON, which the benchmark reads. */
static inline void report(unsigned long count, uint64_t elapsed)
{
	printf("{\"count\":%lu,\"elapsed_ns\":%llu,\"ns_per_message\":%.1f}\n", count,
	       (unsigned long long)elapsed, (double)elapsed / (double)count);
}

#endif
