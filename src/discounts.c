/*-------------------------------------------------------------------------
 *
 * discounts.c
 *		Promotions: which apply to a cart, and what they take off.
 *
 * Promotions apply by priority and id, each to what those before it left.  One
 * that does not combine with others applies alone, if that is better for the
 * customer.  All of the cart's coupons have to apply, or the order is refused.
 *
 * A limit is kept as stock is: promotion_levels is read without a lock while
 * pricing, and decided under it.  The limit of a customer needs no counter, for
 * the lock of the cart lets the customer's orders in one at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "discounts.h"
#include "money.h"
#include "order_lifecycle.h"
#include "problems.h"
#include "texts.h"

#define PROMOTION_COLUMNS(COLUMN) \
	COLUMN(id, bigint, INT8OID) \
	COLUMN(code, text, TEXTOID) \
	COLUMN(name, text, TEXTOID) \
	COLUMN(kind, text, TEXTOID) \
	COLUMN(value, numeric, NUMERICOID) \
	COLUMN(currency, text, TEXTOID) \
	COLUMN(buy_quantity, integer, INT4OID) \
	COLUMN(free_quantity, integer, INT4OID) \
	COLUMN(product_id, bigint, INT8OID) \
	COLUMN(category_id, bigint, INT8OID) \
	COLUMN(min_amount, numeric, NUMERICOID) \
	COLUMN(priority, integer, INT4OID) \
	COLUMN(combines, boolean, BOOLOID) \
	COLUMN(usage_limit, bigint, INT8OID) \
	COLUMN(customer_limit, integer, INT4OID) \
	COLUMN(is_active, boolean, BOOLOID) \
	COLUMN(starts_at, timestamptz, TIMESTAMPTZOID) \
	COLUMN(ends_at, timestamptz, TIMESTAMPTZOID)

#define PROMOTION_NCOLUMNS	(0 PROMOTION_COLUMNS(COLUMN_COUNT))

struct Promotion
{
	union
	{
		struct
		{
			PROMOTION_COLUMNS(COLUMN_FIELD)
		};
		NullableDatum columns[PROMOTION_NCOLUMNS];
	};
	NullableDatum remaining;	/* uses, of all customers; null without a
								 * level */
	int64		uses;			/* of this customer */
	const char *refusal;		/* why it does not apply; NULL if it does */
};

/* What a set of promotions makes of the cart. */
typedef struct Outcome
{
	const Checkout *checkout;
	Numeric    *net;			/* of each line */
	bool		has_shipping_rate;
	Numeric		total;			/* goods and shipping, before taxes */
	List	   *applied;		/* of Discount */
	const Promotion *free_shipping;
} Outcome;

typedef struct Discount
{
	Promotion  *promotion;
	Numeric		amount;
} Discount;

/* Their order is made in C: a sort costs more than a list of a few promotions. */
static Statement select_promotions = {
	.query =
	"SELECT true" PROMOTION_COLUMNS(COLUMN_SELECTED)
	"  FROM ecommerce.promotions"
	" WHERE (code IS NULL AND is_active)"
	"    OR upper(code COLLATE \"C\") = ANY ($1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTARRAYOID)
};

