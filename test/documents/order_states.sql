-- What becomes of an order, as a picture: from each status each function is tried with each
-- status, and what changed it is a line.

CREATE TEMPORARY TABLE transitions (number serial, old text, new text, function text);

CREATE FUNCTION pg_temp.place() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.add_to_cart(1, 1);
    RETURN ecommerce.place_order(1) -> 'id';
END
$$;

-- Brings an order to the status, by the transitions that were found; by the longest way, for a
-- correction goes back to where the order was.
CREATE FUNCTION pg_temp.order_in(status text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    way record;
    id bigint;
BEGIN
    SELECT * INTO way FROM transitions
     WHERE new = status AND function <> 'correct_order_status' AND function <> 'return_items'
     ORDER BY number DESC LIMIT 1;
    IF way.old IS NULL THEN
        RETURN pg_temp.place();
    END IF;
    id := pg_temp.order_in(way.old);
    PERFORM pg_temp.try(id, way.function, status);
    RETURN id;
END
$$;

CREATE FUNCTION pg_temp.try(order_id bigint, function text, status text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CASE function
        WHEN 'cancel_order' THEN
            RETURN ecommerce.cancel_order(1, order_id, 'customer') ->> 'order_status';
        WHEN 'set_order_status' THEN
            RETURN ecommerce.set_order_status(1, order_id, status) ->> 'order_status';
        WHEN 'correct_order_status' THEN
            RETURN ecommerce.correct_order_status(1, order_id, status, 'by mistake') ->> 'order_status';
        WHEN 'return_items' THEN
            RETURN ecommerce.return_items(1, order_id, '[{"line": 1, "quantity": 1}]', true) ->> 'order_status';
    END CASE;
EXCEPTION WHEN SQLSTATE 'PT409' OR invalid_parameter_value THEN
    RETURN NULL;
END
$$;

DO $$
DECLARE
    statuses text[] := (SELECT array_agg(word[1] ORDER BY place)
                        FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''(\w+)''', 'g') WITH ORDINALITY AS known (word, place)
                        WHERE conname = 'order_status_known');
    id bigint := pg_temp.place();
    reached text[] := ARRAY[ecommerce.order_json(1, id) ->> 'order_status'];
    before text;
    wanted text;
    tried text;
    result text;
BEGIN
    INSERT INTO transitions (new, function) VALUES (reached[1], 'place_order');
    WHILE reached <> '{}' LOOP
        before := reached[1];
        reached := reached[2:];
        FOREACH tried IN ARRAY '{cancel_order,set_order_status,correct_order_status,return_items}'::text[] LOOP
            FOREACH wanted IN ARRAY statuses LOOP
                result := pg_temp.try(pg_temp.order_in(before), tried, wanted);
                IF result IS NULL OR result = before
                   OR EXISTS (SELECT FROM transitions WHERE old = before AND new = result AND function = tried) THEN
                    CONTINUE;
                END IF;
                IF NOT EXISTS (SELECT FROM transitions WHERE new = result) THEN
                    reached := reached || result;
                END IF;
                INSERT INTO transitions (old, new, function) VALUES (before, result, tried);
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;

SELECT E'```mermaid\nstateDiagram-v2';
SELECT format('    %s --> %s : %s', coalesce(old, '[*]'), new, string_agg(function, ', ' ORDER BY number))
FROM transitions GROUP BY old, new ORDER BY min(number);
SELECT '```';
