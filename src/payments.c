/*-------------------------------------------------------------------------
 *
 * payments.c
 *		The ledger of an order: what was paid and paid back.
 *
 * A payment is a fact that somebody else, such as a payment service, tells, maybe
 * twice, late, or out of order.  So nothing that can have happened is refused, what
 * is told again is not recorded again, and the balance of the order is made anew of
 * all that is known: it does not matter in which order that came.
 *
 * A fact's name is the provider's reference.  Facts of one reference belong
 * together: what is captured or voided was authorized under the same, and what
 * became of a refund is told under the one that it was requested with.
 *
 * The row of the order is locked first, so that of two refunds at once the second
 * finds how much the first has left.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "money.h"
#include "order_balances.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "texts.h"

#define LABEL_MAX_LENGTH	255

#define PAYLOAD_MAX_SIZE	65536

/* In the order of PAYMENT_KINDS. */
typedef enum Kind
{
	AUTHORIZED, CAPTURED, VOIDED, FAILED, REFUND_REQUESTED, REFUNDED,
	REFUND_FAILED, CHARGED_BACK, NKINDS
} Kind;

#define COMMA	,
#define KIND_ENTRY(kind)	kind

static const char *const kinds[NKINDS] = {
	PAYMENT_KINDS(KIND_ENTRY, COMMA, COMMA)
};

/* A row of the ledger, recorded or to be. */
typedef struct Payment
{
	Kind		kind;
	NullableDatum provider;
	NullableDatum reference;
	NullableDatum amount;
	NullableDatum payload;
} Payment;

typedef struct Ledger
{
	LockedOrder order;
	OrderBalance balance;		/* as stored, then as it is going to be */
	bool		has_balance;
	bool		was_paid;
	int32		last_number;
	int			count;
	Payment    *payments;		/* those of one reference together */
} Ledger;

/* What is known under one reference: each kind once, null if it is not there. */
typedef NullableDatum Facts[NKINDS];

static Statement select_payments = {
	.query =
	"SELECT payment_number::integer, kind::text, provider::text,"
	"       reference::text, amount::numeric"
	"  FROM ecommerce.order_payments WHERE customer_id = $1 AND order_id = $2"
	" ORDER BY provider::text COLLATE \"C\", reference::text COLLATE \"C\"",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* Whatever its kind; the first columns of an index. */
static Statement select_other_order = {
	.query =
	"SELECT 1 FROM ecommerce.order_payments"
	" WHERE customer_id = $1 AND provider = $2 AND reference = $3"
	"   AND order_id <> $4 LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TEXTOID, TEXTOID, INT8OID)
};

static Statement insert_payment = {
	.query =
	"INSERT INTO ecommerce.order_payments (customer_id, order_id,"
	"       payment_number, kind, provider, reference, amount, payload, actor,"
	"       person)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID,
			   JSONBOID, TEXTOID, TEXTOID),
	DOMAINS(DOMAIN(5, "label", TEXTOID), DOMAIN(6, "label", TEXTOID))
};

PG_FUNCTION_INFO_V1(record_payment);
PG_FUNCTION_INFO_V1(request_refund);

static NullableDatum label_argument(const NullableDatum *argument,
									const char *name);
static Kind kind_argument(const NullableDatum *argument);
static Document *record(int64 user_id, int64 order_id, Payment *payment);
static void open_ledger(Ledger *ledger, int64 user_id, int64 order_id);
static void read_payments(Ledger *ledger);
static bool kind_of(NullableDatum name, Kind *kind);
static const Payment *find_payment(const Ledger *ledger,
								   const Payment *payment);
static Numeric amount_in_units(const Ledger *ledger, NullableDatum amount);
static void write_payment(const Access *access, Ledger *ledger,
						  const Payment *payment, Jsonb *payload);
static void require_own_reference(const LockedOrder *order,
								  const Payment *payment);
static void refuse_other_order(void);
pg_noreturn static void refuse_reused_reference(int64 order_id,
												const char *argument);
