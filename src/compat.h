/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Written for the newest supported PostgreSQL; the past is shimmed here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_COMPAT_H
#define ECOMMERCE_COMPAT_H

/* A part of postgres.h before 16.  Retired when 15 is no longer supported. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * PG_MODULE_MAGIC_EXT names the module and its version in
 * pg_get_loaded_modules().  Retired when 17 is no longer supported.
 */
#if PG_VERSION_NUM < 180000
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

/* The spelling of 18, a prefix.  Retired when 17 is no longer supported. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#endif							/* ECOMMERCE_COMPAT_H */
