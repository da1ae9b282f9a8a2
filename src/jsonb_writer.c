/*-------------------------------------------------------------------------
 *
 * jsonb_writer.c
 *		Writes a JSON document front to back, without building it as a tree.
 *
 * The server's own pushJsonbValue() builds a tree, sorts the keys of each
 * object, and copies every level into the one above it.  Here the keys are
 * known and sorted beforehand, so a value is written once, in place.  The
 * format is the one described in utils/jsonb.h: it is on users' disks and so
 * does not change.  What this file produces is equal, byte for byte, to what
 * jsonb_in() makes of the same text; test/sql/jsonb_writer.sql compares them.
 *
 * A container is a header (the number of children, and its kind), a JEntry (the
 * type and length) for each child, then the children's data.  In an object the
 * JEntries have room from the start, because the number of keys is known.  In
 * an array the number of elements is not, so the elements are written right
 * behind the header and moved up once, when the array is closed.
 *
 * Children that need alignment (containers and numerics) are aligned relative
 * to the start of the document, and the padding counts as part of the child.
 *
 * As text, a child is what jsonb_out() makes of it, behind a label: what the
 * shape of an object has in front of each value, or the comma in an array.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "json_text.h"
#include "jsonb_writer.h"
#include "numeric_format.h"

/* Between the elements of an array, as text. */
#define SEPARATOR			", "
#define SEPARATOR_LENGTH	2

static void make_labels(JsonbShape *shape, const char *const *keys);
static int	open_container(JsonbWriter *writer, const JsonbShape *shape,
						   int length);
static void close_container(JsonbWriter *writer);
static void reverse_children(JsonbWriter *writer);
static void end_child(JsonbWriter *writer, JEntry type, int start);
static void add_element(JsonbWriter *writer, JEntry type, int start);
static JEntry child_entry(JEntry type, int index, int start, int end);
static StringInfo begin_text(JsonbWriter *writer);
static void put_word(JsonbWriter *writer, const char *word, int length);
static void put_string(JsonbWriter *writer, const char *string, int length);
static void pad(JsonbWriter *writer);
static char *append_numeric(JsonbWriter *writer, int length);
static inline void append_bytes(JsonbWriter *writer, const char *bytes,
								int length);
static inline char *append(JsonbWriter *writer, int length);
static void enlarge(JsonbWriter *writer, Size length);

JsonbShape *
jsonb_shape(const char *const *keys, int nkeys)
{
	JsonbShape *shape = palloc(sizeof(JsonbShape));
	JEntry	   *entries;
	char	   *names;
	int			end = 0;

	shape->nkeys = nkeys;
	shape->keys_length = 0;
	for (int i = 0; i < nkeys; i++)
		shape->keys_length += strlen(keys[i]);
	shape->image_length = sizeof(uint32) + 2 * nkeys * sizeof(JEntry) +
		shape->keys_length;
	shape->image = palloc0(shape->image_length);

	*(uint32 *) shape->image = nkeys | JB_FOBJECT;
	entries = (JEntry *) (shape->image + sizeof(uint32));
	names = (char *) (entries + 2 * nkeys);
	for (int i = 0; i < nkeys; i++)
	{
		size_t		length = strlen(keys[i]);

		Assert(i == 0 || strlen(keys[i - 1]) < length ||
			   (strlen(keys[i - 1]) == length &&
				memcmp(keys[i - 1], keys[i], length) < 0));
		memcpy(names + end, keys[i], length);
		entries[i] = child_entry(JENTRY_ISSTRING, i, end, end + length);
		end += length;
	}
	make_labels(shape, keys);
	return shape;
}

/* "id": and , "number": and so on.  No key has a character to escape. */
static void
make_labels(JsonbShape *shape, const char *const *keys)
{
	StringInfoData labels;

	initStringInfo(&labels);
	shape->label_starts = palloc((shape->nkeys + 1) * sizeof(int));
	for (int i = 0; i < shape->nkeys; i++)
	{
		shape->label_starts[i] = labels.len;
		appendStringInfo(&labels, "%s\"%s\": ", i > 0 ? SEPARATOR : "",
						 keys[i]);
	}
	shape->label_starts[shape->nkeys] = labels.len;
	shape->labels = labels.data;
}

