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
extern Datum required_argument(FunctionCallInfo fcinfo, int number,
							   const char *name);

/* An integer argument, or an error of SQLSTATE 22023 when it is below minimum. */
extern int32 bounded_argument(FunctionCallInfo fcinfo, int number,
							  const char *name, int32 minimum);

/* Raises the error of SQLSTATE 22004. */
pg_noreturn extern void refuse_null(const char *name);

/* Raises the error of SQLSTATE 22023; accepted is a phrase such as "1 or more". */
pg_noreturn extern void refuse_argument(const char *name, const char *accepted);

#endif							/* ECOMMERCE_ARGUMENTS_H */
