"""
Shops and carts chosen at random, to reach every rule and its limits.
"""
import random
from fractions import Fraction

from pricing import digits_of

CURRENCIES = ("EUR", "USD", "JPY", "KWD")
CARTS_OF_SHOP = 20
MAX_LINES = 12
RATES = "0 4 4.5 0.375 5 7 7.7 8 8.25 9.975 10 15 19 20 21 23 25.5 33.3333 100".split()
PLACES = ((None, None), ("DE", None), ("US", "NY"), ("US", "CA"), ("US", None), ("CA", "QC"), ("CA", None), ("JP", None))
DESTINATIONS = (("DE", None), ("US", "NY"), ("US", "CA"), ("US", "TX"), ("CA", "QC"), ("CA", "ON"), ("JP", None), ("FR", None))


class ShopMaker:
    """Makes shop number so of a seed; ids go up from shop to shop."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed} {number}")
        self.first_id = 1000 * (number + 1)
        self.currency = CURRENCIES[number % len(CURRENCIES)]
        self.other_currency = self.random.choice(CURRENCIES)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def choice(self, *values):
        return self.random.choice(values)

    def ids(self, count):
        """Not in order, so that what is decided by id is not decided by the order of rows."""
        first, self.first_id = self.first_id, self.first_id + count
        return self.random.sample(range(first, first + count), count)

    def shop(self):
        self.classes = ["standard", "reduced", "books", "food"][: self.random.randint(1, 4)]
        shop = {
            "products": self.products(),
            "tax_rates": self.tax_rates() if self.chance(85) else [],
            "shipping_rates": self.shipping_rates(),
            "promotions": [],
        }
        if not shop["tax_rates"]:
            for row in list(shop["products"].values()) + shop["shipping_rates"]:
                row["tax_class"] = None
        self.products_of = {
            currency: [id for id, product in shop["products"].items() if product["currency"] == currency]
            for currency in {self.currency, self.other_currency}
        }
        carts = [self.cart(shop) for _ in range(CARTS_OF_SHOP)]
        shop["promotions"] = self.promotions(shop, carts)
        codes = [it["code"] for it in shop["promotions"] if it["code"] is not None]
        for cart in carts:
            wanted = self.choice(0, 0, 0, 1, 1, 2)
            cart["coupons"] = self.random.sample(codes, min(wanted, len(codes)))
            if self.chance(20):
                cart["coupons"] = [code.lower() for code in cart["coupons"]]
            if self.chance(1):
                cart["coupons"].append("NOTHING")
        shop["carts"] = carts
        return shop

    # Products

    def price(self, currency):
        digits = digits_of(currency)
        unit = Fraction(1, 10**digits)
        kind = self.random.random()
        if kind < 0.05:
            return Fraction(0)
        if kind < 0.30:
            return self.random.randint(1, 30) * unit
        if kind < 0.55:
            return self.random.randint(1, 99999) * unit
        if kind < 0.70:
            return Fraction(self.random.randint(1, 200))
        if kind < 0.80:
            return self.random.choice((5, 10, 15, 25, 50, 100, 1000)) * unit
        if kind < 0.95:
            finer = self.random.randint(digits, 6)
            return Fraction(self.random.randint(1, 10 ** (finer + 2)), 10**finer)
        return self.random.randint(1, 10**11) * unit

    def products(self):
        currencies = [self.currency] * 14 + [self.other_currency] * 4
        common = self.price(self.currency)
        return {
            id: {
                "price": common if currency == self.currency and self.chance(25) else self.price(currency),
                "currency": currency,
                "category_id": self.choice(None, 1, 2, 3),
                "tax_class": None if self.chance(10) else self.random.choice(self.classes),
                "weight": None if self.chance(30) else Fraction(self.random.randint(0, 5000), 1000),
            }
            for id, currency in zip(self.ids(len(currencies)), currencies)
        }

    # Taxes

    def tax_rates(self):
        style = self.choice("included", "added", "added", "included", "mixed")
        made = {}
        for tax_class in self.classes:
            if made and self.chance(35):
                # Of the rates of another class, perhaps by other names.
                rows = [dict(row) for row in self.random.choice(list(made.values()))]
                if self.chance(30):
                    rows = [dict(row, name=row["name"] + " 2") for row in rows]
                self.random.shuffle(rows)
            else:
                rows = [
                    row
                    for place in PLACES
                    if self.chance(98 if place[0] is None else 45)
                    for row in self.components(place, style)
                ]
            made[tax_class] = [dict(row, tax_class=tax_class) for row in rows]
        rows = [row for rows in made.values() for row in rows]
        ids = sorted(self.ids(len(rows)))
        return [dict(row, id=id) for id, row in zip(ids, rows)]

    def components(self, place, style):
        is_included = self.choice(True, False) if style == "mixed" else style == "included"
        for number in range(self.choice(1, 1, 1, 2, 3)):
            if style == "mixed" and self.chance(30):
                is_included = not is_included
            yield {
                "country": place[0],
                "state": place[1],
                "name": ("VAT", "City", "Metro")[number],
                "rate": Fraction(self.random.choice(RATES)),
                "is_included": is_included,
                "period": self.choice("past", "future") if self.chance(4) else "now",
            }

    # Shipping

    def shipping_rates(self):
        rows = {}
        for code in ("standard", "express"):
            for currency in {self.currency, self.other_currency}:
                for country in (None, "DE", "US", "CA"):
                    if not self.chance(97 if country is None else 30):
                        continue
                    first = (Fraction(0), Fraction(0)) if self.chance(97) else (Fraction(10), Fraction(0))
                    steps = [first] + [self.step(currency) for _ in range(self.choice(0, 1, 2, 3))]
                    for from_amount, from_weight in steps:
                        rows[code, country, currency, from_amount, from_weight] = self.choice(
                            Fraction(0), Fraction(5), Fraction("4.90"), Fraction("12.345"), Fraction("0.0005"), Fraction("7.5")
                        )
        return [
            {
                "code": code,
                "name": f"{code} to {country}",
                "country": country,
                "currency": currency,
                "from_amount": from_amount,
                "from_weight": from_weight,
                "price": price,
                "tax_class": None if self.chance(30) else self.random.choice(self.classes),
                "is_active": self.chance(97),
            }
            for (code, country, currency, from_amount, from_weight), price in rows.items()
        ]

    def step(self, currency):
        digits = digits_of(currency)
        amount = Fraction(self.random.randint(1, 20000), 10 ** self.random.randint(0, digits))
        weight = Fraction(self.random.randint(0, 40), 2)
        return self.choice((amount, Fraction(0)), (Fraction(0), weight), (amount, weight))

    # Promotions

    def returns(self, items):
        """Pairs of a line and a quantity: some or all units of some or all lines, in up to 5 returns."""
        returns = [{} for _ in range(self.random.randint(1, 5))]
        everything = self.chance(30)
        for number, id in enumerate(sorted(items), 1):
            left = items[id] if everything else self.random.randint(0, items[id])
            for it in self.random.sample(returns, len(returns)):
                quantity = self.random.randint(0, left)
                if it is returns[-1] and everything:
                    continue
                if quantity:
                    it[number] = quantity
                    left -= quantity
            if everything and left:
                returns[-1][number] = left
        return [list(it.items()) for it in returns if it]

    def promotions(self, shop, carts):
        automatic = self.choice(0, 0, 1, 1, 2, 3)
        coupons = self.choice(0, 1, 2, 3, 3)
        ids = self.ids(automatic + coupons)
        return [
            self.promotion(shop, carts, id, None if number < automatic else f"CODE{number}")
            for number, id in enumerate(ids)
        ]

    def promotion(self, shop, carts, id, code):
        kind = self.choice("percent", "percent", "percent", "amount", "amount", "quantity", "quantity", "free_shipping")
        product_id = category_id = None
        if kind != "free_shipping":
            if self.chance(20 if code is None else 6):
                product_id = self.random.choice(list(shop["products"]))
            if self.chance(25):
                category_id = self.random.randint(1, 3)
        value = None
        if kind == "percent":
            value = Fraction(self.choice("10", "15", "20", "25", "50", "100", "33.3333", "0.5", "12.5", "99.9999"))
        elif kind == "amount":
            value = self.price(self.currency) or Fraction(5)
        min_amount = None
        if self.chance(30):
            min_amount = self.near_amount(shop, carts)
        needs_currency = kind == "amount" or min_amount is not None
        return {
            "id": id,
            "code": code,
            "name": f"{kind} {id}",
            "kind": kind,
            "value": value,
            "currency": self.currency if needs_currency or self.chance(5) else None,
            "buy_quantity": self.random.randint(1, 4) if kind == "quantity" else None,
            "free_quantity": self.random.randint(1, 3) if kind == "quantity" else None,
            "product_id": product_id,
            "category_id": category_id,
            "min_amount": min_amount,
            "priority": self.choice(0, 0, 0, -1, 1, 2),
            "combines": self.chance(85),
            "period": self.choice("past", "future") if self.chance(4) else "now",
            "is_active": self.chance(97),
        }

    def near_amount(self, shop, carts):
        """What the goods of one of the carts come to, or a little less or more."""
        cart = self.random.choice(carts)
        goods = sum(shop["products"][id]["price"] * quantity for id, quantity in cart["items"].items())
        return min(round(goods * self.choice(1, 1, Fraction(1, 2), Fraction(9, 10)), 2), Fraction(10**14))

    # Carts

    def cart(self, shop):
        currency = self.currency if self.chance(85) else self.other_currency
        products = self.products_of[currency]
        count = min(len(products), self.choice(1, 2, 3, 3, 4, 5, 6, 8, MAX_LINES))
        country, state = self.random.choice(DESTINATIONS)
        if self.chance(6):
            country = state = None
        elif self.chance(3):
            state = None
        if state is not None and self.chance(20):
            state = state.lower()
        huge = self.chance(1)
        items = {
            id: self.choice(1, 1, 1, 2, 3, 4, 5, 10, self.random.randint(1, 10 ** (8 if huge else 2)))
            for id in self.random.sample(products, count)
        }
        return {
            "currency": currency,
            "items": items,
            "returns": self.returns(items) if self.chance(30) else [],
            "coupons": [],
            "shipping_code": self.choice(None, "standard", "standard", "express"),
            "country": country,
            "state": state,
            "has_address": country is not None or self.chance(50),
            "seen": self.choice("nothing", "fingerprint", "amount"),
        }
