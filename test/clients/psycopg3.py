#!/usr/bin/python3
"""
Orders with psycopg 3.

psycopg3.py show USER         shows how ids, money, times and errors arrive
psycopg3.py buy USER [KEY]    buys a product; only with a key is a repeat safe

The environment says which database: PGHOST, PGDATABASE and so on.
"""
import datetime
import functools
import json
import random
import sys
import time
from decimal import Decimal

import psycopg
from psycopg.types.json import set_json_loads

ATTEMPTS = 10

# Numbers with a fraction would become floats, and 0.10 * 3 is not 0.30 there.
exact = functools.partial(json.loads, parse_float=Decimal)
set_json_loads(exact)


def may_repeat(error):
    """Can the same request succeed later? A PTxyz is an answer, and stays what it is."""
    code = error.sqlstate
    if code is None:  # the server did not say anything: the connection is lost
        return True
    return code in ("40001", "40P01", "55P03") or code[:2] in ("08", "57")


def in_transaction(work):
    """Does the work in a transaction; after a failure that may pass, all of it again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with psycopg.connect("") as connection:
                return work(connection)
        except psycopg.Error as error:
            if attempt == ATTEMPTS or not may_repeat(error):
                raise
            print(f"{error.sqlstate or 'connection lost'}, again")
            time.sleep(random.uniform(0, min(1, 0.02 * 2**attempt)))


def buy(user, key, connection):
    connection.execute("SELECT ecommerce.add_to_cart(user_id => %s, product_id => 1, quantity => 3)", [user])
    (order,) = connection.execute(
        "SELECT ecommerce.place_order(user_id => %s, idempotency_key => %s, expected_amount => %s)",
        [user, key, Decimal("0.30")],
    ).fetchone()
    if order["replayed"]:
        # An earlier attempt did it all, so what this one put into the cart must not stay.
        connection.rollback()
    return order


def fails(query, *values):
    """The error that a query ends with."""
    try:
        in_transaction(lambda connection: connection.execute(query, values))
    except psycopg.Error as error:
        return error
    raise AssertionError(f"no error: {query}")


def show(user):
    order = in_transaction(functools.partial(buy, user, "shown"))
    again = in_transaction(functools.partial(buy, user, "shown"))
    assert not order["replayed"] and again["replayed"] and again["id"] == order["id"]

    # Ids are int, of any size; money is Decimal; times are strings, columns datetime.
    select = "SELECT id, order_amount, order_date FROM ecommerce.orders WHERE customer_id = %s"
    row = in_transaction(lambda connection: connection.execute(select, [user]).fetchone())
    assert order["id"] == row[0] > 2**53
    line = order["order_details"][0]
    assert line["unit_price"] * line["quantity"] == line["line_amount"] == row[1] == Decimal("0.30")
    assert datetime.datetime.fromisoformat(order["order_date"]) == row[2]

    # What an error is about is JSON in the detail.
    error = fails("SELECT ecommerce.place_order(user_id => %s)", user)
    assert not may_repeat(error) and error.sqlstate == "PT404"
    assert error.diag.message_primary == "cart is empty"
    assert exact(error.diag.message_detail) == {"code": "empty_cart", "user_id": user}
    assert error.diag.message_hint == "Put a product into the cart with add_to_cart."

    # A float is sent as double precision, and there is no such function: money is no float.
    assert fails("SELECT ecommerce.place_order(user_id => %s, expected_amount => %s)", user, 0.3).sqlstate == "42883"


if sys.argv[1] == "show":
    show(int(sys.argv[2]))
else:
    key = sys.argv[3] if len(sys.argv) > 3 else None
    bought = in_transaction(functools.partial(buy, int(sys.argv[2]), key))
    print("replayed", json.dumps(bought["replayed"]))
