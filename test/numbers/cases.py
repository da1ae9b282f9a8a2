"""
The worked numbers of cases.txt, each as a shop with one cart.
"""
import re
from fractions import Fraction
from pathlib import Path

from pricing import digits_of

NUMBER = r"-?\d+(?:\.\d+)?"
TAX = rf"(?: (?P<how>incl|\+) (?P<rates>{NUMBER}(?: \+ {NUMBER})*) %)?"
GROUP = r"(?: \((?P<group>[A-Z])\))?"
LINE = re.compile(rf"(?P<quantity>\d+) x (?P<price>{NUMBER}){TAX}{GROUP}")
SHIPPING = re.compile(rf"shipping (?P<price>{NUMBER}){TAX}(?:, free from (?P<free_from>{NUMBER}))?")
PERCENT = re.compile(rf"(?P<value>{NUMBER}) % off{GROUP}")
AMOUNT = re.compile(rf"(?P<value>{NUMBER}) off{GROUP}")
QUANTITY = re.compile(r"buy (?P<buy>\d+) get (?P<free>\d+)")
REFUND = re.compile(rf"(?P<returns>\d+(?: \d+)*) of (?P<quantity>\d+) for (?P<total>{NUMBER})")
ALLOCATION = re.compile(rf"(?P<amount>{NUMBER}) over (?P<weights>\d+(?: \d+)*)")

# What the design leaves out, or a later issue brings.
LEFT_OUT = {
    " off each": "an amount off each unit",
    " % off shipping": "a percentage off shipping",
    " to 0.010": "increments of cash, larger than the unit of the currency",
}


class Case:
    def __init__(self, text, kind, currency, given, expected, unit=None):
        self.name = text if unit is None else f"{text} (of {currency})"
        self.currency = currency
        self.products = {}
        self.items = {}
        self.promotions = []
        self.shipping_rates = []
        self.tax_rates = []
        self.returns = []
        getattr(self, kind)(given, expected)

    def order(self, given, expected):
        for part in given.split("; "):
            for pattern, add in (
                (LINE, lambda it: self.add_line(it["price"], int(it["quantity"]), self.tax_class(it), it["group"])),
                (SHIPPING, self.add_shipping),
                (PERCENT, lambda it: self.add_promotion("percent", it["value"], group=it["group"])),
                (AMOUNT, lambda it: self.add_promotion("amount", it["value"], group=it["group"])),
                (QUANTITY, lambda it: self.add_promotion("quantity", buy=int(it["buy"]), free=int(it["free"]))),
            ):
                match = pattern.fullmatch(part)
                if match:
                    add(match)
                    break
            else:
                raise ValueError(f"{part!r} in {self.name!r}")
        wanted, _, unwanted = expected.partition(", not ")
        self.facts = facts(wanted)
        self.unwanted = facts(unwanted) if unwanted else None

    def allocate(self, given, expected):
        """The discount on lines of these weights, all of them multiplied so that they are worth it."""
        match = ALLOCATION.fullmatch(given)
        unit = Fraction(1)
        if self.name.startswith("allocate units "):
            unit = Fraction(1, 10 ** digits_of(self.currency))
        amount = Fraction(match["amount"])
        weights = [Fraction(weight) for weight in match["weights"].split()]
        factor = 1
        while factor * sum(weights) < abs(amount):
            factor *= 10
        for weight in weights:
            self.add_line(factor * weight * unit)
        self.add_promotion("amount", abs(amount) * unit)
        wanted, _, unwanted = expected.partition(", not ")
        any_order = wanted.startswith("in any order ")

        def shares(text):
            values = [abs(Fraction(share)) * unit for share in text.replace("in any order ", "").split()]
            return {"sorted_discounts": sorted(values)} if any_order else {"discounts": values}

        self.facts = shares(wanted)
        self.unwanted = shares(unwanted) if unwanted else None

    def round(self, given, expected):
        self.add_line(given)
        self.facts = {"total": [Fraction(expected)]}
        self.unwanted = None

    def refund(self, given, expected):
        """Returns of a line that costs so much: the price is as fine as is needed for that."""
        match = REFUND.fullmatch(given)
        self.add_line(round(Fraction(match["total"]) / int(match["quantity"]), 6), int(match["quantity"]))
        self.returns = [[(1, int(quantity))] for quantity in match["returns"].split()]
        self.facts = {"sum_of_returns" if expected.startswith("sum ") else "returns": [Fraction(it) for it in expected.split() if it != "sum"]}
        self.unwanted = None

    def add_line(self, price, quantity=1, tax_class=None, group=None):
        id = len(self.products) + 1
        self.items[id] = quantity
        self.products[id] = {
            "price": Fraction(price),
            "currency": self.currency,
            "category_id": None if group is None else ord(group),
            "tax_class": tax_class,
            "weight": None,
        }

    def add_promotion(self, kind, value=None, buy=None, free=None, group=None):
        id = len(self.promotions) + 1
        self.promotions.append(
            {
                "id": id,
                "code": None,
                "name": kind,
                "kind": kind,
                "value": None if value is None else Fraction(value),
                "currency": self.currency,
                "buy_quantity": buy,
                "free_quantity": free,
                "product_id": None,
                "category_id": None if group is None else ord(group),
                "min_amount": None,
                "priority": 0,
                "combines": True,
                "period": "now",
                "is_active": True,
            }
        )

    def add_shipping(self, match):
        tax_class = self.tax_class(match)
        steps = [(Fraction(0), Fraction(match["price"]))]
        if match["free_from"]:
            steps.append((Fraction(match["free_from"]), Fraction(0)))
        self.shipping_rates += [
            {
                "code": "standard",
                "name": "Shipping",
                "country": None,
                "currency": self.currency,
                "from_amount": from_amount,
                "from_weight": Fraction(0),
                "price": price,
                "tax_class": tax_class,
                "is_active": True,
            }
            for from_amount, price in steps
        ]

    def tax_class(self, match):
        if match["rates"] is None:
            return None
        tax_class = f"{match['how']} {match['rates']}"
        if all(it["tax_class"] != tax_class for it in self.tax_rates):
            for rate in match["rates"].split(" + "):
                self.tax_rates.append(
                    {
                        "id": len(self.tax_rates) + 1,
                        "tax_class": tax_class,
                        "country": None,
                        "state": None,
                        "name": f"Tax {rate}",
                        "rate": Fraction(rate),
                        "is_included": match["how"] == "incl",
                        "period": "now",
                    }
                )
        return tax_class

    def shop(self):
        cart = {
            "currency": self.currency,
            "items": self.items,
            "coupons": [],
            "shipping_code": "standard" if self.shipping_rates else None,
            "country": None,
            "state": None,
            "has_address": False,
            "seen": "fingerprint",
            "returns": self.returns,
        }
        return {
            "products": self.products,
            "promotions": self.promotions,
            "shipping_rates": self.shipping_rates,
            "tax_rates": self.tax_rates,
            "carts": [cart],
        }

    def differences(self, order):
        """Where an order is not what the source says."""
        found = [
            f"{fact} is {' '.join(map(str, came))}, not {' '.join(map(str, map(float, wanted)))}"
            for fact, wanted in self.facts.items()
            for came in [fact_of(order, fact)]
            if [Fraction(it) for it in came] != wanted
        ]
        if self.unwanted and all([Fraction(it) for it in fact_of(order, fact)] == it for fact, it in self.unwanted.items()):
            found.append("it is what others do")
        return found