const JsonbShape *
jsonb_kept_shape(JsonbShape **shape, const char *const *keys, int nkeys)
{
	if (*shape == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

		*shape = jsonb_shape(keys, nkeys);
		MemoryContextSwitchTo(before);
	}
	return *shape;
}

/*
 * Until the extension is updated, the library is called by functions that an
 * older script has declared: so their result decides, not their name.
 */
DocumentFormat
answer_format(FunctionCallInfo fcinfo)
{
	return get_func_rettype(fcinfo->flinfo->fn_oid) == JSONOID ? AS_JSON :
		AS_JSONB;
}

void
jsonb_begin(JsonbWriter *writer, MemoryContext context)
{
	document_begin(writer, AS_JSONB, context);
}

Jsonb *
jsonb_finish(JsonbWriter *writer)
{
	Assert(writer->format == AS_JSONB);
	return (Jsonb *) document_finish(writer);
}

void
document_begin(JsonbWriter *writer, DocumentFormat format,
			   MemoryContext context)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);

	initStringInfo(&writer->buffer);
	MemoryContextSwitchTo(old_context);
	writer->format = format;
	writer->capacity = writer->buffer.maxlen;
	writer->buffer.len = VARHDRSZ;
	writer->depth = 0;
	writer->nchildren = 0;
	writer->max_children = 64;
	writer->children = palloc(writer->max_children * sizeof(JsonbChild));
}

Document *
document_finish(JsonbWriter *writer)
{
	Assert(writer->depth == 0);
	pfree(writer->children);
	SET_VARSIZE(writer->buffer.data, writer->buffer.len);
	return (Document *) writer->buffer.data;
}

void
jsonb_open_object(JsonbWriter *writer, const JsonbShape *shape)
{
	int			header;

	if (writer->format == AS_JSON)
	{
		open_container(writer, shape, 0);
		return;
	}
	header = open_container(writer, shape, shape->image_length);
	memcpy(writer->buffer.data + header, shape->image, shape->image_length);
}

void
jsonb_close_object(JsonbWriter *writer)
{
#ifdef USE_ASSERT_CHECKING
	JsonbLevel *level = &writer->levels[writer->depth - 1];

	Assert(level->nchildren == level->shape->nkeys);
#endif
	close_container(writer);
}

void
jsonb_open_array(JsonbWriter *writer)
{
	open_container(writer, NULL,
				   writer->format == AS_JSON ? 0 : sizeof(uint32));
}

/*
 * Moves the elements up to make room for their entries, whose number is known
 * now.
 */
void
jsonb_close_array(JsonbWriter *writer)
{
	JsonbLevel *level = &writer->levels[writer->depth - 1];
	JsonbChild *children = writer->children + level->first_child;
	int			count = level->nchildren;
	int			length = writer->buffer.len - level->data;
	JEntry	   *entries;
	uint32		header = count | JB_FARRAY;

	writer->nchildren = level->first_child;
	if (writer->format == AS_JSONB)
	{
		append(writer, count * sizeof(JEntry));
		entries = (JEntry *) (writer->buffer.data + level->data);
		memmove(entries + count, entries, length);
		for (int i = 0; i < count; i++)
			entries[i] = child_entry(children[i].type, i, children[i].start,
									 i < count - 1 ? children[i + 1].start :
									 length);
		memcpy(writer->buffer.data + level->header, &header, sizeof(header));
	}
	close_container(writer);
}

void
jsonb_close_array_reversed(JsonbWriter *writer)
{
	if (writer->levels[writer->depth - 1].nchildren > 1)
		reverse_children(writer);
	jsonb_close_array(writer);
}

void
jsonb_put_null(JsonbWriter *writer)
{
	if (writer->format == AS_JSON)
		put_word(writer, "null", 4);
	else
		end_child(writer, JENTRY_ISNULL, writer->buffer.len);
}

void
jsonb_put_bool(JsonbWriter *writer, bool value)
{
	if (writer->format == AS_JSON)
		put_word(writer, value ? "true" : "false", value ? 4 : 5);
	else
		end_child(writer, value ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE,
				  writer->buffer.len);
}

/*
 * Writes the numeric that int64_to_numeric() would make, without making it
 * first: two thirds of what an order line holds are integers.
 */
