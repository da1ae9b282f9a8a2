#!/usr/bin/python3
"""
Orders with asyncpg.

asyncpg_client.py show USER         shows how ids, money, times and errors arrive
asyncpg_client.py buy USER [KEY]    buys a product; only with a key is a repeat safe

The environment says which database: PGHOST, PGDATABASE and so on.
"""
import asyncio
import datetime
import functools
import json
import os
import random
import shlex
import sys
from decimal import Decimal

import asyncpg

ATTEMPTS = 10

# Numbers with a fraction would become floats, and 0.10 * 3 is not 0.30 there.
exact = functools.partial(json.loads, parse_float=Decimal)


async def connect():
    # asyncpg does not read PGOPTIONS, of which it needs the settings.
    words = shlex.split(os.environ.get("PGOPTIONS", "").replace("-c ", ""))
    settings = dict(word.split("=", 1) for word in words)
    settings["application_name"] = os.environ.get("PGAPPNAME", "client")
    connection = await asyncpg.connect(server_settings=settings)
    # jsonb is text until told otherwise.
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=exact, schema="pg_catalog")
    return connection


def code_of(error):
    """The SQLSTATE; None if the server did not say anything: the connection is lost."""
    return getattr(error, "sqlstate", None)


def may_repeat(error):
    """Can the same request succeed later? A PTxyz is an answer, and stays what it is."""
    code = code_of(error)
    return code is None or code in ("40001", "40P01", "55P03") or code[:2] in ("08", "57")


async def in_transaction(work):
    """Does the work in a transaction; after a failure that may pass, all of it again."""
    for attempt in range(1, ATTEMPTS + 1):
        connection = None
        try:
            connection = await connect()
            transaction = connection.transaction()
            await transaction.start()
            result, stays = await work(connection)
            await (transaction.commit() if stays else transaction.rollback())
            return result
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if attempt == ATTEMPTS or not may_repeat(error):
                raise
            # What asyncpg makes of an end of the connection is 08xxx.
            lost = code_of(error) is None or code_of(error).startswith("08")
            print("connection lost, again" if lost else f"{error.sqlstate}, again")
            await asyncio.sleep(random.uniform(0, min(1, 0.02 * 2**attempt)))
        finally:
            if connection is not None:
                connection.terminate()


def buy(user, key):
    async def work(connection):
        await connection.execute(
            "SELECT ecommerce.add_to_cart(user_id => $1, product_id => 1, quantity => 3)", user)
        order = await connection.fetchval(
            "SELECT ecommerce.place_order(user_id => $1, idempotency_key => $2, expected_amount => $3)",
            user, key, Decimal("0.30"))
        # If an earlier attempt did it all, what this one put into the cart must not stay.
        return order, not order["replayed"]

    return in_transaction(work)


async def show(user):
    order = await buy(user, "shown")
    again = await buy(user, "shown")
    assert not order["replayed"] and again["replayed"] and again["id"] == order["id"]

    # Ids are int, of any size; money is Decimal; times are strings, columns datetime.
    connection = await connect()
    row = await connection.fetchrow(
        "SELECT id, order_amount, order_date FROM ecommerce.orders WHERE customer_id = $1", user)
    assert order["id"] == row["id"] > 2**53
    line = order["order_details"][0]
    assert line["unit_price"] * line["quantity"] == line["line_amount"] == row["order_amount"] == Decimal("0.30")
    assert datetime.datetime.fromisoformat(order["order_date"]) == row["order_date"]

    # What an error is about is JSON in the detail. asyncpg has no class for a PTxyz.
    try:
        await connection.execute("SELECT ecommerce.place_order(user_id => $1)", user)
        raise AssertionError("an empty cart was ordered")
    except asyncpg.PostgresError as error:
        assert not may_repeat(error) and error.sqlstate == "PT404"
        assert error.message == "cart is empty"
        assert exact(error.detail) == {"code": "empty_cart", "user_id": user}
        assert error.hint == "Put a product into the cart with add_to_cart."
    # The server tells asyncpg that a numeric is wanted, so a float is sent with all its digits,
    # 0.299999999999999988897769753748..., which is no amount.
    try:
        await connection.execute(
            "SELECT ecommerce.place_order(user_id => $1, expected_amount => $2)", user, 0.3)
        raise AssertionError("a float was taken")
    except asyncpg.PostgresError as error:
        assert error.sqlstate == "22023" and exact(error.detail)["argument"] == "expected_amount"
    await connection.close()


if sys.argv[1] == "show":
    asyncio.run(show(int(sys.argv[2])))
else:
    bought = asyncio.run(buy(int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
    print("replayed", json.dumps(bought["replayed"]))
