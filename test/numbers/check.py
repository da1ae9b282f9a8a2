#!/usr/bin/python3
"""
check.py cases               the worked numbers of cases.txt
check.py orders COUNT SEED   so many orders chosen at random, and more for as long as SOAK_SECONDS says

Prints results as TAP has them, without numbers, and what is good to know.
"""
import collections
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cases import read_cases
from orders import ShopMaker
from pricing import MISTAKES, Pricing
from shop import SHOPS_AT_ONCE, differences, integrity, play

# A mistake is made until it has been found so many times.
FOUND_ENOUGH = 3
SHOWN = 5


def report(passed, name):
    print("ok" if passed else "not ok", "-", name, flush=True)


def check_cases():
    cases, left_out = read_cases()
    shops = [case.shop() for case in cases]
    for case, shop, answer in zip(cases, shops, play(shops), strict=True):
        differing = differences(Pricing(shop, shop["carts"][0]), answer)
        differing += case.differences(answer["returned"] or answer["order"]) if answer["order"] else []
        report(not differing, case.name)
        if differing:
            describe(shop, shop["carts"][0], differing)
    report(not integrity(), "order_integrity() finds nothing in their orders")
    for reason, texts in left_out.items():
        print(f"left out: {reason}")
        for text in texts:
            print(f"    {text}")


def batches(seed, first=0):
    while True:
        yield [ShopMaker(seed, number).shop() for number in range(first, first + SHOPS_AT_ONCE)]
        first += SHOPS_AT_ONCE


def answered(seed):
    """Shops, with the server's answers; the next are being priced while these are compared."""
    with ThreadPoolExecutor(1) as server:
        shops_to_come = batches(seed)
        shops = next(shops_to_come)
        answers = server.submit(play, shops)
        while True:
            done, result = shops, answers.result()
            shops = next(shops_to_come)
            answers = server.submit(play, shops)
            carts = ((shop, cart) for shop in done for cart in shop["carts"])
            yield from ((shop, cart, answer) for (shop, cart), answer in zip(carts, result, strict=True))


def check_orders(count, seed):
    until = time.monotonic() + float(os.environ.get("SOAK_SECONDS", "0"))
    placed = refused = wrong = 0
    found = collections.Counter()
    tried = collections.Counter()
    seen = collections.Counter()
    for shop, cart, answer in answered(seed):
        pricing = Pricing(shop, cart)
        differing = differences(pricing, answer)
        if differing:
            wrong += 1
            if wrong <= SHOWN:
                describe(shop, cart, differing)
        for mistake in MISTAKES:
            if not differing and found[mistake] < FOUND_ENOUGH:
                found[mistake] += bool(differences(Pricing(shop, cart, mistake), answer))
                tried[mistake] += 1
        if answer["order"] is None:
            refused += 1
            for problem in answer["quote"]["problems"]:
                seen[" ".join(filter(None, ("refused for", problem["code"], problem.get("reason"))))] += 1
        else:
            placed += 1
            take_note(seen, pricing)
            seen["returns"] += len(cart["returns"])
        if placed >= count and time.monotonic() >= until:
            break
    for fact in sorted(seen):
        print(f"{fact}: {seen[fact]}")
    report(wrong == 0, f"{placed} orders and {refused} refusals are as computed (seed {seed})")
    report(not integrity(), f"order_integrity() finds nothing in {placed} orders (seed {seed})")
    for mistake, meaning in MISTAKES.items():
        name = f"it would be noticed if {meaning}: in {found[mistake]} of {tried[mistake]} carts (seed {seed})"
        report(found[mistake] == FOUND_ENOUGH, name)


def take_note(seen, pricing):
    seen[f"orders in {pricing.cart['currency']}"] += 1
    seen[f"orders of {len(pricing.lines):2} lines"] += 1
    kinds = collections.Counter(it[0] for it in pricing.adjustments)
    seen[f"orders with {kinds['discount'] + kinds['shipping_discount']} promotions"] += 1
    for kind in kinds:
        seen[f"orders with {kind}"] += 1
    taxes = {it[5] for it in pricing.adjustments if it[0] == "tax"}
    if taxes:
        seen["orders with tax " + ("both" if len(taxes) == 2 else "included" if True in taxes else "added")] += 1


def describe(shop, cart, differing):
    """All that the cart's price depends on."""
    print(f"cart {cart}")
    classes = {shop["products"][id]["tax_class"] for id in cart["items"]}
    for id in sorted(cart["items"]):
        print(f"  product {id} {shop['products'][id]}")
    for promotion in shop["promotions"]:
        print(f"  promotion {promotion}")
    for rate in shop["shipping_rates"]:
        if (rate["code"], rate["currency"]) == (cart["shipping_code"], cart["currency"]):
            print(f"  shipping rate {rate}")
            classes.add(rate["tax_class"])
    for rate in shop["tax_rates"]:
        if rate["tax_class"] in classes and rate["country"] in (None, cart["country"]):
            print(f"  tax rate {rate}")
    for difference in differing:
        print(f"  DIFFERENT: {difference}")


if sys.argv[1] == "cases":
    check_cases()
else:
    check_orders(int(sys.argv[2]), sys.argv[3])
