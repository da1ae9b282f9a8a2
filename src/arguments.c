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
#include "utils/array.h"
#include "utils/builtins.h"

#include "arguments.h"

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
