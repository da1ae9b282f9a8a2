-- The tables as they are now, whatever the migrations that made them: what this prints is
-- the schema for readers. In the order in which they were made.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

\pset format unaligned
\pset tuples_only on
\pset fieldsep ''
\pset recordsep '\n\n'
\set ECHO none

SELECT format('DOMAIN ecommerce.%s AS %s%s', typname, format_type(typbasetype, typtypmod), E'\n    ' || obj_description(pg_type.oid)),
       string_agg(format(E'\n    CONSTRAINT %s %s', conname, pg_get_constraintdef(pg_constraint.oid, true)), '' ORDER BY conname)
FROM pg_type LEFT JOIN pg_constraint ON contypid = pg_type.oid
WHERE typnamespace = 'ecommerce'::regnamespace AND typtype = 'd'
GROUP BY pg_type.oid ORDER BY typname;
\echo

-- A line for each column, constraint, index, policy and trigger. What only later versions
-- of the server catalogue, NOT NULL constraints, is told with the column.
WITH lines (relation, section, number, name, line) AS (
    SELECT attrelid, 1, attnum, attname,
           format('%s %s', attname, format_type(atttypid, atttypmod)) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '') || coalesce(E'\n        ' || col_description(attrelid, attnum), '')
    FROM pg_attribute LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
    WHERE attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT conrelid, 2, position(contype::text IN 'pufcx'), conname, format('CONSTRAINT %s %s', conname, pg_get_constraintdef(oid, true))
    FROM pg_constraint WHERE contype <> 'n'
    UNION ALL
    SELECT indrelid, 3, 0, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT oid, 4, 0, NULL, 'ROW LEVEL SECURITY' || CASE WHEN relforcerowsecurity THEN ', FORCED' ELSE '' END
    FROM pg_class WHERE relrowsecurity
    UNION ALL
    SELECT polrelid, 4, 1, polname, format('POLICY %s FOR %s TO %s', polname, replace(polcmd::text, '*', 'ALL'), CASE polroles WHEN '{0}' THEN 'PUBLIC' ELSE polroles::regrole[]::text END)
           || coalesce(E'\n        USING ' || pg_get_expr(polqual, polrelid, true), '')
           || coalesce(E'\n        WITH CHECK ' || pg_get_expr(polwithcheck, polrelid, true), '')
    FROM pg_policy
    UNION ALL
    SELECT tgrelid, 5, 0, tgname, pg_get_triggerdef(oid, true)
    FROM pg_trigger WHERE NOT tgisinternal)
SELECT format('%s %s%s%s', CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE relkind::text END, pg_class.oid::regclass,
              ' WITH ' || reloptions::text, E'\n    ' || obj_description(pg_class.oid)),
       string_agg(E'\n    ' || line, '' ORDER BY section, number, lines.name COLLATE "C")
FROM pg_class JOIN lines ON relation = pg_class.oid
WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY pg_class.oid ORDER BY pg_class.oid;
\echo

SELECT format(E'FUNCTION %s()\n    %s', pg_proc.oid::regproc, obj_description(pg_proc.oid)) FROM pg_proc
WHERE pronamespace = 'ecommerce'::regnamespace AND prorettype = 'trigger'::regtype ORDER BY proname;

\set ECHO all
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
