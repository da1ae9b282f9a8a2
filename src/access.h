/*-------------------------------------------------------------------------
 *
 * access.h
 *		Who may act for whom, and as whom the queries run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ACCESS_H
#define ECOMMERCE_ACCESS_H

#include "compat.h"
#include "statement.h"

typedef struct Access
{
	Oid			caller;
	int			caller_context;
	int			guc_nest_level;
	MemoryContext result_context;	/* what the caller gets is built here */
} Access;

/*
 * Everything a public function does to the tables happens between begin and
 * end.  In between, SPI is connected, the current user is the owner of the
 * tables, and search_path is pg_catalog.  When an error leaves the function in
 * between, the end of the (sub)transaction restores all three.
 *
 * What is begun says who may: whoever may act for this user, for any user, or
 * deliver events.  Others get the errors listed in access.c.
 */
extern void begin_access(Access *access, int64 user_id);
extern void begin_staff_access(Access *access);
extern void begin_delivery_access(Access *access);
extern void end_access(Access *access);

/* The user of the request's token; raises PT401 when there is none. */
extern int64 require_claimed_user(void);

/* The "sub" of the request's token, a text; null when there is none. */
extern NullableDatum claimed_person(void);

/*
 * search_path is pg_catalog from pinning to unpinning, which takes the result of
 * pinning and undoes every SET in between; or to the end of the (sub)transaction.
 */
extern int	pin_search_path(void);

/* The same for a setting besides search_path. */
extern void pin_setting(const char *name, const char *value);

extern void unpin_search_path(int nest_level);

/* PostgREST, if it listens, reads the schema again after the commit. */
extern void notify_postgrest(void);

/* PostgREST, if it is what calls, answers 201 instead of 200. */
extern void answer_created(void);

#endif							/* ECOMMERCE_ACCESS_H */
