/*-------------------------------------------------------------------------
 *
 * users.h
 *		The shop's users, who own carts and orders.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_USERS_H
#define ECOMMERCE_USERS_H

#include "statement.h"

/* Raises PT404 when there is no such user. */
extern void require_user(int64 user_id, Visibility visibility);

/* The same; nobody deletes or erases the user before the transaction ends. */
extern void lock_user(int64 user_id);

/* Raises the PT404. */
pg_noreturn extern void refuse_unknown_user(int64 user_id);

#endif							/* ECOMMERCE_USERS_H */