void
jsonb_put_int64(JsonbWriter *writer, int64 value)
{
	int16		digits[NUMERIC_INT64_DIGITS];
	int			first = NUMERIC_INT64_DIGITS;
	int			last = NUMERIC_INT64_DIGITS;
	uint64		rest = value < 0 ? -(uint64) value : (uint64) value;
	int			start = writer->buffer.len;
	uint16		header;
	char	   *target;

	if (writer->format == AS_JSON)
	{
		append_json_integer(begin_text(writer), value);
		return;
	}
	while (rest > 0)
	{
		digits[--first] = rest % NUMERIC_BASE;
		rest /= NUMERIC_BASE;
	}
	header = NUMERIC_SHORT_FORMAT | (value < 0 ? NUMERIC_SHORT_NEGATIVE : 0) |
		(first < last ? last - first - 1 : 0);
	while (last > first && digits[last - 1] == 0)
		last--;

	target = append_numeric(writer, sizeof(header) +
							(last - first) * sizeof(int16));
	memcpy(target, &header, sizeof(header));
	memcpy(target + sizeof(header), digits + first,
		   (last - first) * sizeof(int16));
	end_child(writer, JENTRY_ISNUMERIC, start);
}

void
jsonb_put_int4(JsonbWriter *writer, NullableDatum value)
{
	if (value.isnull)
		jsonb_put_null(writer);
	else
		jsonb_put_int64(writer, DatumGetInt32(value.value));
}

void
jsonb_put_int8(JsonbWriter *writer, NullableDatum value)
{
	if (value.isnull)
		jsonb_put_null(writer);
	else
		jsonb_put_int64(writer, DatumGetInt64(value.value));
}

/*
 * NaN and the infinities have no place in JSON; the tables' constraints keep
 * them out, and this is for a table that has lost its constraints.
 */
void
jsonb_put_numeric(JsonbWriter *writer, NullableDatum value)
{
	int			start = writer->buffer.len;
	struct varlena *numeric;
	int			length;
	uint16		header;

	if (value.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	numeric = PG_DETOAST_DATUM_PACKED(value.value);
	length = VARSIZE_ANY_EXHDR(numeric);
	memcpy(&header, VARDATA_ANY(numeric), sizeof(header));
	if ((header & NUMERIC_FORMAT_MASK) == NUMERIC_SPECIAL_FORMAT)
		refuse_not_finite();
	if (writer->format == AS_JSON)
		append_json_numeric(begin_text(writer), numeric);
	else
	{
		memcpy(append_numeric(writer, length), VARDATA_ANY(numeric), length);
		end_child(writer, JENTRY_ISNUMERIC, start);
	}
	if ((Pointer) numeric != DatumGetPointer(value.value))
		pfree(numeric);
}

void
refuse_not_finite(void)
{
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("JSON has no NaN and no infinity"),
			errdetail_internal("{\"code\": \"not_a_finite_number\"}"),
			errhint("Restore the check constraints of the ecommerce tables."));
}

