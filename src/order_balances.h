/*-------------------------------------------------------------------------
 *
 * order_balances.h
 *		What has been paid for orders, and what is still to be paid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_BALANCES_H
#define ECOMMERCE_ORDER_BALANCES_H

#include "access.h"
#include "jsonb_writer.h"
#include "order_lock.h"

/* The columns behind the key of the order. */
#define ORDER_BALANCE_COLUMNS(COLUMN) \
	COLUMN(due_at, timestamptz, TIMESTAMPTZOID) \
	COLUMN(authorized_amount, numeric, NUMERICOID) \
	COLUMN(paid_amount, numeric, NUMERICOID) \
	COLUMN(refunded_amount, numeric, NUMERICOID) \
	COLUMN(refund_pending_amount, numeric, NUMERICOID) \
	COLUMN(returned_amount, numeric, NUMERICOID) \
	COLUMN(return_count, integer, INT4OID)

#define ORDER_BALANCE_NCOLUMNS	(0 ORDER_BALANCE_COLUMNS(COLUMN_COUNT))

/* Values point to wherever the balance was read from, or made. */
typedef union OrderBalance
{
	struct
	{
		ORDER_BALANCE_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[ORDER_BALANCE_NCOLUMNS];
} OrderBalance;

/* What to select: the id of the order, then the columns of an OrderBalance. */
#define SELECT_ORDER_BALANCES \
	"SELECT order_id::bigint" ORDER_BALANCE_COLUMNS(COLUMN_SELECTED) \
	"  FROM ecommerce.order_balances"

/*
 * The balance of an order that is locked, with zeros if it has none yet; says
 * whether it has one.
 */
extern bool read_balance(const LockedOrder *order, OrderBalance *balance);

/*
 * Writes a balance that read_balance() has read, and whose amounts were changed
 * since; exists and was_paid are what that and is_paid() have said.  Sets until
 * when the order has to be paid, and when it is paid in full for the first time,
 * writes the event order_paid with the payload, which may be NULL.
 */
extern void write_balance(const Access *access, const LockedOrder *order,
						  OrderBalance *balance, bool exists, bool was_paid,
						  Jsonb *payload);

/* The first balance of an order that was just placed, and has a deadline. */
extern void insert_unpaid_balance(const LockedOrder *order,
								  OrderBalance *balance);

/* A cancelled order need not be paid any more. */
extern void forget_deadline(const LockedOrder *order);

/*
 * An order that is taken back to PLACED has to be paid again, if it was sent for an
 * authorization that was voided meanwhile.
 */
extern void renew_deadline(const LockedOrder *order);

/* Whether as much was paid as the order costs, less what was returned. */
extern bool is_paid(const LockedOrder *order, const OrderBalance *balance);

/*
 * Raises PT409 unless the order is paid in full, or what is missing authorized,
 * and some of that is still there, or it has no deadline: before that it is not
 * sent.
 */
extern void require_payment(const LockedOrder *order);

/* What can still be paid back; below zero when too much was. */
extern Numeric refundable_amount(const OrderBalance *balance, int digits);

/*
 * Puts what was paid for an order, null without a balance: {status, due_at,
 * authorized_amount, paid_amount, refunded_amount, refund_pending_amount}.
 */
extern void put_payment(JsonbWriter *writer, NullableDatum order_amount,
						NullableDatum currency, NullableDatum order_status,
						const OrderBalance *balance);

#endif							/* ECOMMERCE_ORDER_BALANCES_H */
