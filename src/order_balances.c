/*-------------------------------------------------------------------------
 *
 * order_balances.c
 *		What has been paid for orders, and what is still to be paid.
 *
 * A balance is made of the sums of an order's ledger (payments.c) and of what was
 * returned of it.  It is the only place that says whether an order is paid: from
 * the sums, so that it does not matter in which order payments become known.  An
 * order without a payment, a return or a deadline has none.
 *
 * Only what the customer paid decides about the deadline and the event order_paid,
 * not what was paid back since: an order is not cancelled for being unpaid because
 * the shop has refunded it, nor is it paid a second time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "errors.h"
#include "money.h"
#include "order_balances.h"
#include "order_history.h"
#include "order_lifecycle.h"

/* In stored order: by length, then by bytes. */
static const char *const payment_keys[] = {
	"due_at", "status", "paid_amount", "refunded_amount", "authorized_amount",
	"refund_pending_amount"
};

static Statement select_balance = {
	.query =
	SELECT_ORDER_BALANCES " WHERE customer_id = $1 AND order_id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* The columns of both are those of an OrderBalance. */
static Statement insert_balance = {
	.query =
	"INSERT INTO ecommerce.order_balances (customer_id, order_id, due_at,"
	"       authorized_amount, paid_amount, refunded_amount,"
	"       refund_pending_amount, returned_amount, return_count)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID,
			   NUMERICOID, NUMERICOID, NUMERICOID, INT4OID)
};

static Statement update_balance = {
	.query =
	"UPDATE ecommerce.order_balances"
	"   SET due_at = $3, authorized_amount = $4, paid_amount = $5,"
	"       refunded_amount = $6, refund_pending_amount = $7,"
	"       returned_amount = $8, return_count = $9"
	" WHERE customer_id = $1 AND order_id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID,
			   NUMERICOID, NUMERICOID, NUMERICOID, INT4OID)
};

static Statement set_due_at = {
	.query =
	"UPDATE ecommerce.order_balances SET due_at = $3"
	" WHERE customer_id = $1 AND order_id = $2 AND due_at IS DISTINCT FROM $3",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TIMESTAMPTZOID)
};

static void write_due_at(const LockedOrder *order, NullableDatum due_at);
static OrderBalance balance_of_nothing(int digits);
static Numeric zero(int digits);
static Numeric sum(NullableDatum a, NullableDatum b, int digits);
static Numeric owed_amount(const LockedOrder *order,
						   const OrderBalance *balance);
static bool is_covered(const LockedOrder *order, const OrderBalance *balance);
static bool holds_money(const LockedOrder *order, const OrderBalance *balance);
static NullableDatum due_at(const LockedOrder *order,
							const OrderBalance *balance);
static void write_row(Statement *statement, const LockedOrder *order,
					  const OrderBalance *balance, Visibility visibility);
static const char *payment_status(const LockedOrder *order,
								  const OrderBalance *balance);

/*
 * The lock of the order keeps the balance as it is; but its row need not have
 * changed since the snapshot of a transaction that keeps to one.
 */
bool
read_balance(const LockedOrder *order, OrderBalance *balance)
{
	NullableDatum values[] = {bigint_value(order->user_id), bigint_value(order->id)};
	NullableDatum row[1 + ORDER_BALANCE_NCOLUMNS];

	if (execute(&select_balance, values, LATEST_SNAPSHOT) > 0)
	{
		read_row(SPI_tuptable, 0, row, lengthof(row));
		memcpy(balance->columns, &row[1], sizeof(balance->columns));
		return true;
	}
	*balance = balance_of_nothing(order->digits);
	return false;
}

void
write_balance(const Access *access, const LockedOrder *order,
			  OrderBalance *balance, bool exists, bool was_paid,
			  Jsonb *payload)
{
	balance->due_at = due_at(order, balance);
	write_row(exists ? &update_balance : &insert_balance, order, balance,
			  LATEST_SNAPSHOT);
	if (!was_paid && is_paid(order, balance) &&
		!is_zero(amount_or_zero(balance->paid_amount, order->digits)))
		write_note(access, order->user_id, order->id, EVENT_PAID,
				   order->status, payload);
}

/* An order that costs nothing has none to wait for. */
void
insert_unpaid_balance(const LockedOrder *order, OrderBalance *balance)
{
	*balance = balance_of_nothing(order->digits);
	balance->due_at = due_at(order, balance);
	write_row(&insert_balance, order, balance, FRESH_SNAPSHOT);
}

void
forget_deadline(const LockedOrder *order)
{
	write_due_at(order, NULL_VALUE);
}

void
renew_deadline(const LockedOrder *order)
{
	OrderBalance balance;

	if (order->payment_due_at.isnull)
		return;
	(void) read_balance(order, &balance);
	write_due_at(order, due_at(order, &balance));
}

bool
is_paid(const LockedOrder *order, const OrderBalance *balance)
{
	return compare_amounts(amount_or_zero(balance->paid_amount, order->digits),
						   owed_amount(order, balance)) >= 0;
}

void
require_payment(const LockedOrder *order)
{
	OrderBalance balance;

	if (order->payment_due_at.isnull)
		return;
	(void) read_balance(order, &balance);
	if (is_covered(order, &balance) && holds_money(order, &balance))
		return;
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("order is not paid"),
			errdetail_internal("{\"code\": \"not_paid\", \"order_id\": " INT64_FORMAT ", \"payment_status\": \"%s\", \"amount\": %s, \"paid_amount\": %s, \"authorized_amount\": %s}",
							   order->id, payment_status(order, &balance),
							   amount_text(owed_amount(order, &balance)),
							   amount_text(amount_or_zero(balance.paid_amount, order->digits)),
							   amount_text(amount_or_zero(balance.authorized_amount, order->digits))),
			errhint("Send the order once its payment is recorded with record_payment."));
}