static void add_payment(Ledger *ledger, const Payment *payment);
static bool have_one_reference(const Payment *a, const Payment *b);
static void sum_up(const Ledger *ledger, NullableDatum provider,
				   OrderBalance *balance);
static void add_facts(OrderBalance *balance, const NullableDatum *facts,
					  int digits);
static Numeric above_zero(Numeric amount, int digits);
static void add(NullableDatum *sum, NullableDatum amount, int digits);
static Jsonb *payment_payload(const Payment *payment);
static Document *request(int64 user_id, int64 order_id, Payment *refund,
						 NullableDatum reason);
static void refuse_failed_refund(const Ledger *ledger, const Payment *refund);
static const Payment *find_refund(const Ledger *ledger, const Payment *refund,
								  Kind kind);
static void choose_amount(const Ledger *ledger, Payment *refund);
static void require_refundable(const Ledger *ledger, const Payment *refund,
							   Numeric left);
static void choose_provider(const Ledger *ledger, Payment *refund);
static Jsonb *refund_payload(const Ledger *ledger, const Payment *refund);

static const RowNumber references_of_payments = {
	.indexes = {"order_payments_one_of_a_kind_for_each_reference"},
	.refuse = refuse_other_order
};

Datum
record_payment(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	Payment		payment = {
		.provider = label_argument(&fcinfo->args[2], "provider"),
		.reference = label_argument(&fcinfo->args[3], "reference"),
		.kind = kind_argument(&fcinfo->args[4]),
		.amount = not_null(required_argument(&fcinfo->args[5], "amount")),
		.payload = fcinfo->args[6]
	};

	if (!payment.payload.isnull)
	{
		Jsonb	   *payload = DatumGetJsonbP(payment.payload.value);

		if (!JB_ROOT_IS_OBJECT(payload) || VARSIZE(payload) > PAYLOAD_MAX_SIZE)
			refuse_argument("payload", "an object of at most "
							CppAsString2(PAYLOAD_MAX_SIZE) " bytes");
	}
	PG_RETURN_POINTER(record(user_id, order_id, &payment));
}

Datum
request_refund(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	Payment		refund = {
		.kind = REFUND_REQUESTED,
		.reference = label_argument(&fcinfo->args[2], "reference"),
		.amount = fcinfo->args[3],
		.provider = fcinfo->args[4]
	};
	NullableDatum reason = fcinfo->args[5];

	check_text_argument(&refund.provider, "provider", LABEL_MAX_LENGTH);
	if (!reason.isnull && length_of(reason.value) > REASON_MAX_LENGTH)
		refuse_argument("reason", "at most " CppAsString2(REASON_MAX_LENGTH)
						" characters");
	PG_RETURN_POINTER(request(user_id, order_id, &refund, reason));
}

static NullableDatum
label_argument(const NullableDatum *argument, const char *name)
{
	NullableDatum label = not_null(required_argument(argument, name));

	check_text_argument(&label, name, LABEL_MAX_LENGTH);
	return label;
}

/* Refunds are requested with request_refund(), which sees to what is left. */
static Kind
kind_argument(const NullableDatum *argument)
{
	Kind		kind;

	if (!kind_of(not_null(required_argument(argument, "kind")), &kind) ||
		kind == REFUND_REQUESTED)
		refuse_argument("kind", "authorized, captured, voided, failed, refunded, refund_failed or charged_back");
	return kind;
}

static Document *
record(int64 user_id, int64 order_id, Payment *payment)
{
	Access		access;
	Ledger		ledger;
	const Payment *known;
	Document   *order;

