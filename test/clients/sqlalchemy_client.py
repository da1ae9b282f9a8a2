#!/usr/bin/python3
"""
Orders with SQLAlchemy.

sqlalchemy_client.py show USER         shows how ids, money, times and errors arrive
sqlalchemy_client.py buy USER [KEY]    buys a product; only with a key is a repeat safe

The environment says which database: PGHOST, PGDATABASE and so on.
"""
import datetime
import functools
import json
import random
import sys
import time
from decimal import Decimal

from sqlalchemy import MetaData, Table, create_engine, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

ATTEMPTS = 10

# Numbers with a fraction would become floats, and 0.10 * 3 is not 0.30 there.
exact = functools.partial(json.loads, parse_float=Decimal)
engine = create_engine("postgresql+psycopg2://", json_deserializer=exact, poolclass=NullPool)


def code_of(error):
    """The SQLSTATE; None if the server did not say anything: the connection is lost."""
    return error.orig.pgcode


def may_repeat(error):
    """Can the same request succeed later? A PTxyz is an answer, and stays what it is."""
    code = code_of(error)
    return code is None or code in ("40001", "40P01", "55P03") or code[:2] in ("08", "57")


def in_transaction(work):
    """Does the work in a transaction; after a failure that may pass, all of it again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if attempt == ATTEMPTS or not may_repeat(error):
                raise
            print(f"{code_of(error) or 'connection lost'}, again")
            time.sleep(random.uniform(0, min(1, 0.02 * 2**attempt)))


# func knows arguments by position only.
def buy(user, key, connection):
    connection.execute(select(func.ecommerce.add_to_cart(user, 1, 3)))
    order = connection.execute(
        select(func.ecommerce.place_order(user, key, Decimal("0.30"), type_=JSONB))).scalar_one()
    if order["replayed"]:
        # An earlier attempt did it all, so what this one put into the cart must not stay.
        connection.get_transaction().rollback()
    return order


def show(user):
    order = in_transaction(functools.partial(buy, user, "shown"))
    again = in_transaction(functools.partial(buy, user, "shown"))
    assert not order["replayed"] and again["replayed"] and again["id"] == order["id"]

    # The views are tables to it. Ids are int, money is Decimal, times are datetime.
    orders = Table("orders", MetaData(), schema="ecommerce_api", autoload_with=engine)
    lines = Table("order_lines", MetaData(), schema="ecommerce_api", autoload_with=engine)
    query = (select(orders, lines.c.unit_price, lines.c.quantity, lines.c.line_amount)
             .join(lines, (lines.c.customer_id == orders.c.customer_id) & (lines.c.order_id == orders.c.id))
             .where(orders.c.customer_id == user))
    row = in_transaction(lambda connection: connection.execute(query).one())
    assert order["id"] == row.id > 2**53
    assert row.unit_price * row.quantity == row.line_amount == row.order_amount == Decimal("0.30")
    assert order["order_details"][0]["line_amount"] == row.line_amount
    assert datetime.datetime.fromisoformat(order["order_date"]) == row.order_date

    # What an error is about is JSON in the detail.
    try:
        in_transaction(lambda connection: connection.execute(select(func.ecommerce.place_order(user))))
        raise AssertionError("an empty cart was ordered")
    except DBAPIError as error:
        assert not may_repeat(error) and code_of(error) == "PT404"
        assert error.orig.diag.message_primary == "cart is empty"
        assert exact(error.orig.diag.message_detail) == {"code": "empty_cart", "user_id": user}
        assert error.orig.diag.message_hint == "Put a product into the cart with add_to_cart."


if sys.argv[1] == "show":
    show(int(sys.argv[2]))
else:
    key = sys.argv[3] if len(sys.argv) > 3 else None
    bought = in_transaction(functools.partial(buy, int(sys.argv[2]), key))
    print("replayed", json.dumps(bought["replayed"]))
