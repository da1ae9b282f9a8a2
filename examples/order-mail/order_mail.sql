-- What customers of this shop are told, in English and German, for ecommerce-mailer:
--
--     psql --file=order_mail.sql
--     MAIL_TEXTS=shop_mail.order_mail MAIL_EVENTS='order_placed order_shipped' ecommerce-mailer
--
-- The language is that of the order: place_order(..., metadata => '{"language": "de"}').

CREATE SCHEMA shop_mail;
GRANT USAGE ON SCHEMA shop_mail TO mailer;

-- The event is as take_order_events() gives it: its payload, the order with its lines, the
-- customer. An event of which nothing is returned is not mailed.
CREATE FUNCTION shop_mail.order_mail(event jsonb)
    RETURNS TABLE (subject text, text text, html text)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
WITH phrases (language, event, subject, opening) AS (
    VALUES ('en', 'order_placed', 'Order %s', 'Thank you for your order!'),
           ('en', 'order_shipped', 'Order %s is on its way', 'Your parcel is on its way.'),
           ('de', 'order_placed', 'Bestellung %s', 'Vielen Dank für Ihre Bestellung!'),
           ('de', 'order_shipped', 'Bestellung %s ist unterwegs', 'Ihr Paket ist unterwegs.')
), phrase AS (
    SELECT * FROM phrases
     WHERE phrases.event = order_mail.event ->> 'event'
       AND language IN (order_mail.event #>> '{order,metadata,language}', 'en')
     ORDER BY language = 'en' LIMIT 1
), line AS (
    SELECT string_agg(format('%s x %s: %s %s', line ->> 'quantity',
                             line #>> '{product_order_details,name}', line ->> 'line_amount',
                             order_mail.event #>> '{order,currency}'),
                      E'\n' ORDER BY number) AS texts
      FROM jsonb_array_elements(order_mail.event #> '{order,order_details}')
           WITH ORDINALITY AS lines (line, number)
)
SELECT format(phrase.subject, coalesce(order_mail.event #>> '{order,number}',
                                       order_mail.event #>> '{order,id}')),
       concat_ws(E'\n\n', phrase.opening, line.texts,
                 order_mail.event #>> '{payload,tracking_number}') || E'\n',
       NULL
  FROM phrase, line
$$;
REVOKE EXECUTE ON FUNCTION shop_mail.order_mail FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop_mail.order_mail TO mailer;
