/*-------------------------------------------------------------------------
 *
 * cart_document.h
 *		What a cart looks like as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_CART_DOCUMENT_H
#define ECOMMERCE_CART_DOCUMENT_H

#include "checkout.h"
#include "jsonb_writer.h"

/* Different products of a cart at most. */
#define CART_MAX_ITEMS	1000

/* The document is built in the given memory context. */
extern Document *cart_document(Checkout *checkout, DocumentFormat format,
							   MemoryContext context);

/*
 * The cart after a change, as the latest snapshot has it.  Raises PT409 when the
 * change has filled it beyond its limit, and 40001 at REPEATABLE READ when an
 * item that somebody else took would be shown, too.
 */
extern Document *changed_cart_document(int64 user_id, bool has_grown,
									   DocumentFormat format,
									   MemoryContext context);

pg_noreturn extern void refuse_full_cart(int64 user_id);

#endif							/* ECOMMERCE_CART_DOCUMENT_H */
