/*-------------------------------------------------------------------------
 *
 * jsonb_writer.h
 *		Writes a JSON document front to back, without building it as a tree.
 *
 * It becomes a jsonb, or, for a client that only reads it, the text that this
 * jsonb would be sent as, which saves most of what sending it costs.
 *
 * Containers are opened, filled and closed like brackets.  The keys of an
 * object are known before it is opened (its shape); its values are then put
 * in the order in which jsonb stores keys: shorter keys first, keys of the
 * same length in byte order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_JSONB_WRITER_H
#define ECOMMERCE_JSONB_WRITER_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "compat.h"

#define JSONB_WRITER_MAX_DEPTH	8

/* What a document becomes. */
typedef enum DocumentFormat
{
	AS_JSONB,
	AS_JSON
} DocumentFormat;

/* A jsonb or a json, as its format says. */
typedef struct varlena Document;

/* The keys of an object, already in the forms in which they are written. */
typedef struct JsonbShape
{
	int			nkeys;
	int			keys_length;	/* bytes of all keys together */
	int			image_length;
	char	   *image;			/* header, JEntries and keys; values go behind */
	char	   *labels;			/* as text: what is in front of each value */
	int		   *label_starts;	/* and where the last one ends */
} JsonbShape;

typedef struct JsonbLevel
{
	const JsonbShape *shape;	/* NULL in an array */
	int			start;			/* where the container began, before padding */
	int			header;			/* where its header is */
	int			data;			/* where offsets are counted from */
	int			nchildren;		/* values put so far */
	int			first_child;	/* in an array: its first in children[] */
} JsonbLevel;

/* An element of an array that is still open. */
typedef struct JsonbChild
{
	JEntry		type;
	int			start;			/* with padding or comma; relative to the data */
} JsonbChild;

typedef struct JsonbWriter
{
	DocumentFormat format;
	StringInfoData buffer;
	int			capacity;		/* of the buffer, until it is enlarged */
	int			depth;
	JsonbLevel	levels[JSONB_WRITER_MAX_DEPTH];
	int			nchildren;
	int			max_children;
	JsonbChild *children;
} JsonbWriter;

/* keys must be in stored order; the shape lives in the current context. */
extern JsonbShape *jsonb_shape(const char *const *keys, int nkeys);

/*
 * The shape that a static variable keeps, made when it is first needed, for the
 * session: of what a document can have many times.
 */
#define KEPT_SHAPE(shape, keys)	jsonb_kept_shape(&(shape), keys, lengthof(keys))
extern const JsonbShape *jsonb_kept_shape(JsonbShape **shape,
										  const char *const *keys, int nkeys);

/* The format of what a function of ours was declared to return. */
extern DocumentFormat answer_format(FunctionCallInfo fcinfo);

/* The document is built in the given memory context. */
extern void document_begin(JsonbWriter *writer, DocumentFormat format,
						   MemoryContext context);
extern Document *document_finish(JsonbWriter *writer);

/* The same for what is stored. */
extern void jsonb_begin(JsonbWriter *writer, MemoryContext context);
extern Jsonb *jsonb_finish(JsonbWriter *writer);

extern void jsonb_open_object(JsonbWriter *writer, const JsonbShape *shape);
extern void jsonb_close_object(JsonbWriter *writer);
extern void jsonb_open_array(JsonbWriter *writer);
extern void jsonb_close_array(JsonbWriter *writer);

/* For an array of containers that were written last one first. */
extern void jsonb_close_array_reversed(JsonbWriter *writer);

extern void jsonb_put_null(JsonbWriter *writer);
extern void jsonb_put_bool(JsonbWriter *writer, bool value);
extern void jsonb_put_int64(JsonbWriter *writer, int64 value);
extern void jsonb_put_cstring(JsonbWriter *writer, const char *value);

/* A value as a row has it: null for SQL NULL. */
extern void jsonb_put_int4(JsonbWriter *writer, NullableDatum value);
extern void jsonb_put_int8(JsonbWriter *writer, NullableDatum value);
extern void jsonb_put_numeric(JsonbWriter *writer, NullableDatum value);
extern void jsonb_put_text(JsonbWriter *writer, NullableDatum value);
extern void jsonb_put_timestamptz(JsonbWriter *writer, NullableDatum value);
extern void jsonb_put_jsonb(JsonbWriter *writer, NullableDatum value);

/* A field of a document that is an object, as text; null when it has none. */
extern NullableDatum jsonb_field(Datum document, const char *key);

/* Raises 22003: JSON has no NaN and no infinity. */
pg_noreturn extern void refuse_not_finite(void);

#endif							/* ECOMMERCE_JSONB_WRITER_H */
