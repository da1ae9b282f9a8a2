/*-------------------------------------------------------------------------
 *
 * arguments.h
 *		Reads the arguments of the public functions, and refuses bad ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ARGUMENTS_H
#define ECOMMERCE_ARGUMENTS_H

#include "fmgr.h"

#include "compat.h"

/* The argument, or an error of SQLSTATE 22004 when it is null. */
extern Datum required_argument(const NullableDatum *argument,
							   const char *name);
extern int64 bigint_argument(const NullableDatum *argument, const char *name);
extern char *text_argument(const NullableDatum *argument, const char *name);

/* The same, or an error of SQLSTATE 22023 when it is below minimum, 0 or 1. */
extern int32 integer_argument(const NullableDatum *argument, const char *name,
							  int32 minimum);

/*
 * The elements of an array of bigint or integer, as bigints; 22004 when one is
 * null, 22023 when there is more than one dimension.
 */
extern int64 *integers_argument(const NullableDatum *argument,
								const char *name, Oid type, int *count);

/*
 * The elements of an array of JSON objects, each with these two keys and no
 * other, whole numbers from 1 that fit an integer; 22023 for anything else, and
 * for no element.
 */
typedef struct IntegerPair
{
	int32		first;
	int32		second;
} IntegerPair;

extern IntegerPair *integer_pairs_argument(const NullableDatum *argument,
										   const char *name,
										   const char *first,
										   const char *second, int *count);

/* Raises the error of SQLSTATE 22004. */
pg_noreturn extern void refuse_null(const char *name);

/* Raises the error of SQLSTATE 22023; accepted is a phrase such as "1 or more". */
pg_noreturn extern void refuse_argument(const char *name, const char *accepted);

#endif							/* ECOMMERCE_ARGUMENTS_H */
