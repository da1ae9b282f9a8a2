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

#include "compat.h"

/*
 * Characters that show nothing: White_Space, controls (Cc), and
 * Default_Ignorable_Code_Point of Unicode 16, PropList.txt and
 * DerivedCoreProperties.txt.  First and last of each range.
 */
#define BLANK_CHARACTERS(EACH) \
	EACH(00000001, 00000020) \
	EACH(0000007F, 000000A0) \
	EACH(000000AD, 000000AD) \
	EACH(0000034F, 0000034F) \
	EACH(0000061C, 0000061C) \
	EACH(0000115F, 00001160) \
	EACH(00001680, 00001680) \
	EACH(000017B4, 000017B5) \
	EACH(0000180B, 0000180F) \
	EACH(00002000, 0000200F) \
	EACH(00002028, 0000202F) \
	EACH(0000205F, 0000206F) \
	EACH(00003000, 00003000) \
	EACH(00003164, 00003164) \
	EACH(0000FE00, 0000FE0F) \
	EACH(0000FEFF, 0000FEFF) \
	EACH(0000FFA0, 0000FFA0) \
	EACH(0000FFF0, 0000FFF8) \
	EACH(0001BCA0, 0001BCA3) \
	EACH(0001D173, 0001D17A) \
	EACH(000E0000, 000E0FFF)

/* A regular expression that matches a text that is not blank. */
#define BLANK_ESCAPES(first, last)	"\\U" #first "-\\U" #last
#define NOT_BLANK_REGEX	"[^" BLANK_CHARACTERS(BLANK_ESCAPES) "]"

extern bool is_blank(Datum text);

/* Length in characters. */
extern int	length_of(Datum text);

/* Byte by byte; null equals null only. */
extern bool texts_are_equal(NullableDatum a, NullableDatum b);

/* A list of NullableDatum: texts that are not null. */
extern bool contains_text(const List *texts, NullableDatum value);

/* The letters of ASCII, whatever the collation. */
extern NullableDatum upper_case(Datum value);

#endif							/* ECOMMERCE_TEXTS_H */
