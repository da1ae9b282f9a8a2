/*-------------------------------------------------------------------------
 *
 * tables.h
 *		Whether there are tables, whose they are, and of which version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_TABLES_H
#define ECOMMERCE_TABLES_H

#include "compat.h"

/* Raises 55000, with the hint to migrate, when there are no tables. */
extern Oid	orders_table(void);

/* InvalidOid where there is none. */
extern Oid	events_table(void);

extern Oid	table_owner(Oid table);

/* Raises 55000, with the hint to migrate, for tables older than the code. */
extern void require_current_tables(Oid orders);

/* Raises 55000, with the hint to update the extension, which lacks a function. */
pg_noreturn extern void refuse_old_extension(const char *missing);

#endif							/* ECOMMERCE_TABLES_H */