void
jsonb_put_text(JsonbWriter *writer, NullableDatum value)
{
	struct varlena *string;

	if (value.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	string = PG_DETOAST_DATUM_PACKED(value.value);
	put_string(writer, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	if ((Pointer) string != DatumGetPointer(value.value))
		pfree(string);
}

void
jsonb_put_cstring(JsonbWriter *writer, const char *value)
{
	put_string(writer, value, strlen(value));
}

/* The text is what to_jsonb(timestamptz) gives: ISO 8601, session time zone. */
void
jsonb_put_timestamptz(JsonbWriter *writer, NullableDatum value)
{
	char		string[MAXDATELEN + 1];

	if (value.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	JsonEncodeDateTime(string, value.value, TIMESTAMPTZOID, NULL);
	jsonb_put_cstring(writer, string);
}

/*
 * What is inside a container does not depend on where it is, as long as that is
 * aligned.  A scalar document is stored as an array of one element, with a flag
 * that only the whole document can have, so its element is put instead.
 */
void
jsonb_put_jsonb(JsonbWriter *writer, NullableDatum value)
{
	int			start = writer->buffer.len;
	JEntry		type = JENTRY_ISCONTAINER;
	Jsonb	   *document;
	char	   *data;
	int			length;

	if (value.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	document = DatumGetJsonbP(value.value);
	if (writer->format == AS_JSON)
	{
		(void) JsonbToCString(begin_text(writer), &document->root,
							  VARSIZE(document));
		return;
	}
	data = (char *) &document->root;
	length = VARSIZE(document) - VARHDRSZ;
	if (JB_ROOT_IS_SCALAR(document))
	{
		type = document->root.children[0] & JENTRY_TYPEMASK;
		data += sizeof(JsonbContainer) + sizeof(JEntry);
		length -= sizeof(JsonbContainer) + sizeof(JEntry);
	}
	if (type == JENTRY_ISCONTAINER || type == JENTRY_ISNUMERIC)
		pad(writer);
	memcpy(append(writer, length), data, length);
	end_child(writer, type, start);
}

/* Makes room for the fixed part of a container and returns where it is. */
static int
open_container(JsonbWriter *writer, const JsonbShape *shape, int length)
{
	JsonbLevel *level = &writer->levels[writer->depth];

	Assert(writer->depth < JSONB_WRITER_MAX_DEPTH);
	level->shape = shape;
	level->start = writer->buffer.len;
	level->nchildren = 0;
	level->first_child = writer->nchildren;
	if (writer->format == AS_JSON)
	{
		if (writer->depth > 0)
			begin_text(writer);
		append_bytes(writer, shape != NULL ? "{" : "[", 1);
	}
	else
		pad(writer);
	level->header = writer->buffer.len;
	append(writer, length);
	level->data = writer->buffer.len;
	if (writer->format == AS_JSONB && shape != NULL)
		level->data -= shape->keys_length;
	writer->depth++;
	return level->header;
}

/* The container becomes a child of the one around it. */
static void
close_container(JsonbWriter *writer)
{
	const JsonbLevel *level = &writer->levels[--writer->depth];

	if (writer->format == AS_JSON)
		append_bytes(writer, level->shape != NULL ? "}" : "]", 1);
	else if (writer->depth > 0)
		end_child(writer, JENTRY_ISCONTAINER, level->start);
}

/*
 * Writes the elements of the open array again, last one first.  Each is taken
 * without what depends on what is in front of it: its padding, or its comma.
 */
static void
reverse_children(JsonbWriter *writer)
{
	JsonbLevel *level = &writer->levels[writer->depth - 1];
	int			count = level->nchildren;
	int			length = writer->buffer.len - level->data;
	JsonbChild *children = writer->children + level->first_child;
	JsonbChild *old = palloc(count * sizeof(JsonbChild));
	char	   *data = palloc(length);

	memcpy(old, children, count * sizeof(JsonbChild));
	memcpy(data, writer->buffer.data + level->data, length);
	writer->buffer.len = level->data;
	for (int i = count - 1; i >= 0; i--)
	{
		int			start = old[i].start;
		int			end = i < count - 1 ? old[i + 1].start : length;

		children[count - 1 - i].start = writer->buffer.len - level->data;
		if (writer->format == AS_JSONB)
		{
			Assert(old[i].type == JENTRY_ISCONTAINER);
			start = INTALIGN(start);
			pad(writer);
		}
		else
		{
			if (i > 0)
				start += SEPARATOR_LENGTH;
			if (i < count - 1)
				append_bytes(writer, SEPARATOR, SEPARATOR_LENGTH);
		}
		append_bytes(writer, data + start, end - start);
	}
	pfree(data);
	pfree(old);
}

/* Registers what was written from start on as the next child. */
static void
end_child(JsonbWriter *writer, JEntry type, int start)
{
	JsonbLevel *level = &writer->levels[writer->depth - 1];

	Assert(writer->depth > 0);
	if (level->shape != NULL)
	{
		int			index = level->shape->nkeys + level->nchildren;
		JEntry		entry;

		Assert(level->nchildren < level->shape->nkeys);
		entry = child_entry(type, index, start - level->data,
							writer->buffer.len - level->data);
		memcpy(writer->buffer.data + level->header + sizeof(uint32) +
			   index * sizeof(JEntry), &entry, sizeof(entry));
	}
	else
		add_element(writer, type, start - level->data);
	level->nchildren++;
}

static void
add_element(JsonbWriter *writer, JEntry type, int start)
{
	if (writer->nchildren == writer->max_children)
	{
		writer->max_children *= 2;
		writer->children = repalloc(writer->children,
									writer->max_children * sizeof(JsonbChild));
	}
	writer->children[writer->nchildren].type = type;
	writer->children[writer->nchildren].start = start;
	writer->nchildren++;
}

/* Every JB_OFFSET_STRIDE'th entry has the child's end, the rest its length. */
static JEntry
child_entry(JEntry type, int index, int start, int end)
{
	if (index % JB_OFFSET_STRIDE == 0)
		return type | JENTRY_HAS_OFF | end;
	return type | (end - start);
}

/*
 * Writes what is in front of the next value as text, and registers it: behind
 * this comes the value.
 */
static StringInfo
begin_text(JsonbWriter *writer)
{
	JsonbLevel *level = &writer->levels[writer->depth - 1];
	const JsonbShape *shape = level->shape;

	Assert(writer->depth > 0);
	if (shape != NULL)
	{
		int			start = shape->label_starts[level->nchildren];
		int			end = shape->label_starts[level->nchildren + 1];

		Assert(level->nchildren < shape->nkeys);
		append_bytes(writer, shape->labels + start, end - start);
	}
	else
	{
		add_element(writer, JENTRY_ISSTRING, writer->buffer.len - level->data);
		if (level->nchildren > 0)
			append_bytes(writer, SEPARATOR, SEPARATOR_LENGTH);
	}
	level->nchildren++;
	return &writer->buffer;
}

/* A text without quotes. */
static void
put_word(JsonbWriter *writer, const char *word, int length)
{
	begin_text(writer);
	append_bytes(writer, word, length);
}

static void
put_string(JsonbWriter *writer, const char *string, int length)
{
	int			start = writer->buffer.len;

	if (writer->format == AS_JSON)
		append_json_string(begin_text(writer), string, length);
	else
	{
		append_bytes(writer, string, length);
		end_child(writer, JENTRY_ISSTRING, start);
	}
}

/* Writes zeros up to the next multiple of 4, and some that are overwritten. */
static void
pad(JsonbWriter *writer)
{
	const uint32 zeros = 0;

	if (writer->buffer.len + (int) sizeof(zeros) >= writer->capacity)
		enlarge(writer, sizeof(zeros));
	memcpy(writer->buffer.data + writer->buffer.len, &zeros, sizeof(zeros));
	writer->buffer.len = INTALIGN(writer->buffer.len);
}

/* Returns where the contents of a numeric of so many bytes go. */
static char *
append_numeric(JsonbWriter *writer, int length)
{
	char	   *target;

	pad(writer);
	target = append(writer, VARHDRSZ + length);
	SET_VARSIZE(target, VARHDRSZ + length);
	return VARDATA(target);
}

static inline void
append_bytes(JsonbWriter *writer, const char *bytes, int length)
{
	memcpy(append(writer, length), bytes, length);
}

/* Returns where the next length bytes of the document go. */
static inline char *
append(JsonbWriter *writer, int length)
{
	char	   *target;

	if (length >= writer->capacity - writer->buffer.len)
		enlarge(writer, length);
	target = writer->buffer.data + writer->buffer.len;
	writer->buffer.len += length;
	return target;
}

/*
 * No document may grow so long that a JEntry cannot express a length in it.
 * Text could, but who asks for either is told the same.  How long a value is as
 * text is known when the next piece is written, a bracket at least.
 */
static void
enlarge(JsonbWriter *writer, Size length)
{
	if ((Size) writer->buffer.len + length > JENTRY_OFFLENMASK)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("JSON document is too large"),
				errdetail_internal("{\"code\": \"document_too_large\", \"maximum_bytes\": %d}",
								   JENTRY_OFFLENMASK),
				errhint("Ask for fewer orders or events at a time: page_size, max."));
	enlargeStringInfo(&writer->buffer, length);
	writer->capacity = Min(writer->buffer.maxlen, JENTRY_OFFLENMASK + 1);
}

NullableDatum
jsonb_field(Datum document, const char *key)
{
	LOCAL_FCINFO(fcinfo, 2);
	NullableDatum field;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = document;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = CStringGetTextDatum(key);
	fcinfo->args[1].isnull = false;
	field.value = jsonb_object_field_text(fcinfo);
	field.isnull = fcinfo->isnull;
	return field;
}