	begin_staff_access(&access);
	open_ledger(&ledger, user_id, order_id);
	payment->amount = numeric_value(amount_in_units(&ledger, payment->amount));
	known = find_payment(&ledger, payment);
	if (known == NULL)
	{
		Numeric		refunded = amount_or_zero(ledger.balance.refunded_amount,
											  ledger.order.digits);

		write_payment(&access, &ledger, payment, payment_payload(payment));
		if (payment->kind == REFUNDED &&
			!amounts_are_equal(amount_or_zero(ledger.balance.refunded_amount,
											  ledger.order.digits), refunded))
			write_note(&access, user_id, order_id, EVENT_REFUNDED,
					   ledger.order.status, payment_payload(payment));
	}
	else if (known->amount.isnull ||
			 !amounts_are_equal(DatumGetNumeric(known->amount.value),
								DatumGetNumeric(payment->amount.value)))
		refuse_reused_reference(order_id, "amount");
	order = read_order(&access, AS_JSONB, user_id, order_id,
					   known == NULL ? PLACED_NOW : PLACED_EARLIER,
					   FRESH_SNAPSHOT);
	end_access(&access);
	return order;
}

/* Locks the order, and reads what is known of its payments. */
static void
open_ledger(Ledger *ledger, int64 user_id, int64 order_id)
{
	lock_order(&ledger->order, user_id, order_id);
	ledger->has_balance = read_balance(&ledger->order, &ledger->balance);
	ledger->was_paid = is_paid(&ledger->order, &ledger->balance);
	read_payments(ledger);
}

/* Others may be newer than the snapshot of a transaction that keeps to one. */
static void
read_payments(Ledger *ledger)
{
	NullableDatum values[] = {bigint_value(ledger->order.user_id), bigint_value(ledger->order.id)};
	uint64		count = execute(&select_payments, values, LATEST_SNAPSHOT);

	/* With room for one more. */
	ledger->payments = palloc_extended((count + 1) * sizeof(Payment),
									   MCXT_ALLOC_HUGE);
	ledger->count = 0;
	ledger->last_number = 0;
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[5];
		Payment    *payment = &ledger->payments[ledger->count];

		CHECK_FOR_INTERRUPTS();
		read_row(SPI_tuptable, i, row, lengthof(row));
		ledger->last_number = Max(ledger->last_number, DatumGetInt32(row[0].value));
		if (!kind_of(row[1], &payment->kind))
			continue;
		payment->provider = row[2];
		payment->reference = row[3];
		payment->amount = row[4];
		payment->payload = NULL_VALUE;
		ledger->count++;
	}
}

static bool
kind_of(NullableDatum name, Kind *kind)
{
	for (int i = 0; i < NKINDS; i++)
		if (!name.isnull &&
			strcmp(TextDatumGetCString(name.value), kinds[i]) == 0)
		{
			*kind = i;
			return true;
		}
	return false;
}

/* That of the same name and kind, or NULL. */
static const Payment *
find_payment(const Ledger *ledger, const Payment *payment)
{
	for (int i = 0; i < ledger->count; i++)
	{
		const Payment *known = &ledger->payments[i];

		if (known->kind == payment->kind &&
			have_one_reference(known, payment))
			return known;
	}
	return NULL;
}

/* With the digits of the order's currency. */
static Numeric
amount_in_units(const Ledger *ledger, NullableDatum amount)
{
	Numeric		value = DatumGetNumeric(amount.value);
	Numeric		rounded;

	if (!is_amount(value))
		refuse_argument("amount", "a number from 0, below "
						CppAsString2(AMOUNT_LIMIT));
	rounded = round_amount(value, ledger->order.digits);
	if (!amounts_are_equal(rounded, value))
		refuse_argument("amount", "a multiple of the unit of the order's currency");
	return rounded;
}

/* The payload is that of the event, if it is the one that pays the order. */
static void
write_payment(const Access *access, Ledger *ledger, const Payment *payment,
			  Jsonb *payload)
{
	const LockedOrder *order = &ledger->order;
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id),
		integer_value(ledger->last_number + 1),
		text_value(kinds[payment->kind]),
		payment->provider,
		payment->reference,
		payment->amount,
		payment->payload,
		text_value(GetUserNameFromId(access->caller, false)),
		claimed_person()
	};

	require_own_reference(order, payment);
	require_written(execute_insert(&insert_payment, values,
								   &references_of_payments), 1);
	add_payment(ledger, payment);
	sum_up(ledger, NULL_VALUE, &ledger->balance);
	write_balance(access, order, &ledger->balance, ledger->has_balance,
				  ledger->was_paid, payload);
}

