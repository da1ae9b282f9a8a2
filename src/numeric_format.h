/*-------------------------------------------------------------------------
 *
 * numeric_format.h
 *		The stored form of a numeric.
 *
 * It is private to numeric.c, and as fixed as that of jsonb: a varlena header,
 * 16 bits of format, sign, display scale and weight, then the digits in base
 * 10000, without zeros at either end.  The first digit counts the power of the
 * base that is the weight.  This is the short form, which all but very long
 * numbers have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_NUMERIC_FORMAT_H
#define ECOMMERCE_NUMERIC_FORMAT_H

#define NUMERIC_BASE				10000
#define NUMERIC_BASE_DECIMALS		4
#define NUMERIC_INT64_DIGITS		5
#define NUMERIC_FORMAT_MASK			0xC000
#define NUMERIC_SHORT_FORMAT		0x8000
#define NUMERIC_SPECIAL_FORMAT		0xC000	/* NaN and the infinities */
#define NUMERIC_SHORT_NEGATIVE		0x2000
#define NUMERIC_SHORT_SCALE_MASK	0x1F80
#define NUMERIC_SHORT_SCALE_SHIFT	7
#define NUMERIC_SHORT_WEIGHT_SIGN	0x0040
#define NUMERIC_SHORT_WEIGHT_MASK	0x003F

#endif							/* ECOMMERCE_NUMERIC_FORMAT_H */
