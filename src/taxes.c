/*-------------------------------------------------------------------------
 *
 * taxes.c
 *		Taxes on an order.
 *
 * Lines, and shipping, that have the same rates are a group.  The tax of a group
 * is rounded once, and then divided among the components of the tax and among
 * the lines, so that all of these add up.  That is how EN 16931 (BR-CO-17) and
 * the invoices of Japan's consumption tax have it, and American law allows it.
 *
 * A destination, a class or a rate that is missing is a problem, never no tax.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "addresses.h"
#include "money.h"
#include "problems.h"
#include "taxes.h"
#include "texts.h"

#define TAX_RATE_COLUMNS(COLUMN) \
	COLUMN(tax_class, text, TEXTOID) \
	COLUMN(country, text, TEXTOID) \
	COLUMN(state, text, TEXTOID) \
	COLUMN(name, text, TEXTOID) \
	COLUMN(rate, numeric, NUMERICOID) \
	COLUMN(is_included, boolean, BOOLOID)

#define TAX_RATE_NCOLUMNS	(0 TAX_RATE_COLUMNS(COLUMN_COUNT))

typedef union TaxRate
{
	struct
	{
		TAX_RATE_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[TAX_RATE_NCOLUMNS];
} TaxRate;

/* How exactly a rate names where it is for. */
typedef enum Level
{
	FOR_ALL,
	FOR_COUNTRY,
	FOR_STATE
} Level;

/* What is taxed with the same rates. */
typedef struct TaxGroup
{
	List	   *rates;			/* of TaxRate */
	int			nmembers;
	int		   *members;		/* numbers of lines; SHIPPING */
	Numeric    *amounts;		/* what they cost */
} TaxGroup;

#define SHIPPING	(-1)

/* A class of the cart, and where what is in it belongs. */
typedef struct TaxClass
{
	NullableDatum name;
	TaxGroup   *group;			/* NULL when its rates cannot be told */
} TaxClass;

/* What of the address decides on taxes. */
typedef struct Destination
{
	NullableDatum country;
	NullableDatum state;
} Destination;

/*
 * The rates of the classes that are in force.  Without a country those of all
 * countries are read, to tell that there are any.
 */
static Statement select_rates = {
	.query =
	"SELECT id::bigint" TAX_RATE_COLUMNS(COLUMN_SELECTED)
	"  FROM ecommerce.tax_rates"
	" WHERE tax_class = ANY ($1)"
	"   AND (country IS NULL OR $2 IS NULL OR country = $2)"
	"   AND (starts_at IS NULL OR starts_at <= now())"
	"   AND (ends_at IS NULL OR ends_at > now())"
	" ORDER BY id",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTARRAYOID, TEXTOID)
};

static List *classes_of(const Checkout *checkout, NullableDatum shipping_class);
static List *add_class(List *classes, NullableDatum tax_class);
static List *read_rates(const List *classes, const Destination *destination,
						Visibility visibility);
static NullableDatum in_capitals(NullableDatum state);
static List *group_classes(Checkout *checkout, List **groups,
						   const List *classes, const List *rates,
						   const Destination *destination);
static void add_member(const List *classes, NullableDatum tax_class,
					   int member, Numeric amount);
static bool is_taxed(const Checkout *checkout, int line);
static List *rates_of_class(Checkout *checkout, const List *rates,
							NullableDatum tax_class,
							const Destination *destination);
static bool find_level(const List *rates, NullableDatum tax_class,
					   const Destination *destination, Level *level);
static bool is_for(const TaxRate *rate, NullableDatum tax_class,
				   const Destination *destination);
static Level level_of(const TaxRate *rate);
static void add_tax_problem(Checkout *checkout, ProblemKind kind,
							NullableDatum country, NullableDatum tax_class);
static TaxGroup *group_of(List **groups, List *rates, int max_members);
static bool rates_are_equal(const List *a, const List *b);
static int	count_equal(const List *rates, const TaxRate *rate);
static Numeric tax_group(Checkout *checkout, const TaxGroup *group);
static bool has_rates(const List *rates, bool is_included);
static Numeric sum_of_rates(const List *rates, bool is_included);
static void put_components(Checkout *checkout, const List *rates,
						   bool is_included, Numeric tax);
