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

/* Raises 55000 for tables of version 1, which have no marks of delivery. */
extern void require_version_2(void);

/* The same for tables of versions 1 and 2, which have no dead letters. */
extern void require_version_3(void);

#endif							/* ECOMMERCE_TABLES_H */
