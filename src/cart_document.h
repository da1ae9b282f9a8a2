/*-------------------------------------------------------------------------
 *
 * cart_document.h
 *		What a cart looks like as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_CART_DOCUMENT_H
#define ECOMMERCE_CART_DOCUMENT_H

#include "utils/jsonb.h"

#include "checkout.h"

/* The document is built in the given memory context. */
extern Jsonb *cart_to_jsonb(Checkout *checkout, MemoryContext context);

#endif							/* ECOMMERCE_CART_DOCUMENT_H */
