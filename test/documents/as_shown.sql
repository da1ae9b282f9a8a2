-- Of two JSON documents, what is comparable: of the one that was given as much as the other
-- shows, which has "..." in the place of the rest (001_documents.pl).

CREATE SCHEMA documents;

CREATE FUNCTION documents.as_shown(given jsonb, shown jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    IF shown = '"..."' THEN
        RETURN shown;
    ELSIF jsonb_typeof(given) = 'object' AND jsonb_typeof(shown) = 'object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(key, documents.as_shown(value, shown -> key)), '{}')
                FROM jsonb_each(given) WHERE NOT shown ? '...' OR shown ? key)
               || CASE WHEN shown ? '...' THEN '{"...": 0}' ELSE '{}' END::jsonb;
    ELSIF jsonb_typeof(given) = 'array' AND jsonb_typeof(shown) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(documents.as_shown(value, shown -> (place - 1)::integer) ORDER BY place), '[]')
                FROM jsonb_array_elements(given) WITH ORDINALITY AS element (value, place)
                WHERE shown -> -1 IS DISTINCT FROM '"..."' OR place < jsonb_array_length(shown))
               || CASE WHEN shown -> -1 = '"..."' THEN '["..."]' ELSE '[]' END::jsonb;
    END IF;
    RETURN given;
END
$$;
