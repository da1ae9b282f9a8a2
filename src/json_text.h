/*-------------------------------------------------------------------------
 *
 * json_text.h
 *		JSON values as text, to the byte as jsonb's output function writes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_JSON_TEXT_H
#define ECOMMERCE_JSON_TEXT_H

#include "lib/stringinfo.h"

#include "compat.h"

extern void append_json_integer(StringInfo text, int64 value);

/* Not NaN, not infinite. */
extern void append_json_numeric(StringInfo text, struct varlena *numeric);
extern void append_json_string(StringInfo text, const char *string,
							   int length);

#endif							/* ECOMMERCE_JSON_TEXT_H */
