/*-------------------------------------------------------------------------
 *
 * json_text.h
 *		JSON values as text, just as jsonb's output function writes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_JSON_TEXT_H
#define ECOMMERCE_JSON_TEXT_H

#include "lib/stringinfo.h"

#include "compat.h"

extern void append_json_integer(StringInfo buffer, int64 value);
extern void append_json_string(StringInfo buffer, const char *string,
							   int length);

/* Not NaN, and not infinite. */
extern void append_json_numeric(StringInfo buffer, struct varlena *numeric);

#endif							/* ECOMMERCE_JSON_TEXT_H */
