/*
 * memory.c
 *	  Memory for arrays that may become large.
 */
#include "postgres.h"

#include <sys/mman.h>

#include "utils/memutils.h"

#include "memory.h"

#define HUGE_PAGE	((Size) 2 * 1024 * 1024)

void *
enlarge(MemoryContext cxt, void *array, Size size)
{
	array = array == NULL ? MemoryContextAllocHuge(cxt, size) :
		repalloc_huge(array, size);
#ifdef MADV_HUGEPAGE
	if (size >= 2 * HUGE_PAGE)
	{
		uintptr_t	from = TYPEALIGN(HUGE_PAGE, (uintptr_t) array);
		uintptr_t	to = TYPEALIGN_DOWN(HUGE_PAGE, (uintptr_t) array + size);

		/* an advice only: where it is not taken, nothing is lost */
		(void) madvise((void *) from, to - from, MADV_HUGEPAGE);
	}
#endif
	return array;
}
