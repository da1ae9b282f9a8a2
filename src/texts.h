/*-------------------------------------------------------------------------
 *
 * texts.h
 *		What a text is to a person: its length, and whether it is blank.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_TEXTS_H
#define ECOMMERCE_TEXTS_H

#include "nodes/pg_list.h"

#include "blank_characters.h"
#include "compat.h"

/* A regular expression that matches a text that is not blank. */
#define BLANK_ESCAPES(first, last)	"\\U" #first "-\\U" #last
#define NOT_BLANK_REGEX	"[^" BLANK_CHARACTERS(BLANK_ESCAPES) "]"

extern bool is_blank(Datum value);

/* Length in characters. */
extern int	length_of(Datum value);

/* Of an idempotency key. */
#define KEY_MAX_LENGTH	255

/* Raises 22023 for a text that is blank or longer; it may be null. */
extern void check_text_argument(const NullableDatum *argument,
								const char *name, int max_length);

/* Byte by byte; null equals null only. */
extern bool texts_are_equal(NullableDatum a, NullableDatum b);

/* A list of NullableDatum: texts that are not null. */
extern bool contains_text(const List *texts, NullableDatum value);

/* The letters of ASCII, whatever the collation. */
extern NullableDatum upper_case(Datum value);

#endif							/* ECOMMERCE_TEXTS_H */
