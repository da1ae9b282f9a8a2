/*-------------------------------------------------------------------------
 *
 * problems.h
 *		What keeps a cart from being ordered, told to people and programs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_PROBLEMS_H
#define ECOMMERCE_PROBLEMS_H

#include "checkout.h"
#include "jsonb_writer.h"

/* The most important first. */
typedef enum ProblemKind
{
	PRODUCT_REMOVED,
	INACTIVE_PRODUCT,
	MIXED_CURRENCIES,
	PRICE_CHANGED,
	COUPON_NOT_APPLICABLE,
	ADDRESS_NEEDED,
	NO_SHIPPING_RATE,
	NO_TAX_RATE,
	AMOUNT_OUT_OF_RANGE,
	NO_SHIPPING_ADDRESS,
	QUANTITY_NOT_SOLD,
	CUSTOMER_LIMIT_EXCEEDED,
	INSUFFICIENT_STOCK
} ProblemKind;

#define PROBLEM_MAX_FACTS	2

typedef struct Problem
{
	ProblemKind kind;
	int			item;			/* -1: of the whole cart */
	int			number;			/* in the order in which they were noted */
	NullableDatum facts[PROBLEM_MAX_FACTS]; /* texts, what they are is the
											 * kind's */
} Problem;

/* Why a coupon does not apply. */
#define COUPON_UNKNOWN			"unknown"
#define COUPON_INACTIVE			"inactive"
#define COUPON_EXPIRED			"expired"
#define COUPON_EXHAUSTED		"exhausted"
#define COUPON_CUSTOMER_LIMIT	"customer_limit"
#define COUPON_MIN_AMOUNT		"min_amount"
#define COUPON_NO_PRODUCT		"no_product"
#define COUPON_NOT_COMBINABLE	"not_combinable"
#define COUPON_CURRENCY			"currency"
#define COUPON_NO_SHIPPING		"no_shipping"

/* Notes a problem of an item, or of the whole cart. */
extern void add_problem(Checkout *checkout, ProblemKind kind, int item);
extern void add_problem_of(Checkout *checkout, ProblemKind kind,
						   NullableDatum fact, NullableDatum other_fact);

/* Raises the most important of the problems, with all that are like it. */
extern void refuse_problems(Checkout *checkout);

/*
 * Appends a key and its value to a JSON object that is being told, the comma
 * before it too, unless the object has just been opened.
 */
extern void append_amount(StringInfo detail, const char *key,
						  NullableDatum amount);
extern void append_text(StringInfo detail, const char *key,
						NullableDatum value);

/* Puts the problems as an array, the most important first. */
extern void put_problems(JsonbWriter *writer, Checkout *checkout);

#endif							/* ECOMMERCE_PROBLEMS_H */