Numeric
refundable_amount(const OrderBalance *balance, int digits)
{
	return subtract_amounts(amount_or_zero(balance->paid_amount, digits),
							sum(balance->refunded_amount,
								balance->refund_pending_amount, digits));
}

void
put_payment(JsonbWriter *writer, NullableDatum order_amount,
			NullableDatum currency, NullableDatum order_status,
			const OrderBalance *balance)
{
	static JsonbShape *shape;
	LockedOrder order = {0};

	if (balance == NULL)
	{
		jsonb_put_null(writer);
		return;
	}
	describe_order(&order, order_status, order_amount, currency);
	jsonb_open_object(writer, KEPT_SHAPE(shape, payment_keys));
	jsonb_put_timestamptz(writer, balance->due_at);
	jsonb_put_cstring(writer, payment_status(&order, balance));
	jsonb_put_numeric(writer, balance->paid_amount);
	jsonb_put_numeric(writer, balance->refunded_amount);
	jsonb_put_numeric(writer, balance->authorized_amount);
	jsonb_put_numeric(writer, balance->refund_pending_amount);
	jsonb_close_object(writer);
}

static void
write_due_at(const LockedOrder *order, NullableDatum due_at)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id),
		due_at
	};

	if (!order->payment_due_at.isnull)
		execute(&set_due_at, values, LATEST_SNAPSHOT);
}

static OrderBalance
balance_of_nothing(int digits)
{
	NullableDatum nothing = numeric_value(zero(digits));

	return (OrderBalance)
	{
		.due_at = NULL_VALUE,
			.authorized_amount = nothing,
			.paid_amount = nothing,
			.refunded_amount = nothing,
			.refund_pending_amount = nothing,
			.returned_amount = nothing,
			.return_count = integer_value(0)
	};
}

static Numeric
zero(int digits)
{
	return round_amount(int64_to_numeric(0), digits);
}

static Numeric
sum(NullableDatum a, NullableDatum b, int digits)
{
	return add_amounts(amount_or_zero(a, digits), amount_or_zero(b, digits));
}

/*
 * Orders of before 2.0 may cost fractions of a unit of their currency, which
 * nobody can pay.
 */
static Numeric
owed_amount(const LockedOrder *order, const OrderBalance *balance)
{
	if (strcmp(order->status, STATUS_CANCELLED) == 0)
		return zero(order->digits);
	return round_amount(subtract_amounts(order->amount,
										 amount_or_zero(balance->returned_amount,
														order->digits)),
						order->digits);
}

static bool
is_covered(const LockedOrder *order, const OrderBalance *balance)
{
	return compare_amounts(sum(balance->paid_amount,
							   balance->authorized_amount, order->digits),
						   owed_amount(order, balance)) >= 0;
}

/*
 * Or needs none.  What is paid back, or about to be, is gone; as long as some is
 * left, the shop may have lowered the price.
 */
static bool
holds_money(const LockedOrder *order, const OrderBalance *balance)
{
	Numeric		held = add_amounts(refundable_amount(balance, order->digits),
								   amount_or_zero(balance->authorized_amount,
												  order->digits));

	return compare_amounts(held, zero(order->digits)) > 0 ||
		is_zero(owed_amount(order, balance));
}

/*
 * An order that holds money is not cancelled by the clock, even if it is not all
 * of it: that is for the shop to decide.
 */
static NullableDatum
due_at(const LockedOrder *order, const OrderBalance *balance)
{
	if (strcmp(order->status, STATUS_PLACED) != 0 ||
		!is_zero(amount_or_zero(balance->paid_amount, order->digits)) ||
		is_covered(order, balance))
		return NULL_VALUE;
	return order->payment_due_at;
}

/* A row that is newer than the transaction's snapshot is 40001. */
static void
write_row(Statement *statement, const LockedOrder *order,
		  const OrderBalance *balance, Visibility visibility)
{
	NullableDatum values[2 + ORDER_BALANCE_NCOLUMNS] = {
		bigint_value(order->user_id),
		bigint_value(order->id)
	};

	memcpy(&values[2], balance->columns, sizeof(balance->columns));
	require_written(execute(statement, values, visibility), 1);
}

static const char *
payment_status(const LockedOrder *order, const OrderBalance *balance)
{
	Numeric		paid = amount_or_zero(balance->paid_amount, order->digits);
	Numeric		refunded = amount_or_zero(balance->refunded_amount, order->digits);
	Numeric		owed = owed_amount(order, balance);

	if (compare_amounts(subtract_amounts(paid, refunded), owed) > 0)
		return "OVERPAID";
	if (!is_zero(refunded))
		return compare_amounts(paid, refunded) > 0 ? "PARTIALLY_REFUNDED" :
			"REFUNDED";
	if (!is_zero(paid))
		return is_paid(order, balance) ? "PAID" : "PARTIALLY_PAID";
	if (strcmp(order->status, STATUS_CANCELLED) != 0 && is_zero(owed))
		return "PAID";
	return is_covered(order, balance) &&
		!is_zero(amount_or_zero(balance->authorized_amount, order->digits)) ?
		"AUTHORIZED" : "UNPAID";
}