static Statement select_levels = {
	.query =
	"SELECT promotion_id::bigint, remaining::bigint"
	"  FROM ecommerce.promotion_levels"
	" WHERE bucket = 0 AND promotion_id = ANY ($1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/* Orders of the customer's that have used a promotion, and which of them count. */
static Statement select_uses = {
	.query =
	"SELECT promotion_id::bigint, order_id::bigint"
	"  FROM ecommerce.order_adjustments"
	" WHERE customer_id = $1 AND promotion_id = ANY ($2)"
	" GROUP BY promotion_id, order_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement select_orders_that_count = {
	.query =
	"SELECT id::bigint FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = ANY ($2)"
	"   AND order_status <> '" STATUS_CANCELLED "' AND items_amount IS NOT NULL"
	" ORDER BY id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

/* One alone needs no order of locks, and so no lock before it is decided. */
static Statement decrement_level = {
	.query =
	"UPDATE ecommerce.promotion_levels SET remaining = remaining - 1"
	" WHERE bucket = 0 AND promotion_id = $1 AND remaining > 0",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

static Statement lock_levels = {
	.query =
	"SELECT promotion_id::bigint, remaining::bigint"
	"  FROM ecommerce.promotion_levels"
	" WHERE bucket = 0 AND promotion_id = ANY ($1)"
	" ORDER BY promotion_id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

static Statement decrement_levels = {
	.query =
	"UPDATE ecommerce.promotion_levels SET remaining = remaining - 1"
	" WHERE bucket = 0 AND promotion_id = ANY ($1)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID)
};

/* A promotion may have lost its limit since. */
static Statement increment_levels = {
	.query =
	"UPDATE ecommerce.promotion_levels"
	"   SET remaining = remaining + ($2)[width_bucket(promotion_id, $1)]"
	" WHERE bucket = 0 AND promotion_id = ANY ($1)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID, INT8ARRAYOID)
};

static Statement select_used = {
	.query =
	"SELECT DISTINCT promotion_id::bigint FROM ecommerce.order_adjustments"
	" WHERE customer_id = $1 AND order_id = $2 AND promotion_id IS NOT NULL",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static bool take_single_use(const List *promotions);
static bool lock_uses(Checkout *checkout, NullableDatum ids);
static void read_levels(Statement *statement, const List *promotions,
						NullableDatum ids, Visibility visibility);
static List *read_uses(List *used, const LockedOrder *order);
static int	compare_uses(const ListCell *a, const ListCell *b);
static void number_uses(const List *used, NullableDatum *arrays);
static List *coupons_of(const Checkout *checkout);
static List *read_promotions(Checkout *checkout, const List *coupons,
							 Visibility visibility);
static void read_limits(const List *promotions, Visibility visibility);
static void count_customers_uses(const Checkout *checkout, List *promotions,
								 Visibility visibility);
static const char *refusal_of(const Checkout *checkout,
							  const Promotion *promotion);
static bool is_exhausted(const Promotion *promotion);
static bool combines(const Promotion *promotion);
static Outcome *best_outcome(const Checkout *checkout, List *promotions,
							 const ShippingRates *rates);
static bool is_better(const Outcome *outcome, const Outcome *other);
static Outcome *outcome_of(const Checkout *checkout, List *promotions,
						   const ShippingRates *rates);
static void apply(Outcome *outcome, Promotion *promotion);
static const char *take_off(Outcome *outcome, Promotion *promotion);
static bool is_for(const Promotion *promotion, const Checkout *checkout,
				   int line);
static Numeric discount_of(const Promotion *promotion, Numeric base,
						   int digits);
static const char *give_units(Outcome *outcome, Promotion *promotion);
static void note_discount(Outcome *outcome, Promotion *promotion,
						  Numeric amount);
static void add_up(Outcome *outcome, const ShippingRates *rates);
static bool has_applied(const Outcome *outcome, const Promotion *promotion);
static void find_coupon_problems(Checkout *checkout, const List *coupons,
								 const List *promotions,
								 const Outcome *outcome);
static void add_coupon_problem(Checkout *checkout, NullableDatum coupon,
							   const char *reason);
static NullableDatum promotion_ids_value(const List *promotions);
static Promotion *find_promotion(const List *promotions, int64 id);
static int	compare_priorities(const ListCell *a, const ListCell *b);
static int	compare_ids(const ListCell *a, const ListCell *b);

const Promotion *
apply_promotions(Checkout *checkout, const ShippingRates *rates,
				 Visibility visibility)
{
	List	   *coupons = coupons_of(checkout);
	List	   *promotions;
	Outcome    *outcome;
	ListCell   *cell;

	if (coupons == NIL && !checkout->has_automatic)
		return NULL;
	promotions = read_promotions(checkout, coupons, visibility);
	outcome = best_outcome(checkout, promotions, rates);
	for (int i = 0; i < checkout->count; i++)
		checkout->items[i].net = outcome->net[i];
	foreach(cell, outcome->applied)
	{
		const Discount *discount = lfirst(cell);

		add_discount(checkout, KIND_DISCOUNT, discount->promotion,
					 discount->amount);
	}
	find_coupon_problems(checkout, coupons, promotions, outcome);
	return outcome->free_shipping;
}

void
add_discount(Checkout *checkout, const char *kind, const Promotion *promotion,
			 Numeric amount)
{
	OrderAdjustment *adjustment = add_adjustment(checkout, kind,
												 promotion->name,
												 negate_amount(amount));

	adjustment->code = promotion->code;
	adjustment->promotion_id = promotion->id;
	if (strcmp(TextDatumGetCString(promotion->kind.value), "percent") == 0)
		adjustment->rate = promotion->value;
	if (!promotion->usage_limit.isnull)
		checkout->limited = lappend(checkout->limited,
									unconstify(Promotion *, promotion));
}

/*
 * What seems used up may be coming back just now from an order that is being
 * cancelled, which is waited for.
 */
void
take_promotion_uses(Checkout *checkout)
{
	NullableDatum ids;

	if (checkout->limited == NIL || take_single_use(checkout->limited))
		return;
	list_sort(checkout->limited, compare_ids);
	ids = promotion_ids_value(checkout->limited);
	if (lock_uses(checkout, ids))
		require_written(execute(&decrement_levels, &ids, FRESH_SNAPSHOT),
						list_length(checkout->limited));
}

static bool
take_single_use(const List *promotions)
{
	const Promotion *promotion = linitial(promotions);
	uint64		taken;

	if (list_length(promotions) > 1)
		return false;
	taken = execute(&decrement_level, &promotion->id, FRESH_SNAPSHOT);
	if (taken > 0)
		require_written(taken, 1);
	return taken > 0;
}

/* False, with a problem noted, when one is used up. */
static bool
lock_uses(Checkout *checkout, NullableDatum ids)
{
	bool		are_left = true;
	ListCell   *cell;

	read_levels(&lock_levels, checkout->limited, ids, FRESH_SNAPSHOT);
	foreach(cell, checkout->limited)
	{
		const Promotion *promotion = lfirst(cell);

		if (!is_exhausted(promotion))
			continue;
		if (promotion->code.isnull)
			ereport(ERROR,
					errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update"),
					errdetail_internal("{\"code\": \"promotion_exhausted\", \"promotion_id\": " INT64_FORMAT "}",
									   DatumGetInt64(promotion->id.value)),
					errhint("The transaction might succeed if retried."));
		add_coupon_problem(checkout, promotion->code, COUPON_EXHAUSTED);
		are_left = false;
	}
	return are_left;
}

/* One without a row has none left. */
static void
read_levels(Statement *statement, const List *promotions, NullableDatum ids,
			Visibility visibility)
{
	uint64		nlevels;
	ListCell   *cell;

	foreach(cell, promotions)
		((Promotion *) lfirst(cell))->remaining = NULL_VALUE;
	nlevels = execute(statement, &ids, visibility);
	for (uint64 i = 0; i < nlevels; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		find_promotion(promotions,
					   DatumGetInt64(row[0].value))->remaining = row[1];
	}
}

void
return_promotion_uses(const LockedOrder *orders, int count)
{
	List	   *used = NIL;
	NullableDatum values[2];
	uint64		nlevels;

	for (int i = 0; i < count; i++)
		if (orders[i].is_charged)
			used = read_uses(used, &orders[i]);
	if (used == NIL)
		return;
	list_sort(used, compare_uses);
	number_uses(used, values);
	nlevels = execute(&lock_levels, values, FRESH_SNAPSHOT);
	require_written(execute(&increment_levels, values, FRESH_SNAPSHOT),
					nlevels);
}

/* Adds the promotions of the order, each of which it used once. */
static List *
read_uses(List *used, const LockedOrder *order)
{
	NullableDatum values[] = {bigint_value(order->user_id), bigint_value(order->id)};
	uint64		nused = execute(&select_used, values, FRESH_SNAPSHOT);

	for (uint64 i = 0; i < nused; i++)
	{
		NullableDatum *id = palloc(sizeof(NullableDatum));

		read_row(SPI_tuptable, i, id, 1);
		used = lappend(used, id);
	}
	return used;
}

static int
compare_uses(const ListCell *a, const ListCell *b)
{
	int64		left = DatumGetInt64(((NullableDatum *) lfirst(a))->value);
	int64		right = DatumGetInt64(((NullableDatum *) lfirst(b))->value);

	return (left > right) - (left < right);
}

/* Of sorted ids: an array with each of them once, and one with their numbers. */
static void
number_uses(const List *used, NullableDatum *arrays)
{
	Datum	   *ids = palloc(list_length(used) * sizeof(Datum));
	Datum	   *counts = palloc(list_length(used) * sizeof(Datum));
	int			nids = 0;
	ListCell   *cell;

	foreach(cell, used)
	{
		Datum		id = ((NullableDatum *) lfirst(cell))->value;

		if (nids == 0 || DatumGetInt64(ids[nids - 1]) != DatumGetInt64(id))
		{
			ids[nids] = id;
			counts[nids++] = Int64GetDatum(0);
		}
		counts[nids - 1] = Int64GetDatum(DatumGetInt64(counts[nids - 1]) + 1);
	}
	arrays[0] = bigint_array_value(ids, nids);
	arrays[1] = bigint_array_value(counts, nids);
}

/* Without regard to the case of ASCII letters, as their index has it; each once. */
static List *
coupons_of(const Checkout *checkout)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	List	   *coupons = NIL;

	if (checkout->coupons.isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(checkout->coupons.value), TEXTOID, -1,
					  false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		NullableDatum *coupon = palloc(sizeof(NullableDatum));

		if (nulls[i])
			continue;
		*coupon = upper_case(elements[i]);
		if (!contains_text(coupons, *coupon))
			coupons = lappend(coupons, coupon);
	}
	return coupons;
}

static List *
read_promotions(Checkout *checkout, const List *coupons, Visibility visibility)
{
	NullableDatum codes = text_list_value(coupons);
	uint64		count = execute(&select_promotions, &codes, visibility);
	SPITupleTable *rows = SPI_tuptable;
	List	   *promotions = NIL;
	ListCell   *cell;

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[1 + PROMOTION_NCOLUMNS];
		Promotion  *promotion = palloc0(sizeof(Promotion));

		read_row(rows, i, row, lengthof(row));
		memcpy(promotion->columns, &row[1], sizeof(promotion->columns));
		promotions = lappend(promotions, promotion);
	}
	list_sort(promotions, compare_priorities);
	read_limits(promotions, visibility);
	count_customers_uses(checkout, promotions, visibility);
	foreach(cell, promotions)
	{
		Promotion  *promotion = lfirst(cell);

		promotion->refusal = refusal_of(checkout, promotion);
	}
	return promotions;
}

/* Without a lock. */
static void
read_limits(const List *promotions, Visibility visibility)
{
	List	   *limited = NIL;
	ListCell   *cell;

	foreach(cell, promotions)
	{
		if (!((Promotion *) lfirst(cell))->usage_limit.isnull)
			limited = lappend(limited, lfirst(cell));
	}
	if (limited != NIL)
		read_levels(&select_levels, limited, promotion_ids_value(limited),
					visibility);
}

/* An order placed since the snapshot of REPEATABLE READ counts, too. */
static void
count_customers_uses(const Checkout *checkout, List *promotions,
					 Visibility visibility)
{
	List	   *limited = NIL;
	NullableDatum values[2];
	SPITupleTable *uses;
	uint64		nuses;
	uint64		norders;
	ListCell   *cell;

	foreach(cell, promotions)
	{
		if (!((Promotion *) lfirst(cell))->customer_limit.isnull)
			limited = lappend(limited, lfirst(cell));
	}
	if (limited == NIL)
		return;
	values[0] = bigint_value(checkout->user_id);
	values[1] = promotion_ids_value(limited);
	if (visibility == FRESH_SNAPSHOT)
		visibility = LATEST_SNAPSHOT;
	nuses = execute(&select_uses, values, visibility);
	uses = SPI_tuptable;
	if (nuses == 0)
		return;
	values[1] = bigint_array(uses, nuses, 1);
	norders = execute(&select_orders_that_count, values, visibility);
	for (uint64 i = 0; i < nuses; i++)
	{
		NullableDatum row[2];

		read_row(uses, i, row, lengthof(row));
		if (has_bigint(SPI_tuptable, norders, DatumGetInt64(row[1].value)))
			find_promotion(limited, DatumGetInt64(row[0].value))->uses++;
	}
}

/* What is wrong with it whatever is in the cart; NULL if nothing. */
static const char *
refusal_of(const Checkout *checkout, const Promotion *promotion)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (!DatumGetBool(promotion->is_active.value) ||
		(!promotion->starts_at.isnull &&
		 DatumGetTimestampTz(promotion->starts_at.value) > now))
		return COUPON_INACTIVE;
	if (!promotion->ends_at.isnull &&
		DatumGetTimestampTz(promotion->ends_at.value) <= now)
		return COUPON_EXPIRED;
	if (!promotion->currency.isnull &&
		!texts_are_equal(promotion->currency, checkout->currency))
		return COUPON_CURRENCY;
	if (!promotion->usage_limit.isnull && is_exhausted(promotion))
		return COUPON_EXHAUSTED;
	if (!promotion->customer_limit.isnull &&
		promotion->uses >= DatumGetInt32(promotion->customer_limit.value))
		return COUPON_CUSTOMER_LIMIT;
	return NULL;
}

static bool
is_exhausted(const Promotion *promotion)
{
	return promotion->remaining.isnull ||
		DatumGetInt64(promotion->remaining.value) <= 0;
}

static bool
combines(const Promotion *promotion)
{
	return DatumGetBool(promotion->combines.value);
}

/* All that combine, or one that does not, whichever costs the customer least. */
static Outcome *
best_outcome(const Checkout *checkout, List *promotions,
			 const ShippingRates *rates)
{
	List	   *combining = NIL;
	Outcome    *best;
	ListCell   *cell;

	foreach(cell, promotions)
	{
		if (combines(lfirst(cell)))
			combining = lappend(combining, lfirst(cell));
	}
	best = outcome_of(checkout, combining, rates);
	foreach(cell, promotions)
	{
		Outcome    *alone;

		if (combines(lfirst(cell)))
			continue;
		alone = outcome_of(checkout, list_make1(lfirst(cell)), rates);
		if (has_applied(alone, lfirst(cell)) && is_better(alone, best))
			best = alone;
	}
	return best;
}

/* What takes the goods below the least that is shipped is no bargain. */
static bool
is_better(const Outcome *outcome, const Outcome *other)
{
	if (outcome->has_shipping_rate != other->has_shipping_rate)
		return outcome->has_shipping_rate;
	return compare_amounts(outcome->total, other->total) < 0;
}

static Outcome *
outcome_of(const Checkout *checkout, List *promotions,
		   const ShippingRates *rates)
{
	Outcome    *outcome = palloc0(sizeof(Outcome));
	ListCell   *cell;

	CHECK_FOR_INTERRUPTS();
	outcome->checkout = checkout;
	outcome->net = palloc_extended(checkout->count * sizeof(Numeric),
								   MCXT_ALLOC_HUGE);
	for (int i = 0; i < checkout->count; i++)
		outcome->net[i] = checkout->items[i].net;
	foreach(cell, promotions)
		apply(outcome, lfirst(cell));
	add_up(outcome, rates);
	return outcome;
}

/* Why it does not apply is noted where nothing else was wrong with it. */
static void
apply(Outcome *outcome, Promotion *promotion)
{
	if (promotion->refusal == NULL)
		promotion->refusal = take_off(outcome, promotion);
}

static const char *
take_off(Outcome *outcome, Promotion *promotion)
{
	const Checkout *checkout = outcome->checkout;
	const char *kind = TextDatumGetCString(promotion->kind.value);
	int		   *lines = palloc_extended(checkout->count * sizeof(int),
										MCXT_ALLOC_HUGE);
	Numeric    *weights = palloc_extended(checkout->count * sizeof(Numeric),
										  MCXT_ALLOC_HUGE);
	Numeric    *shares;
	Numeric		base = int64_to_numeric(0);
	Numeric		amount;
	int			nlines = 0;

	for (int i = 0; i < checkout->count; i++)
	{
		if (!is_for(promotion, checkout, i))
			continue;
		lines[nlines] = i;
		weights[nlines++] = outcome->net[i];
		base = add_amounts(base, outcome->net[i]);
	}
	if (nlines == 0)
		return COUPON_NO_PRODUCT;
	if (!promotion->min_amount.isnull &&
		compare_amounts(base, DatumGetNumeric(promotion->min_amount.value)) < 0)
		return COUPON_MIN_AMOUNT;
	if (strcmp(kind, "free_shipping") == 0)
	{
		if (checkout->shipping_code.isnull)
			return COUPON_NO_SHIPPING;
		if (outcome->free_shipping != NULL)
			return COUPON_NOT_COMBINABLE;
		outcome->free_shipping = promotion;
		return NULL;
	}
	if (is_zero(base))
		return COUPON_NO_PRODUCT;
	if (strcmp(kind, "quantity") == 0)
		return give_units(outcome, promotion);

	amount = discount_of(promotion, base, checkout->digits);
	shares = palloc_extended(nlines * sizeof(Numeric), MCXT_ALLOC_HUGE);
	allocate(amount, weights, nlines, checkout->digits, shares);
	for (int i = 0; i < nlines; i++)
		outcome->net[lines[i]] = subtract_amounts(outcome->net[lines[i]],
												  shares[i]);
	note_discount(outcome, promotion, amount);
	return NULL;
}

static bool
is_for(const Promotion *promotion, const Checkout *checkout, int line)
{
	const OrderLine *it = &checkout->lines[line];

	if (it->line_amount.isnull)
		return false;
	if (!promotion->product_id.isnull &&
		DatumGetInt64(promotion->product_id.value) !=
		DatumGetInt64(it->product_id.value))
		return false;
	return promotion->category_id.isnull ||
		(!it->category_id.isnull &&
		 DatumGetInt64(promotion->category_id.value) ==
		 DatumGetInt64(it->category_id.value));
}

/* Never more than the base. */
static Numeric
discount_of(const Promotion *promotion, Numeric base, int digits)
{
	Numeric		value = DatumGetNumeric(promotion->value.value);

	if (strcmp(TextDatumGetCString(promotion->kind.value), "percent") == 0)
		return percent_of(base, value, digits);
	value = round_amount(value, digits);
	return compare_amounts(value, base) < 0 ? value : base;
}

/* Of each product, free units in every buy + free. */
static const char *
give_units(Outcome *outcome, Promotion *promotion)
{
	const Checkout *checkout = outcome->checkout;
	int64		buy = DatumGetInt32(promotion->buy_quantity.value);
	int64		give = DatumGetInt32(promotion->free_quantity.value);
	Numeric		amount = round_amount(int64_to_numeric(0), checkout->digits);
	bool		any = false;

	for (int i = 0; i < checkout->count; i++)
	{
		int64		quantity = checkout->units[i].quantity;
		int64		given = quantity / (buy + give) * give;
		Numeric		share;

		if (given == 0 || !is_for(promotion, checkout, i))
			continue;
		any = true;
		share = share_of(outcome->net[i], given, quantity, checkout->digits);
		outcome->net[i] = subtract_amounts(outcome->net[i], share);
		amount = add_amounts(amount, share);
	}
	if (!any)
		return COUPON_NO_PRODUCT;
	note_discount(outcome, promotion, amount);
	return NULL;
}

static void
note_discount(Outcome *outcome, Promotion *promotion, Numeric amount)
{
	Discount   *discount = palloc(sizeof(Discount));

	discount->promotion = promotion;
	discount->amount = amount;
	outcome->applied = lappend(outcome->applied, discount);
}

static void
add_up(Outcome *outcome, const ShippingRates *rates)
{
	Numeric		goods = int64_to_numeric(0);
	const ShippingRate *rate;

	for (int i = 0; i < outcome->checkout->count; i++)
		if (!outcome->checkout->lines[i].line_amount.isnull)
			goods = add_amounts(goods, outcome->net[i]);
	rate = choose_shipping_rate(rates, goods);
	outcome->has_shipping_rate = rate != NULL;
	outcome->total = rate == NULL || outcome->free_shipping != NULL ? goods :
		add_amounts(goods, shipping_price(rates, rate));
}

static bool
has_applied(const Outcome *outcome, const Promotion *promotion)
{
	ListCell   *cell;

	foreach(cell, outcome->applied)
	{
		if (((Discount *) lfirst(cell))->promotion == promotion)
			return true;
	}
	return outcome->free_shipping == promotion;
}

static void
find_coupon_problems(Checkout *checkout, const List *coupons,
					 const List *promotions, const Outcome *outcome)
{
	List	   *known = NIL;
	ListCell   *cell;

	foreach(cell, promotions)
	{
		const Promotion *promotion = lfirst(cell);
		NullableDatum *code;

		if (promotion->code.isnull)
			continue;
		code = palloc(sizeof(NullableDatum));
		*code = upper_case(promotion->code.value);
		known = lappend(known, code);
		if (!has_applied(outcome, promotion))
			add_coupon_problem(checkout, promotion->code,
							   promotion->refusal != NULL ?
							   promotion->refusal : COUPON_NOT_COMBINABLE);
	}
	foreach(cell, coupons)
	{
		NullableDatum coupon = *(NullableDatum *) lfirst(cell);

		if (!contains_text(known, coupon))
			add_coupon_problem(checkout, coupon, COUPON_UNKNOWN);
	}
}

static void
add_coupon_problem(Checkout *checkout, NullableDatum coupon,
				   const char *reason)
{
	add_problem_of(checkout, COUPON_NOT_APPLICABLE, coupon, text_value(reason));
}

static NullableDatum
promotion_ids_value(const List *promotions)
{
	Datum	   *ids = palloc(list_length(promotions) * sizeof(Datum));

	for (int i = 0; i < list_length(promotions); i++)
		ids[i] = ((Promotion *) list_nth(promotions, i))->id.value;
	return bigint_array_value(ids, list_length(promotions));
}

static Promotion *
find_promotion(const List *promotions, int64 id)
{
	ListCell   *cell;

	foreach(cell, promotions)
	{
		if (DatumGetInt64(((Promotion *) lfirst(cell))->id.value) == id)
			return lfirst(cell);
	}
	return NULL;
}

static int
compare_priorities(const ListCell *a, const ListCell *b)
{
	int32		left = DatumGetInt32(((Promotion *) lfirst(a))->priority.value);
	int32		right = DatumGetInt32(((Promotion *) lfirst(b))->priority.value);

	return left == right ? compare_ids(a, b) : (left > right) - (left < right);
}

static int
compare_ids(const ListCell *a, const ListCell *b)
{
	int64		left = DatumGetInt64(((Promotion *) lfirst(a))->id.value);
	int64		right = DatumGetInt64(((Promotion *) lfirst(b))->id.value);

	return (left > right) - (left < right);
}
