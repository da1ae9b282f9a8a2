-- What belongs to what, as a picture: foreign keys as lines, and dotted the columns that
-- name a row of another table without one, so that it may be deleted. Of columns the keys.

CREATE VIEW pg_temp.links AS
SELECT conrelid AS child, confrelid AS parent, true AS has_key, string_agg(attname, ', ' ORDER BY place) AS label,
       EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid AND indisunique AND indpred IS NULL
                 AND indkey::smallint[] <@ conkey) AS is_single,
       bool_and(attnotnull) AS is_part
FROM pg_constraint, unnest(conkey) WITH ORDINALITY AS key (attnum, place)
JOIN pg_attribute USING (attnum)
WHERE attrelid = conrelid AND contype = 'f' AND connamespace = 'ecommerce'::regnamespace
GROUP BY pg_constraint.oid
UNION ALL
SELECT child.oid, parent.oid, false, attname, false, attnotnull
FROM pg_class AS child JOIN pg_attribute ON attrelid = child.oid
JOIN pg_class AS parent ON parent.relnamespace = child.relnamespace
     AND parent.relname = CASE attname WHEN 'category_id' THEN 'categories' ELSE replace(attname, '_id', 's') END
WHERE child.relnamespace = 'ecommerce'::regnamespace AND child.relkind = 'r' AND attname LIKE '%\_id' AND attnum > 0
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = child.oid AND contype = 'f' AND attnum = ANY (conkey));

CREATE VIEW pg_temp.key_columns AS
SELECT attrelid AS relation,
       string_agg(format(E'\n        %s %s%s%s', regexp_replace(format_type(atttypid, -1), '^ecommerce\.', ''), attname,
                         CASE WHEN 'p' = ANY (kinds) THEN ' PK' ELSE '' END
                         || CASE WHEN 'p' = ANY (kinds) AND 'f' = ANY (kinds) THEN ',' ELSE '' END,
                         CASE WHEN 'f' = ANY (kinds) THEN ' FK' WHEN kinds = '{u}' THEN ' UK' ELSE '' END),
                  '' ORDER BY attnum) AS lines
FROM pg_attribute, LATERAL (SELECT array_agg(DISTINCT contype ORDER BY contype)
                            FROM pg_constraint
                            WHERE conrelid = attrelid AND attnum = ANY (conkey)
                              AND (contype IN ('p', 'f') OR contype = 'u' AND cardinality(conkey) = 1)) AS key (kinds)
WHERE attnum > 0 AND kinds IS NOT NULL
GROUP BY attrelid;

SELECT E'```mermaid\nerDiagram';
SELECT format('    %s %s%s%s %s : "%s"', parent.relname, CASE WHEN is_part THEN '||' ELSE '|o' END,
              CASE WHEN has_key THEN '--' ELSE '..' END, CASE WHEN is_single THEN 'o|' ELSE 'o{' END, child.relname, label)
FROM pg_temp.links JOIN pg_class AS parent ON parent.oid = parent JOIN pg_class AS child ON child.oid = child
ORDER BY has_key DESC, parent.oid, child.oid, label;
SELECT format(E'    %s {%s\n    }', relname, lines)
FROM pg_temp.key_columns JOIN pg_class ON oid = relation
WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
ORDER BY oid;
SELECT '```';
