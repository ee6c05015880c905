/*
 * variants.c
 *	  Counting the paths that leads take.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "variants.h"

void
variants_begin(Variants *variants, const Label *labels, uint32 nstages,
			   MemoryContext cxt)
{
	memset(variants, 0, sizeof(Variants));
	variants->cxt = cxt;
	variants->nstages = nstages;
	variants->leads_allocated = 1024;
	variants->lead_path = MemoryContextAlloc(cxt, variants->leads_allocated * sizeof(uint32));
	variants->lead_time = MemoryContextAlloc(cxt, variants->leads_allocated * sizeof(uint64));
	paths_init(&variants->paths, labels, nstages, cxt);
}

void
variants_add(Variants *variants, const Lead *lead, int64 n)
{
	int64		previous = -1;	/* stage event before */
	int64		length = 0;
	int64		first_at = 0;
	int64		last_at = 0;	/* of entries */
	uint32		path;

	paths_reserve(&variants->paths, n);
	for (int64 i = 0; i < n; i++)
	{
		uint32		stage = lead->label[i];

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (stage >= variants->nstages)
			continue;
		if (previous < 0 || !same_stay(lead, previous, i))
		{
			if (previous < 0)
				first_at = lead->at[i];
			last_at = lead->at[i];
			paths_put(&variants->paths, length++, stage);
		}
		previous = i;
	}
	if (length == 0)
		return;

	path = paths_find(&variants->paths, length);
	variants->paths.paths[path].count++;
	if (variants->nleads == variants->leads_allocated)
	{
		variants->leads_allocated *= 2;
		variants->lead_path = repalloc_huge(variants->lead_path,
											variants->leads_allocated * sizeof(uint32));
		variants->lead_time = repalloc_huge(variants->lead_time,
											variants->leads_allocated * sizeof(uint64));
	}
	variants->lead_path[variants->nleads] = path;
	/* in unsigned, because the range of times is wider than an int64 */
	variants->lead_time[variants->nleads] = (uint64) last_at - (uint64) first_at;
	variants->nleads++;
}

/* Gathers the times of the leads on chosen paths, those of a path together. */
static void
gather_times(Variants *variants)
{
	const Paths *paths = &variants->paths;
	int64	   *begin = MemoryContextAllocHuge(variants->cxt, ((Size) paths->npaths + 1) * sizeof(int64));
	int64		n = 0;

	FOR_INTERRUPTIBLE(i, paths->npaths)
		begin[i] = -1;
	FOR_INTERRUPTIBLE(i, paths->nchosen)
	{
		begin[paths->chosen[i]] = n;
		n += paths->paths[paths->chosen[i]].count;
	}
	variants->times = MemoryContextAllocHuge(variants->cxt, (Size) Max(n, 1) * sizeof(uint64));
	FOR_INTERRUPTIBLE(i, variants->nleads)
		if (begin[variants->lead_path[i]] >= 0)
			variants->times[begin[variants->lead_path[i]]++] = variants->lead_time[i];
	FOR_INTERRUPTIBLE(i, paths->nchosen)
		begin[paths->chosen[i]] -= paths->paths[paths->chosen[i]].count;
	variants->path_times = begin;
}

void
variants_choose(Variants *variants, int64 most)
{
	paths_choose(&variants->paths, most);
	gather_times(variants);
}

double
path_median_days(const Variants *variants, uint32 path)
{
	Samples		samples;

	samples_init(&samples, variants->cxt);
	samples.values = &variants->times[variants->path_times[path]];
	samples.n = variants->paths.paths[path].count;
	return samples_quantile(&samples, 0.5);
}