/* A capture at one order of what was authorized at another would count at neither. */
static void
require_own_reference(const LockedOrder *order, const Payment *payment)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		payment->provider,
		payment->reference,
		bigint_value(order->id)
	};

	if (execute(&select_other_order, values, LATEST_SNAPSHOT) > 0)
		refuse_other_order();
}

/* Or the index found it, written meanwhile: the order's own payments have none. */
static void
refuse_other_order(void)
{
	ereport(ERROR,
			errcode(ERRCODE_KEY_REUSED),
			errmsg("reference was used for another payment"),
			errdetail_internal("{\"code\": \"payment_reference_reused\", \"argument\": \"order_id\"}"),
			errhint("Repeat a payment with the arguments it had; each reference of a provider is of one order."));
}

static void
refuse_reused_reference(int64 order_id, const char *argument)
{
	ereport(ERROR,
			errcode(ERRCODE_KEY_REUSED),
			errmsg("reference was used for another payment"),
			errdetail_internal("{\"code\": \"payment_reference_reused\", \"order_id\": " INT64_FORMAT ", \"argument\": \"%s\"}",
							   order_id, argument),
			errhint("Repeat a payment with the arguments it had; each reference of a provider is of one order."));
}

/* Behind those of its reference, if there are any. */
static void
add_payment(Ledger *ledger, const Payment *payment)
{
	int			place = ledger->count;

	for (int i = 0; i < ledger->count; i++)
		if (have_one_reference(&ledger->payments[i], payment))
			place = i + 1;
	memmove(&ledger->payments[place + 1], &ledger->payments[place],
			(ledger->count - place) * sizeof(Payment));
	ledger->payments[place] = *payment;
	ledger->count++;
}

static bool
have_one_reference(const Payment *a, const Payment *b)
{
	return texts_are_equal(a->reference, b->reference) &&
		texts_are_equal(a->provider, b->provider);
}

/* Makes the amounts of the balance anew of all payments, or those of a provider. */
static void
sum_up(const Ledger *ledger, NullableDatum provider, OrderBalance *balance)
{
	int			digits = ledger->order.digits;
	NullableDatum nothing = numeric_value(amount_or_zero(NULL_VALUE, digits));
	int			next = 0;

	balance->authorized_amount = nothing;
	balance->paid_amount = nothing;
	balance->refunded_amount = nothing;
	balance->refund_pending_amount = nothing;
	while (next < ledger->count)
	{
		const Payment *first = &ledger->payments[next];
		Facts		facts;

		for (int kind = 0; kind < NKINDS; kind++)
			facts[kind] = NULL_VALUE;
		for (; next < ledger->count &&
			 have_one_reference(&ledger->payments[next], first); next++)
			facts[ledger->payments[next].kind] = ledger->payments[next].amount;
		if (provider.isnull || texts_are_equal(first->provider, provider))
			add_facts(balance, facts, digits);
	}
}

/*
 * A refund that has failed may have succeeded before, never the other way round.
 * What has failed is first of what was requested and is not refunded, then of what
 * was.
 */
static void
add_facts(OrderBalance *balance, const NullableDatum *facts, int digits)
{
	Numeric		reserved = subtract_amounts(amount_or_zero(facts[AUTHORIZED], digits),
											add_amounts(amount_or_zero(facts[VOIDED], digits),
														amount_or_zero(facts[CAPTURED], digits)));
	Numeric		refunded = amount_or_zero(facts[REFUNDED], digits);
	Numeric		asked = above_zero(subtract_amounts(amount_or_zero(facts[REFUND_REQUESTED], digits),
													refunded), digits);
	Numeric		undone = above_zero(subtract_amounts(amount_or_zero(facts[REFUND_FAILED], digits),
													 asked), digits);

	add(&balance->authorized_amount,
		numeric_value(above_zero(reserved, digits)), digits);
	add(&balance->paid_amount, facts[CAPTURED], digits);
	add(&balance->refunded_amount, facts[CHARGED_BACK], digits);
	add(&balance->refunded_amount,
		numeric_value(above_zero(subtract_amounts(refunded, undone), digits)),
		digits);
	if (facts[REFUNDED].isnull && facts[REFUND_FAILED].isnull)
		add(&balance->refund_pending_amount, facts[REFUND_REQUESTED], digits);
}

