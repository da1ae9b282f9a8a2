/*-------------------------------------------------------------------------
 *
 * order_lifecycle.h
 *		What can become of an order: statuses, events, transitions, reasons.
 *
 * Each fact is in one of the lists below.  The tables of the C code, the
 * phrases of error messages and the conditions of queries are made from them.
 * The triggers of the tables have the transitions once more, in SQL, because
 * they belong to the shop; a test tries all of them both ways.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_LIFECYCLE_H
#define ECOMMERCE_ORDER_LIFECYCLE_H

/*
 * Takes what to make of an element, what to put between two of them, and what
 * before the last one.
 */
#define ORDER_STATUSES(EACH, AND, OR) \
	EACH("PROCESSING", "order_placed") AND \
	EACH("SHIPPED", "order_shipped") AND \
	EACH("DELIVERED", "order_delivered") AND \
	EACH("CANCELLED", "order_cancelled") OR \
	EACH("RETURNED", "order_returned")

/* Events that leave the status as it is. */
#define ORDER_NOTES(EACH, AND, OR) \
	EACH("order_paid") AND \
	EACH("refund_requested") AND \
	EACH("order_refunded") AND \
	EACH("order_items_returned") OR \
	EACH("order_address_changed")

/* What an order's ledger of payments can have. */
#define PAYMENT_KINDS(KIND, AND, OR) \
	KIND("authorized") AND KIND("captured") AND KIND("voided") AND \
	KIND("failed") AND KIND("refund_requested") AND KIND("refunded") AND \
	KIND("refund_failed") OR KIND("charged_back")

/* Which status can follow which. */
#define ORDER_TRANSITIONS(EACH, AND) \
	EACH("PROCESSING", "SHIPPED") AND \
	EACH("PROCESSING", "DELIVERED") AND \
	EACH("PROCESSING", "CANCELLED") AND \
	EACH("SHIPPED", "DELIVERED") AND \
	EACH("SHIPPED", "RETURNED") AND \
	EACH("DELIVERED", "RETURNED")

/* Which status, set by mistake, can be taken back, and to which other. */
#define ORDER_CORRECTIONS(EACH, AND) \
	EACH("SHIPPED", "PROCESSING") AND \
	EACH("DELIVERED", "PROCESSING") AND \
	EACH("DELIVERED", "SHIPPED") AND \
	EACH("RETURNED", "SHIPPED") AND \
	EACH("RETURNED", "DELIVERED")

/* The reasons of Shopify's Admin API, OrderCancelReason, and one of a deadline. */
#define CANCEL_REASONS(EACH, AND, OR) \
	EACH("customer") AND EACH("inventory") AND EACH("fraud") AND \
	EACH("declined") AND EACH("unpaid") AND EACH("staff") OR EACH("other")

#define STATUS_PLACED		"PROCESSING"
#define STATUS_CANCELLED	"CANCELLED"
#define STATUS_SHIPPED		"SHIPPED"
#define STATUS_DELIVERED	"DELIVERED"
#define STATUS_RETURNED		"RETURNED"
#define EVENT_SHIPPED		"order_shipped"
#define EVENT_DELIVERED		"order_delivered"
#define EVENT_RETURNED		"order_returned"
#define EVENT_CANCELLED		"order_cancelled"
#define EVENT_CORRECTED		"order_corrected"
#define EVENT_PAID			"order_paid"
#define EVENT_REFUND_REQUESTED	"refund_requested"
#define EVENT_REFUNDED		"order_refunded"
#define EVENT_ITEMS_RETURNED	"order_items_returned"
#define EVENT_ADDRESS_CHANGED	"order_address_changed"
#define REASON_CUSTOMER		"customer"
#define REASON_UNPAID		"unpaid"

/* Phrases: "a, b or c". */
#define PLAIN_STATUS(status, event)	status
#define PLAIN_EVENT(status, event)	event
#define PLAIN_NOTE(event)			event
#define PLAIN_REASON(reason)		reason
#define STATUSES_PHRASE	ORDER_STATUSES(PLAIN_STATUS, ", ", " or ")
#define EVENTS_PHRASE	ORDER_STATUSES(PLAIN_EVENT, ", ", ", ") ", " \
	EVENT_CORRECTED ", " \
	ORDER_NOTES(PLAIN_NOTE, ", ", " or ")
#define REASONS_PHRASE	CANCEL_REASONS(PLAIN_REASON, ", ", " or ")

/* Lists of SQL literals, for IN; of two words, with a space between them. */
#define QUOTED_STATUS_AND_EVENT(status, event)	"'" status " " event "'"
#define QUOTED_NOTE(event)						"'" event "'"
#define QUOTED_TRANSITION(from, to)				"'" from " " to "'"
#define QUOTED_REASON(reason)					"'" reason "'"
#define STATUS_AND_EVENT_LITERALS \
	ORDER_STATUSES(QUOTED_STATUS_AND_EVENT, ", ", ", ")
#define NOTE_LITERALS		ORDER_NOTES(QUOTED_NOTE, ", ", ", ")
#define QUOTED_EVENT(status, event)				"'" event "'"
#define EVENT_LITERALS \
	ORDER_STATUSES(QUOTED_EVENT, ", ", ", ") ", " NOTE_LITERALS
#define TRANSITION_LITERALS	ORDER_TRANSITIONS(QUOTED_TRANSITION, ", ")
#define CORRECTION_LITERALS	ORDER_CORRECTIONS(QUOTED_TRANSITION, ", ")
#define PAYMENT_KIND_LITERALS	PAYMENT_KINDS(QUOTED_NOTE, ", ", ", ")
#define REASON_LITERALS		CANCEL_REASONS(QUOTED_REASON, ", ", ", ")

/* The name of the event that gives an order the status, or NULL: no status. */
extern const char *event_of_status(const char *status);

extern bool is_order_event(const char *name);
extern bool can_follow(const char *from, const char *to);
extern bool can_be_corrected(const char *from, const char *to);
extern bool is_cancel_reason(const char *reason);

#endif							/* ECOMMERCE_ORDER_LIFECYCLE_H */