static void add_to_lines(Checkout *checkout, const TaxGroup *group,
						 bool is_included, Numeric rate, Numeric tax);
static NullableDatum plus(NullableDatum sum, Numeric amount);

Numeric
apply_taxes(Checkout *checkout, NullableDatum shipping_class,
			Numeric shipping_amount, Visibility visibility)
{
	Numeric		added = round_amount(int64_to_numeric(0), checkout->digits);
	List	   *names = classes_of(checkout, shipping_class);
	List	   *groups = NIL;
	List	   *classes;
	Destination destination;
	ListCell   *cell;

	if (names == NIL)
		return added;
	destination.country = address_field(checkout->address, "country");
	destination.state = in_capitals(address_field(checkout->address, "state"));
	classes = group_classes(checkout, &groups, names,
							read_rates(names, &destination, visibility),
							&destination);
	for (int i = 0; i < checkout->count; i++)
		if (is_taxed(checkout, i))
			add_member(classes, checkout->items[i].tax_class, i,
					   checkout->items[i].net);
	if (!shipping_class.isnull)
		add_member(classes, shipping_class, SHIPPING, shipping_amount);
	foreach(cell, groups)
		added = add_amounts(added, tax_group(checkout, lfirst(cell)));
	return added;
}

/* Their names, in the order of the lines, that of shipping last. */
static List *
classes_of(const Checkout *checkout, NullableDatum shipping_class)
{
	List	   *classes = NIL;

	for (int i = 0; i < checkout->count; i++)
		if (is_taxed(checkout, i))
			classes = add_class(classes, checkout->items[i].tax_class);
	return add_class(classes, shipping_class);
}

static List *
add_class(List *classes, NullableDatum tax_class)
{
	if (tax_class.isnull || contains_text(classes, tax_class))
		return classes;
	return lappend(classes, memcpy(palloc(sizeof(NullableDatum)), &tax_class,
								   sizeof(NullableDatum)));
}

static List *
read_rates(const List *classes, const Destination *destination,
		   Visibility visibility)
{
	NullableDatum values[] = {
		text_list_value(classes),
		destination->country
	};
	uint64		nrates = execute(&select_rates, values, visibility);
	TaxRate    *rates = palloc_extended(nrates * sizeof(TaxRate),
										MCXT_ALLOC_HUGE);
	List	   *result = NIL;

	for (uint64 i = 0; i < nrates; i++)
	{
		NullableDatum row[1 + TAX_RATE_NCOLUMNS];

		read_row(SPI_tuptable, i, row, lengthof(row));
		memcpy(rates[i].columns, &row[1], sizeof(rates[i].columns));
		rates[i].state = in_capitals(rates[i].state);
		result = lappend(result, &rates[i]);
	}
	return result;
}

/* The state of an address is what the customer has typed. */
static NullableDatum
in_capitals(NullableDatum state)
{
	return state.isnull ? state : upper_case(state.value);
}

/* Once for each class, however many lines it has. */
static List *
group_classes(Checkout *checkout, List **groups, const List *classes,
			  const List *rates, const Destination *destination)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, classes)
	{
		TaxClass   *tax_class = palloc(sizeof(TaxClass));
		List	   *applied;

		tax_class->name = *(NullableDatum *) lfirst(cell);
		applied = rates_of_class(checkout, rates, tax_class->name, destination);
		tax_class->group = applied == NIL ? NULL :
			group_of(groups, applied, checkout->count + 1);
		result = lappend(result, tax_class);
	}
	return result;
}

static void
add_member(const List *classes, NullableDatum tax_class, int member,
		   Numeric amount)
{
	ListCell   *cell;

	CHECK_FOR_INTERRUPTS();
	foreach(cell, classes)
	{
		TaxGroup   *group = ((TaxClass *) lfirst(cell))->group;

		if (!texts_are_equal(((TaxClass *) lfirst(cell))->name, tax_class))
			continue;
		if (group == NULL)
			return;
		group->members[group->nmembers] = member;
		group->amounts[group->nmembers] = amount;
		group->nmembers++;
		return;
	}
}