static Numeric
above_zero(Numeric amount, int digits)
{
	Numeric		nothing = amount_or_zero(NULL_VALUE, digits);

	return compare_amounts(amount, nothing) > 0 ? amount : nothing;
}

static void
add(NullableDatum *sum, NullableDatum amount, int digits)
{
	if (!amount.isnull)
		*sum = numeric_value(add_amounts(amount_or_zero(*sum, digits),
										 DatumGetNumeric(amount.value)));
}

/* {amount, provider, reference} */
static Jsonb *
payment_payload(const Payment *payment)
{
	static const char *const keys[] = {"amount", "provider", "reference"};
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(keys, lengthof(keys)));
	jsonb_put_numeric(&writer, payment->amount);
	jsonb_put_text(&writer, payment->provider);
	jsonb_put_text(&writer, payment->reference);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}

static Document *
request(int64 user_id, int64 order_id, Payment *refund, NullableDatum reason)
{
	Access		access;
	Ledger		ledger;
	const Payment *known;
	Document   *order;

	begin_staff_access(&access);
	open_ledger(&ledger, user_id, order_id);
	if (!refund->amount.isnull)
		refund->amount = numeric_value(amount_in_units(&ledger, refund->amount));
	refuse_failed_refund(&ledger, refund);
	known = find_refund(&ledger, refund, REFUND_REQUESTED);
	if (known == NULL)
	{
		choose_amount(&ledger, refund);
		refund->payload = jsonb_value(reason_payload(reason));
		write_payment(&access, &ledger, refund, NULL);
		write_note(&access, user_id, order_id, EVENT_REFUND_REQUESTED,
				   ledger.order.status, refund_payload(&ledger, refund));
	}
	else if (!refund->amount.isnull &&
			 (known->amount.isnull ||
			  !amounts_are_equal(DatumGetNumeric(known->amount.value),
								 DatumGetNumeric(refund->amount.value))))
		refuse_reused_reference(order_id, "amount");
	order = read_order(&access, AS_JSONB, user_id, order_id,
					   known == NULL ? PLACED_NOW : PLACED_EARLIER,
					   FRESH_SNAPSHOT);
	end_access(&access);
	return order;
}

/* A second attempt under the same name could not be told from the first. */
static void
refuse_failed_refund(const Ledger *ledger, const Payment *refund)
{
	if (find_refund(ledger, refund, REFUND_FAILED) != NULL)
		ereport(ERROR,
				errcode(ERRCODE_KEY_REUSED),
				errmsg("reference is that of a refund that has failed"),
				errdetail_internal("{\"code\": \"payment_reference_reused\", \"order_id\": " INT64_FORMAT ", \"argument\": \"reference\"}",
								   ledger->order.id),
				errhint("Request the refund again with a new reference."));
}

/* A provider that is left out agrees with any. */
static const Payment *
find_refund(const Ledger *ledger, const Payment *refund, Kind kind)
{
	for (int i = 0; i < ledger->count; i++)
	{
		const Payment *known = &ledger->payments[i];

		if (known->kind == kind &&
			texts_are_equal(known->reference, refund->reference) &&
			(refund->provider.isnull ||
			 texts_are_equal(known->provider, refund->provider)))
			return known;
	}
	return NULL;
}

/*
 * All that is left, or no more than that: of the order, as a bank may have taken
 * back what came by another way, and of what came through the provider.
 */
