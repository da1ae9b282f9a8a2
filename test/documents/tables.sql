-- The tables, as docs/tables.md has them: what the catalogue's comments say.

-- The pipe would end the cell.
CREATE FUNCTION pg_temp.cell(content text) RETURNS text LANGUAGE sql
    RETURN replace(coalesce(content, ''), '|', '\|');

CREATE VIEW pg_temp.columns AS
SELECT attrelid AS relation, string_agg(format(E'\n| `%s` | %s | %s | %s |', attname,
           regexp_replace(format_type(atttypid, atttypmod), '^timestamp with time zone$', 'timestamptz'),
           concat_ws(', ', CASE WHEN attnotnull THEN 'not null' END,
                     CASE WHEN pg_get_expr(adbin, adrelid) LIKE 'nextval(%' THEN 'from a sequence'
                          ELSE '`' || regexp_replace(pg_get_expr(adbin, adrelid), '::\w+', '', 'g') || '`' END),
           pg_temp.cell(col_description(attrelid, attnum))), '' ORDER BY attnum) AS lines
FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE attnum > 0 AND NOT attisdropped
GROUP BY attrelid;

-- Keys are told whole; of other rules their names are what errors show.
CREATE VIEW pg_temp.rules AS
SELECT conrelid AS relation,
       string_agg(format(E'\n* `%s`%s', conname,
           CASE WHEN contype <> 'c' THEN ': ' || lower(replace(pg_get_constraintdef(oid, true), 'ecommerce.', '')) END),
           '' ORDER BY position(contype::text IN 'pufc'), conname COLLATE "C") AS lines
FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'c')
GROUP BY conrelid;

SELECT format(E'### %s\n\n%s\n\n| column | type | | |\n|---|---|---|---|%s\n%s', relname, obj_description(oid, 'pg_class'), columns.lines,
              E'\nKeys and rules:\n' || rules.lines || E'\n')
FROM pg_class JOIN pg_temp.columns ON columns.relation = oid LEFT JOIN pg_temp.rules ON rules.relation = oid
WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
ORDER BY oid;

SELECT format(E'### ecommerce_api.%s\n\nA view. %s\n\n| column | type | | |\n|---|---|---|---|%s\n', relname, obj_description(oid, 'pg_class'), columns.lines)
FROM pg_class JOIN pg_temp.columns ON columns.relation = oid
WHERE relnamespace = 'ecommerce_api'::regnamespace AND relkind = 'v'
ORDER BY oid;

SELECT format(E'### Domains\n\n| domain | of | |\n|---|---|---|\n%s',
              string_agg(format('| `%s` | %s | %s |', typname, format_type(typbasetype, typtypmod),
                                pg_temp.cell(obj_description(oid, 'pg_type'))), E'\n' ORDER BY typname COLLATE "C"))
FROM pg_type WHERE typnamespace = 'ecommerce'::regnamespace AND typtype = 'd';
