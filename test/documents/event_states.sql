-- What becomes of an event, as a picture: from each state each function is tried, and the
-- end of a lease; what changed the state is a line.

CREATE TEMPORARY TABLE transitions (number serial, old text, new text, function text);

CREATE FUNCTION pg_temp.state_of(event_id bigint) RETURNS text LANGUAGE sql
    RETURN (SELECT CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN failed_at IS NOT NULL THEN 'failed'
                        WHEN taken_until > now() THEN 'taken' ELSE 'waiting' END
            FROM ecommerce.order_events WHERE id = event_id);

-- What a function makes of the event, if it has to do with it.
CREATE FUNCTION pg_temp.try(event_id bigint, function text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CASE function
        WHEN 'take_order_events' THEN
            PERFORM ecommerce.take_order_events(100);
        WHEN 'acknowledge_order_events' THEN
            PERFORM ecommerce.acknowledge_order_events(ARRAY[event_id]);
        WHEN 'fail_order_events' THEN
            PERFORM ecommerce.fail_order_events(ARRAY[event_id], 'no such mailbox');
        WHEN 'release_order_events' THEN
            PERFORM ecommerce.release_order_events(ARRAY[event_id]);
        WHEN 'the lease ends' THEN
            UPDATE ecommerce.order_events SET taken_until = now() - interval '1 second' WHERE id = event_id AND taken_until IS NOT NULL;
    END CASE;
    RETURN pg_temp.state_of(event_id);
END
$$;

-- Brings an event to the state, by the transitions that were found.
CREATE FUNCTION pg_temp.event_in(state text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    way record;
    id bigint;
BEGIN
    SELECT * INTO way FROM transitions WHERE new = state ORDER BY number LIMIT 1;
    IF way.old IS NULL THEN
        PERFORM ecommerce.acknowledge_order_events(ARRAY(SELECT order_events.id FROM ecommerce.order_events WHERE delivered_at IS NULL));
        PERFORM ecommerce.add_to_cart(1, 1), ecommerce.place_order(1);
        RETURN (SELECT max(order_events.id) FROM ecommerce.order_events);
    END IF;
    id := pg_temp.event_in(way.old);
    PERFORM pg_temp.try(id, way.function);
    RETURN id;
END
$$;

DO $$
DECLARE
    reached text[] := ARRAY[pg_temp.state_of(pg_temp.event_in('waiting'))];
    before text;
    tried text;
    result text;
BEGIN
    INSERT INTO transitions (new, function) VALUES (reached[1], 'place_order and others');
    WHILE reached <> '{}' LOOP
        before := reached[1];
        reached := reached[2:];
        FOREACH tried IN ARRAY ARRAY['take_order_events', 'acknowledge_order_events', 'fail_order_events', 'the lease ends', 'release_order_events'] LOOP
            result := pg_temp.try(pg_temp.event_in(before), tried);
            IF result <> before THEN
                IF NOT EXISTS (SELECT FROM transitions WHERE new = result) THEN
                    reached := reached || result;
                END IF;
                INSERT INTO transitions (old, new, function) VALUES (before, result, tried);
            END IF;
        END LOOP;
    END LOOP;
END
$$;

SELECT E'```mermaid\nstateDiagram-v2';
SELECT format('    %s --> %s : %s', coalesce(old, '[*]'), new, string_agg(function, ', ' ORDER BY number))
FROM transitions GROUP BY old, new ORDER BY min(number);
SELECT '    delivered --> [*]';
SELECT '```';
