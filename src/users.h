/*-------------------------------------------------------------------------
 *
 * users.h
 *		The shop's users, who own carts and orders.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_USERS_H
#define ECOMMERCE_USERS_H

#include "jsonb_writer.h"
#include "statement.h"

/* Raises PT404 when there is no such user. */
extern void require_user(int64 user_id, Visibility visibility);

/* The same; nobody deletes or erases the user before the transaction ends. */
extern void lock_user(int64 user_id);

/*
 * What may be personal is not written beside erase_user(), which would overlook
 * it.  The user is locked before the order, as everyone does who locks both.
 */
extern void hold_off_erasure(int64 user_id);

/*
 * Puts {name, email}; null when there is no such user, which is so for an order
 * only without the foreign keys.
 */
extern void put_customer(JsonbWriter *writer, int64 user_id,
						 Visibility visibility);

/* Raises the PT404. */
pg_noreturn extern void refuse_unknown_user(int64 user_id);

#endif							/* ECOMMERCE_USERS_H */
