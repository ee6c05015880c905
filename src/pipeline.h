/*
 * pipeline.h
 *	  Pipelines as the guard and conformance() ask them: the definition tables,
 *	  read into memory once per backend and again after a change.
 *
 * Stages are told by the bytes of their names. A cached pipeline never
 * changes: after a change of the definition pipeline_get() returns another
 * one, and the old one goes when its last holder does.
 */
#ifndef FUNNEL_PIPELINE_H
#define FUNNEL_PIPELINE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Columns of the definition tables, in the order of sql/60-pipelines.sql. */
enum
{
	Anum_pipeline_name = 1,
	Anum_pipeline_description,
	Anum_pipeline_version
};

enum
{
	Anum_stage_pipeline = 1,
	Anum_stage_stage,
	Anum_stage_position,
	Anum_stage_owner,
	Anum_stage_kind,
	Anum_stage_sla,
	Anum_stage_requires
};

enum
{
	Anum_transition_pipeline = 1,
	Anum_transition_from_stage,
	Anum_transition_to_stage,
	Anum_transition_requires
};

#define NO_STAGE	(-1)		/* none, or one that the pipeline does not have */

typedef struct PipelineStage
{
	char	   *name;
	int			len;
	int			position;
	char	   *owner;			/* or NULL */
	Interval   *sla;			/* or NULL */
	int			nrequires;
	char	  **requires;		/* names of columns */
} PipelineStage;

typedef struct PipelineTransition
{
	int			from;			/* NO_STAGE: a new lead may begin in to */
	int			to;
	int			nrequires;
	char	  **requires;
} PipelineTransition;

typedef struct Pipeline
{
	char	   *name;
	int32		version;
	int			nstages;
	PipelineStage *stages;		/* by name */
	int		   *by_position;	/* indexes of stages */
	int			ntransitions;
	PipelineTransition *transitions;	/* by from, to */

	/* private */
	MemoryContext cxt;
	uint32		holders;
	bool		stale;
	bool		sound;			/* known to be */
} Pipeline;

/*
 * The pipeline of that name as it is defined now, whatever the transaction's
 * snapshot. It stays valid as long as cxt does. Errors: undefined_object if
 * there is none; object_not_in_prerequisite_state if no lead could enter it or
 * no path leads to some stage, when sound is asked for.
 */
extern const Pipeline *pipeline_get(const char *name, bool sound, MemoryContext cxt);

/*
 * Has this transaction asked for the pipeline since this was last called? What
 * was judged by a version stays judged by it: a later edit makes another.
 */
extern bool pipeline_take_use(const char *name);

/* The index of a stage, or NO_STAGE. */
extern int	pipeline_stage(const Pipeline *pipeline, const char *name, int len);

/* The transition (from NO_STAGE: the entry) that allows it, or NULL. */
extern const PipelineTransition *pipeline_transition(const Pipeline *pipeline,
													 int from, int to);

#endif							/* FUNNEL_PIPELINE_H */
