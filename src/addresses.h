/*-------------------------------------------------------------------------
 *
 * addresses.h
 *		Where orders go.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ADDRESSES_H
#define ECOMMERCE_ADDRESSES_H

#include "statement.h"

/* Raises 22023 unless it is an address; argument is its name. */
extern void check_address(Datum address, const char *argument);

/* The same for an argument that may be null. */
extern void check_address_argument(const NullableDatum *address,
								   const char *argument);

/*
 * An address that came as text: as an object, if that is what the text is, else
 * null.  Raises 22023 for a text that is blank or too long, or an object that is
 * no address.
 */
extern NullableDatum parse_address(Datum value, const char *argument);

/* A field of an address, which may be null itself; null when it is blank. */
extern NullableDatum address_field(NullableDatum address, const char *name);

/* The address as text, on one line; null when there is nothing to read in it. */
extern NullableDatum address_text(NullableDatum address);

#endif							/* ECOMMERCE_ADDRESSES_H */
