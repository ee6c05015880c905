/*
 * memory.h
 *	  Memory for arrays that may become large.
 */
#ifndef FUNNEL_MEMORY_H
#define FUNNEL_MEMORY_H

#include "utils/memutils.h"

/*
 * The array (NULL: a new one in cxt) with room for size bytes, of more than
 * 1 GB too; what it holds is kept.
 */
static inline void *
enlarge(MemoryContext cxt, void *array, Size size)
{
	return array == NULL ? MemoryContextAllocHuge(cxt, size) : repalloc_huge(array, size);
}

#endif							/* FUNNEL_MEMORY_H */
