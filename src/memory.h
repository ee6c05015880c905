/*
 * memory.h
 *	  Memory for arrays that may become large.
 */
#ifndef FUNNEL_MEMORY_H
#define FUNNEL_MEMORY_H

#include "utils/palloc.h"

/*
 * The array (NULL: a new one in cxt) with room for size bytes, of more than
 * 1 GB too; what it holds is kept. Where the system has huge pages they are
 * asked for: to take memory page by page is a good part of what a large cohort
 * costs otherwise.
 */
extern void *enlarge(MemoryContext cxt, void *array, Size size);

#endif							/* FUNNEL_MEMORY_H */