static bool
is_taxed(const Checkout *checkout, int line)
{
	return !checkout->items[line].tax_class.isnull &&
		!checkout->lines[line].line_amount.isnull;
}

/* The most specific rates; none, and a problem, when that cannot be told. */
static List *
rates_of_class(Checkout *checkout, const List *rates, NullableDatum tax_class,
			   const Destination *destination)
{
	NullableDatum none = NULL_VALUE;
	List	   *applied = NIL;
	Level		level = FOR_ALL;
	ListCell   *cell;

	if (!find_level(rates, tax_class, destination, &level))
	{
		add_tax_problem(checkout, ADDRESS_NEEDED, none, none);
		return NIL;
	}
	foreach(cell, rates)
	{
		TaxRate    *rate = lfirst(cell);

		if (level_of(rate) == level && is_for(rate, tax_class, destination))
			applied = lappend(applied, rate);
	}
	if (applied == NIL)
		add_tax_problem(checkout, NO_TAX_RATE, destination->country, tax_class);
	return applied;
}

/* False when there are rates that the address is too short to choose from. */
static bool
find_level(const List *rates, NullableDatum tax_class,
		   const Destination *destination, Level *level)
{
	ListCell   *cell;

	foreach(cell, rates)
	{
		const TaxRate *rate = lfirst(cell);

		if (!texts_are_equal(rate->tax_class, tax_class))
			continue;
		if ((destination->country.isnull && !rate->country.isnull) ||
			(destination->state.isnull && !rate->state.isnull))
			return false;
		if (is_for(rate, tax_class, destination))
			*level = Max(*level, level_of(rate));
	}
	return true;
}

static bool
is_for(const TaxRate *rate, NullableDatum tax_class,
	   const Destination *destination)
{
	return texts_are_equal(rate->tax_class, tax_class) &&
		(rate->country.isnull || texts_are_equal(rate->country, destination->country)) &&
		(rate->state.isnull || texts_are_equal(rate->state, destination->state));
}

static Level
level_of(const TaxRate *rate)
{
	if (!rate->state.isnull)
		return FOR_STATE;
	return rate->country.isnull ? FOR_ALL : FOR_COUNTRY;
}

/* An address that is too short is told once, also by shipping. */
static void
add_tax_problem(Checkout *checkout, ProblemKind kind, NullableDatum country,
				NullableDatum tax_class)
{
	ListCell   *cell;

	foreach(cell, checkout->problems)
	{
		const Problem *known = lfirst(cell);

		if (known->kind == kind &&
			texts_are_equal(known->facts[1], tax_class))
			return;
	}
	add_problem_of(checkout, kind, country, tax_class);
}

static TaxGroup *
group_of(List **groups, List *rates, int max_members)
{
	TaxGroup   *group;
	ListCell   *cell;

	foreach(cell, *groups)
	{
		group = lfirst(cell);
		if (rates_are_equal(group->rates, rates))
			return group;
	}
	group = palloc(sizeof(TaxGroup));
	group->rates = rates;
	group->nmembers = 0;
	group->members = palloc(max_members * sizeof(int));
	group->amounts = palloc(max_members * sizeof(Numeric));
	*groups = lappend(*groups, group);
	return group;
}

/* Their order is not the tax's. */
static bool
rates_are_equal(const List *a, const List *b)
{
	ListCell   *cell;

	if (list_length(a) != list_length(b))
		return false;
	foreach(cell, a)
	{
		if (count_equal(a, lfirst(cell)) != count_equal(b, lfirst(cell)))
			return false;
	}
	return true;
}

static int
count_equal(const List *rates, const TaxRate *rate)
{
	int			count = 0;
	ListCell   *cell;

	foreach(cell, rates)
	{
		const TaxRate *other = lfirst(cell);

		if (texts_are_equal(other->name, rate->name) &&
			DatumGetBool(other->is_included.value) ==
			DatumGetBool(rate->is_included.value) &&
			amounts_are_equal(DatumGetNumeric(other->rate.value),
							  DatumGetNumeric(rate->rate.value)))
			count++;
	}
	return count;
}

