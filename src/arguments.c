/*-------------------------------------------------------------------------
 *
 * arguments.c
 *		Reads the arguments of the public functions, and refuses bad ones.
 *
 * The functions are not STRICT: a null where a value is needed is an error,
 * not a null result that a client could take for success.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "arguments.h"

static bool read_pair(IntegerPair *pair, const JsonbValue *element,
					  const char *first, const char *second);
static bool read_integer(int32 *result, JsonbContainer *object,
						 const char *key);
static int	compare(Datum number, int32 value);

Datum
required_argument(const NullableDatum *argument, const char *name)
{
	if (argument->isnull)
		refuse_null(name);
	return argument->value;
}

int64
bigint_argument(const NullableDatum *argument, const char *name)
{
	return DatumGetInt64(required_argument(argument, name));
}

char *
text_argument(const NullableDatum *argument, const char *name)
{
	return TextDatumGetCString(required_argument(argument, name));
}

int32
integer_argument(const NullableDatum *argument, const char *name,
				 int32 minimum)
{
	int32		value = DatumGetInt32(required_argument(argument, name));

	if (value < minimum)
		refuse_argument(name, minimum == 0 ? "0 or more" : "1 or more");
	return value;
}

int64 *
integers_argument(const NullableDatum *argument, const char *name, Oid type,
				  int *count)
{
	ArrayType  *array = DatumGetArrayTypeP(required_argument(argument, name));
	Datum	   *elements;
	int64	   *values;

	if (ARR_NDIM(array) > 1)
		refuse_argument(name, "an array of one dimension");
	if (array_contains_nulls(array))
		refuse_null(name);
	if (type == INT8OID)
		deconstruct_array(array, type, sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &elements, NULL, count);
	else
		deconstruct_array(array, type, sizeof(int32), true, TYPALIGN_INT,
						  &elements, NULL, count);
	values = palloc_extended(*count * sizeof(int64), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *count; i++)
		values[i] = type == INT8OID ? DatumGetInt64(elements[i]) :
			DatumGetInt32(elements[i]);
	return values;
}

IntegerPair *
integer_pairs_argument(const NullableDatum *argument, const char *name,
					   const char *first, const char *second, int *count)
{
	Jsonb	   *array = DatumGetJsonbP(required_argument(argument, name));
	IntegerPair *pairs;
	char	   *accepted;

	accepted = psprintf("an array of objects with %s and %s, each a whole number from 1",
						first, second);
	*count = JB_ROOT_COUNT(array);
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array) || *count == 0)
		refuse_argument(name, accepted);
	pairs = palloc_extended(*count * sizeof(IntegerPair), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *count; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&array->root, i);

		CHECK_FOR_INTERRUPTS();
		if (!read_pair(&pairs[i], element, first, second))
			refuse_argument(name, accepted);
	}
	return pairs;
}

static bool
read_pair(IntegerPair *pair, const JsonbValue *element, const char *first,
		  const char *second)
{
	JsonbContainer *object = element->val.binary.data;

	return element->type == jbvBinary && JsonContainerIsObject(object) &&
		JsonContainerSize(object) == 2 &&
		read_integer(&pair->first, object, first) &&
		read_integer(&pair->second, object, second);
}

/* 1.0 is a whole number, too. */
static bool
read_integer(int32 *result, JsonbContainer *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key),
													 NULL);
	Datum		number;

	if (value == NULL || value->type != jbvNumeric)
		return false;
	number = NumericGetDatum(value->val.numeric);
	if (compare(number, 1) < 0 || compare(number, PG_INT32_MAX) > 0)
		return false;
	*result = DatumGetInt32(DirectFunctionCall1(numeric_int4, number));
	return compare(number, *result) == 0;
}

static int
compare(Datum number, int32 value)
{
	Numeric		other = int64_to_numeric(value);

	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, number,
											 NumericGetDatum(other)));
}

void
refuse_null(const char *name)
{
	ereport(ERROR,
			errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("argument must not be null"),
			errdetail_internal("{\"code\": \"null_argument\", \"argument\": \"%s\"}",
							   name),
			errhint("Give the argument a value."));
}

void
refuse_argument(const char *name, const char *accepted)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("argument is out of range"),
			errdetail_internal("{\"code\": \"argument_out_of_range\", \"argument\": \"%s\", \"accepted\": \"%s\"}",
							   name, accepted),
			errhint("Give the argument a value that is accepted."));
}