static void
choose_amount(const Ledger *ledger, Payment *refund)
{
	int			digits = ledger->order.digits;
	Numeric		left = refundable_amount(&ledger->balance, digits);
	Numeric		left_of_provider;
	OrderBalance balance;

	if (!refund->amount.isnull &&
		is_zero(DatumGetNumeric(refund->amount.value)))
		refuse_argument("amount", "a number above 0, below "
						CppAsString2(AMOUNT_LIMIT));
	require_refundable(ledger, refund, left);
	choose_provider(ledger, refund);
	sum_up(ledger, refund->provider, &balance);
	left_of_provider = refundable_amount(&balance, digits);
	if (compare_amounts(left_of_provider, left) < 0)
		left = left_of_provider;
	require_refundable(ledger, refund, left);
	if (!refund->amount.isnull)
		return;
	/* Several payments may come to more than one refund can. */
	if (!is_below_amount_limit(left))
		refuse_argument("amount", "a number above 0, below "
						CppAsString2(AMOUNT_LIMIT));
	refund->amount = numeric_value(left);
}

static void
require_refundable(const Ledger *ledger, const Payment *refund, Numeric left)
{
	int			digits = ledger->order.digits;
	Numeric		shown = above_zero(left, digits);
	NullableDatum amount = refund->amount.isnull ? numeric_value(shown) :
	refund->amount;

	if (is_zero(shown) ||
		compare_amounts(DatumGetNumeric(amount.value), shown) > 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("refund exceeds what was paid"),
				errdetail_internal("{\"code\": \"refund_exceeds_payment\", \"order_id\": " INT64_FORMAT ", \"amount\": %s, \"refundable_amount\": %s}",
								   ledger->order.id,
								   amount_text(DatumGetNumeric(amount.value)),
								   amount_text(shown)),
				errhint("Refund no more than was paid and is not refunded yet, nor about to be."));
}

/* Money goes back where it came from; from where, somebody must say if it is not plain. */
static void
choose_provider(const Ledger *ledger, Payment *refund)
{
	StringInfoData providers;
	List	   *known = NIL;

	if (!refund->provider.isnull)
		return;
	initStringInfo(&providers);
	for (int i = 0; i < ledger->count; i++)
	{
		const Payment *payment = &ledger->payments[i];

		if (payment->kind != CAPTURED || payment->provider.isnull ||
			contains_text(known, payment->provider))
			continue;
		known = lappend(known, unconstify(NullableDatum *, &payment->provider));
		appendStringInfoString(&providers, providers.len > 0 ? ", " : "");
		escape_json(&providers, TextDatumGetCString(payment->provider.value));
	}
	if (list_length(known) != 1)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("order was paid through several providers"),
				errdetail_internal("{\"code\": \"provider_needed\", \"order_id\": " INT64_FORMAT ", \"providers\": [%s]}",
								   ledger->order.id, providers.data),
				errhint("Say which provider is to refund it."));
	refund->provider = *(NullableDatum *) linitial(known);
}

/* {amount, payments: [{amount, reference}], provider, reference} */
static Jsonb *
refund_payload(const Ledger *ledger, const Payment *refund)
{
	static const char *const keys[] = {"amount", "payments", "provider", "reference"};
	static const char *const captured_keys[] = {"amount", "reference"};
	JsonbShape *captured_shape = jsonb_shape(captured_keys,
											 lengthof(captured_keys));
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(keys, lengthof(keys)));
	jsonb_put_numeric(&writer, refund->amount);
	jsonb_open_array(&writer);
	for (int i = 0; i < ledger->count; i++)
	{
		const Payment *payment = &ledger->payments[i];

		if (payment->kind != CAPTURED ||
			!texts_are_equal(payment->provider, refund->provider))
			continue;
		jsonb_open_object(&writer, captured_shape);
		jsonb_put_numeric(&writer, payment->amount);
		jsonb_put_text(&writer, payment->reference);
		jsonb_close_object(&writer);
	}
	jsonb_close_array(&writer);
	jsonb_put_text(&writer, refund->provider);
	jsonb_put_text(&writer, refund->reference);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