/* What is added is computed on what is left without what is included. */
static Numeric
tax_group(Checkout *checkout, const TaxGroup *group)
{
	Numeric		rate_included = sum_of_rates(group->rates, true);
	Numeric		rate_added = sum_of_rates(group->rates, false);
	Numeric		nothing = round_amount(int64_to_numeric(0), checkout->digits);
	Numeric		base = nothing;
	Numeric		included;
	Numeric		added;

	for (int i = 0; i < group->nmembers; i++)
		base = add_amounts(base, group->amounts[i]);
	included = nothing;
	if (has_rates(group->rates, true))
		included = included_in(base, rate_included, checkout->digits);
	added = nothing;
	if (has_rates(group->rates, false))
		added = percent_of(subtract_amounts(base, included), rate_added,
						   checkout->digits);

	put_components(checkout, group->rates, true, included);
	put_components(checkout, group->rates, false, added);
	if (has_rates(group->rates, true))
		add_to_lines(checkout, group, true, rate_included, included);
	if (has_rates(group->rates, false))
		add_to_lines(checkout, group, false, rate_added, added);
	return added;
}

static bool
has_rates(const List *rates, bool is_included)
{
	ListCell   *cell;

	foreach(cell, rates)
	{
		if (DatumGetBool(((TaxRate *) lfirst(cell))->is_included.value) == is_included)
			return true;
	}
	return false;
}

static Numeric
sum_of_rates(const List *rates, bool is_included)
{
	Numeric		sum = int64_to_numeric(0);
	ListCell   *cell;

	foreach(cell, rates)
	{
		const TaxRate *rate = lfirst(cell);

		if (DatumGetBool(rate->is_included.value) == is_included)
			sum = add_amounts(sum, DatumGetNumeric(rate->rate.value));
	}
	return sum;
}

static void
put_components(Checkout *checkout, const List *rates, bool is_included,
			   Numeric tax)
{
	int			count = 0;
	const TaxRate **components = palloc(list_length(rates) * sizeof(TaxRate *));
	Numeric    *weights = palloc(list_length(rates) * sizeof(Numeric));
	Numeric    *shares = palloc(list_length(rates) * sizeof(Numeric));
	ListCell   *cell;

	foreach(cell, rates)
	{
		const TaxRate *rate = lfirst(cell);

		if (DatumGetBool(rate->is_included.value) != is_included)
			continue;
		components[count] = rate;
		weights[count++] = DatumGetNumeric(rate->rate.value);
	}
	allocate(tax, weights, count, checkout->digits, shares);
	for (int i = 0; i < count; i++)
	{
		OrderAdjustment *adjustment = add_adjustment(checkout, KIND_TAX,
													 components[i]->name,
													 shares[i]);

		adjustment->code = components[i]->tax_class;
		adjustment->rate = components[i]->rate;
		adjustment->is_included = boolean_value(is_included);
	}
}

/* The share of shipping is in none of the lines. */
static void
add_to_lines(Checkout *checkout, const TaxGroup *group, bool is_included,
			 Numeric rate, Numeric tax)
{
	Numeric    *shares = palloc(group->nmembers * sizeof(Numeric));

	allocate(tax, group->amounts, group->nmembers, checkout->digits, shares);
	for (int i = 0; i < group->nmembers; i++)
	{
		OrderLine  *line;

		if (group->members[i] == SHIPPING)
			continue;
		line = &checkout->lines[group->members[i]];
		line->tax_rate = plus(line->tax_rate, rate);
		line->tax_amount = plus(line->tax_amount, shares[i]);
		if (!is_included)
			line->added_tax_amount = numeric_value(shares[i]);
	}
}

static NullableDatum
plus(NullableDatum sum, Numeric amount)
{
	return numeric_value(sum.isnull ? amount :
						 add_amounts(DatumGetNumeric(sum.value), amount));
}