def facts(text):
    """Of "tax 1.31, components 0.30 1.01" {"tax": [1.31], "components": [0.30, 1.01]}."""
    return {fact: [Fraction(it) for it in values] for fact, *values in map(str.split, text.split(", "))}


def fact_of(order, fact):
    charges = order["charges"] or {"adjustments": [], "tax_amount": 0, "discount_amount": 0, "shipping_amount": 0}
    taxes = [it for it in charges["adjustments"] if it["kind"] == "tax"]
    lines = sorted(order["order_details"], key=lambda line: line["id"])
    discounts = [line.get("discount_amount") or 0 for line in lines]
    return {
        "total": lambda: [order["order_amount"]],
        "net": lambda: [order["order_amount"] - charges["tax_amount"]],
        "tax": lambda: [charges["tax_amount"]],
        "tax_included": lambda: [sum(it["amount"] for it in taxes if it["is_included"])],
        "tax_added": lambda: [sum(it["amount"] for it in taxes if not it["is_included"])],
        "components": lambda: [it["amount"] for it in taxes],
        "shipping": lambda: [charges["shipping_amount"]],
        "discount": lambda: [charges["discount_amount"]],
        "discounts": lambda: discounts,
        "sorted_discounts": lambda: sorted(discounts),
        "returns": lambda: [it["amount"] for it in order["returns"]],
        "sum_of_returns": lambda: [sum(it["amount"] for it in order["returns"])],
    }[fact]()


def read_cases():
    """The cases, and how many are left out why."""
    cases = []
    left_out = {}
    for text in Path(__file__).with_name("cases.txt").read_text("utf-8").splitlines():
        if not text or text.startswith("#"):
            continue
        what, given, expected, source = text.split(" | ")
        kind, currency = what.split()
        assert source
        reason = next((reason for sign, reason in LEFT_OUT.items() if sign in text), None)
        if reason:
            left_out.setdefault(reason, []).append(text)
            continue
        text = text[: -len(source) - 3]
        for each in ("JPY", "USD", "KWD") if currency == "units" else (currency,):
            cases.append(Case(text, kind, each, given, expected, unit=each if currency == "units" else None))
    return cases, left_out
