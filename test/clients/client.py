#!/usr/bin/python3
"""
Orders with psycopg2.

client.py show USER         shows how ids, money, times and errors arrive
client.py buy USER [KEY]    buys a product; only with a key is a repeat safe

The environment says which database: PGHOST, PGDATABASE and so on.
"""
import datetime
import json
import random
import sys
import time
from decimal import Decimal

import psycopg2
import psycopg2.extras

ATTEMPTS = 10


# Numbers with a fraction would become floats, and 0.10 * 3 is not 0.30 there.
def exact(text):
    return json.loads(text, parse_float=Decimal)


psycopg2.extras.register_default_jsonb(globally=True, loads=exact)


def may_repeat(error):
    """Can the same request succeed later? A PTxyz is an answer, and stays what it is."""
    code = error.pgcode
    if code is None:  # the server did not say anything: the connection is lost
        return True
    return code in ("40001", "40P01", "55P03") or code[:2] in ("08", "57")


def in_transaction(work):
    """Does the work in a transaction; after a failure that may pass, all of it again."""
    for attempt in range(1, ATTEMPTS + 1):
        connection = None
        try:
            connection = psycopg2.connect("")
            with connection, connection.cursor() as cursor:
                result = work(cursor)
            return result
        except psycopg2.Error as error:
            if attempt == ATTEMPTS or not may_repeat(error):
                raise
            print(f"{error.pgcode or 'connection lost'}, again")
            time.sleep(random.uniform(0, min(1, 0.02 * 2**attempt)))
        finally:
            if connection:
                connection.close()


def buy(cursor, user, key):
    cursor.execute("SELECT ecommerce.add_to_cart(user_id => %s, product_id => 1, quantity => 3)", [user])
    cursor.execute(
        "SELECT ecommerce.place_order(user_id => %s, idempotency_key => %s, expected_amount => %s)",
        [user, key, Decimal("0.30")],
    )
    (order,) = cursor.fetchone()
    if order["replayed"]:
        # An earlier attempt did it all, so what this one put into the cart must not stay.
        cursor.connection.rollback()
    return order


def listing(cursor, user):
    cursor.execute(
        "SELECT ecommerce.order_listing_json(user_id => %(user)s, page_size => 20),"
        "       ecommerce.order_listing_json(user_id => %(user)s, page_size => 20)::text",
        {"user": user},
    )
    return cursor.fetchone()


def show(user):
    order = in_transaction(lambda cursor: buy(cursor, user, "shown"))
    again = in_transaction(lambda cursor: buy(cursor, user, "shown"))
    assert not order["replayed"] and again["replayed"] and again["id"] == order["id"]

    orders, raw = in_transaction(lambda cursor: listing(cursor, user))
    assert [listed["id"] for listed in orders] == [order["id"]]

    # Ids are int, of any size.
    assert order["id"] > 2**53 and str(order["id"]) in raw

    # Money is Decimal, and would be float.
    line = order["order_details"][0]
    assert line["unit_price"] * line["quantity"] == line["line_amount"] == Decimal("0.30")
    rounded = json.loads(raw)[0]["order_details"][0]
    assert rounded["unit_price"] * rounded["quantity"] != rounded["line_amount"]

    # Times are strings with the offset of the session's time zone; columns are datetime.
    def select_date(cursor):
        cursor.execute("SELECT order_date FROM ecommerce.orders WHERE customer_id = %s", [user])
        return cursor.fetchone()[0]

    assert datetime.datetime.fromisoformat(order["order_date"]) == in_transaction(select_date)

    # To psycopg2 a PTxyz is an InternalError; what it is about is JSON in the detail.
    try:
        in_transaction(lambda cursor: cursor.execute("SELECT ecommerce.place_order(user_id => %s)", [user]))
    except psycopg2.InternalError as error:
        assert not may_repeat(error)
        assert error.pgcode == "PT404"
        assert error.diag.message_primary == "cart is empty"
        assert exact(error.diag.message_detail) == {"code": "empty_cart", "user_id": user}
        assert error.diag.message_hint == "Put a product into the cart with add_to_cart."
    else:
        raise AssertionError("an empty cart was ordered")


if sys.argv[1] == "show":
    show(int(sys.argv[2]))
else:
    key = sys.argv[3] if len(sys.argv) > 3 else None
    bought = in_transaction(lambda cursor: buy(cursor, int(sys.argv[2]), key))
    print("replayed", json.dumps(bought["replayed"]))
