/*-------------------------------------------------------------------------
 *
 * ecommerce.c
 *		The loadable module.
 *
 * There is nothing to set up when the library is loaded: a session's only
 * lasting state is the saved plans, which each file keeps for itself and
 * statement.c prepares on first use.
 *
 * Where to start reading: place_order.c (cart rows become order rows) and
 * order_listing.c (order rows become JSON).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"

PG_MODULE_MAGIC_EXT(.name = "ecommerce");
