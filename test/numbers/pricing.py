"""
What an order costs, computed a second time, in fractions, and written from the rules as they
are told to people instead of from the C code: a mistake has to be made twice to go unseen.

A shop is a dict of the rows of its tables, a cart a dict of what the customer wants; numbers
in them are Fractions. A mistake, one of MISTAKES, is made on purpose, to show that it is seen.
"""
from fractions import Fraction
from math import floor

DIGITS = {"JPY": 0, "KWD": 3}
LIMIT = 10**15

MISTAKES = {
    "floor": "amounts are rounded down",
    "half-even": "halves are rounded to the even unit",
    "per-line-tax": "tax is rounded on each line",
    "per-component-tax": "each component of a tax is rounded by itself",
    "included-as-added": "an included tax is computed as one that is added",
    "tax-before-discount": "tax is computed on the goods before discounts",
    "rates-of-class": "classes of equal rates are not taken together",
    "last-line-first": "the last of equal lines gets the odd unit",
    "first-lines": "odd units go to the first lines, whatever they cost",
    "per-line-discount": "a discount is rounded on each line",
    "same-base": "no promotion sees what those before it left",
    "by-id": "promotions apply by id, whatever their priority",
    "all-combine": "every promotion combines",
    "never-alone": "a promotion that does not combine never applies",
    "whole-min-amount": "min_amount counts goods that the promotion is not for",
    "threshold-before-discount": "shipping is chosen by the goods before discounts",
    "no-country": "shipping rates of the country do not come before the others",
    "each-return": "each return is rounded by itself",
    "returns-of-goods": "a return leaves discounts and taxes out",
    "returns-of-all-taxes": "a return has taxes that the price included, too",
}


def digits_of(currency):
    return DIGITS.get(currency, 2)


class Pricing:
    """What a cart costs, in attributes, and problems, which are what is wrong with it: pairs of a
    code and, for a coupon, a set of reasons of which it has one."""

    def __init__(self, shop, cart, mistake=None):
        self.shop = shop
        self.cart = cart
        self.mistake = mistake
        self.unit = Fraction(1, 10 ** digits_of(cart["currency"]))
        self.problems = []
        self.lines = [self.line(product, quantity) for product, quantity in sorted(cart["items"].items())]
        self.items_amount = sum(line["amount"] for line in self.lines)
        self.adjustments = []
        self.apply_promotions()
        for line, net in zip(self.lines, self.nets):
            line["discount"] = line["amount"] - net
        self.add_shipping()
        added = self.add_taxes()
        self.amount = sum(self.nets) + self.shipping + added
        self.is_charged = bool(self.adjustments)
        if max(self.amount, self.items_amount) >= LIMIT:
            self.problems.append(("amount_out_of_range",))

    def is_wrong(self, mistake):
        return self.mistake == mistake

    def round(self, amount):
        units = amount / self.unit
        if self.is_wrong("floor"):
            return floor(units) * self.unit
        if self.is_wrong("half-even"):
            return round(units) * self.unit
        return floor(units + Fraction(1, 2)) * self.unit

    def allocate(self, amount, weights):
        """By largest remainder; of equal remainders, the lower line's first."""
        total = sum(weights)
        if total == 0:
            return [Fraction(0)] * len(weights)
        shares = [amount / self.unit * weight / total for weight in weights]
        units = [floor(share) for share in shares]
        order = sorted(range(len(weights)), key=lambda i: units[i] - shares[i])
        if self.is_wrong("last-line-first"):
            order = sorted(reversed(range(len(weights))), key=lambda i: units[i] - shares[i])
        if self.is_wrong("first-lines"):
            order = [i for i in range(len(weights)) if weights[i]]
        for i in order[: int(amount / self.unit) - sum(units)]:
            units[i] += 1
        return [count * self.unit for count in units]

    def line(self, product_id, quantity):
        product = self.shop["products"][product_id]
        return {
            "product_id": product_id,
            "product": product,
            "quantity": quantity,
            "amount": self.round(product["price"] * quantity),
            "tax_rate": None,
            "tax": None,
            "added": Fraction(0),
        }

    # Promotions

    def apply_promotions(self):
        wanted = self.wanted_promotions()
        together = [it for it in wanted if it["combines"] or self.is_wrong("all-combine")]
        options = [Option(self, together)]
        alone = [Option(self, [it]) for it in wanted if it not in together]
        if not self.is_wrong("never-alone"):
            options += [option for option in alone if option.applied]
        best = min(options, key=lambda option: (not option.can_be_shipped, option.cost))
        self.nets = best.nets
        self.free_shipping = best.free_shipping
        self.adjustments += best.adjustments
        for promotion in wanted:
            if promotion["code"] is None or promotion in best.applied:
                continue
            reasons = {option.reasons[promotion["id"]] for option in options + alone if promotion["id"] in option.reasons}
            reasons = reasons or {"not_combinable"}
            self.problems.append(("coupon_not_applicable", promotion["code"], frozenset(reasons)))

    def wanted_promotions(self):
        coupons = {code.upper() for code in self.cart["coupons"]}
        known = {it["code"].upper() for it in self.shop["promotions"] if it["code"] is not None}
        for code in sorted(coupons - known):
            self.problems.append(("coupon_not_applicable", code, frozenset({"unknown"})))
        wanted = []
        for promotion in self.shop["promotions"]:
            if promotion["code"] is not None and promotion["code"].upper() not in coupons:
                continue
            reasons = set()
            if not promotion["is_active"]:
                reasons.add("inactive")
            if promotion["period"] == "past":
                reasons.add("expired")
            if promotion["period"] == "future":
                reasons.add("inactive")
            if promotion["currency"] not in (None, self.cart["currency"]):
                reasons.add("currency")
            if not reasons:
                wanted.append(promotion)
            elif promotion["code"] is not None:
                self.problems.append(("coupon_not_applicable", promotion["code"], frozenset(reasons)))
        if self.is_wrong("by-id"):
            return sorted(wanted, key=lambda it: it["id"])
        return sorted(wanted, key=lambda it: (it["priority"], it["id"]))

    # Shipping

    def add_shipping(self):
        self.shipping = Fraction(0)
        self.shipping_class = None
        if self.cart["shipping_code"] is None:
            return
        rate = self.shipping_rate(sum(self.nets))
        if isinstance(rate, str):
            self.problems.append((rate,))
            return
        price = self.round(rate["price"])
        self.shipping_class = rate["tax_class"]
        self.adjust("shipping", rate["code"], rate["name"], None, price)
        if self.free_shipping is None:
            self.shipping = price
        else:
            promotion = self.free_shipping
            self.adjust("shipping_discount", promotion["code"], promotion["name"], None, -price)

    def shipping_rate(self, goods):
        """The rate, or the problem with it."""
        if self.is_wrong("threshold-before-discount"):
            goods = self.items_amount
        weight = sum((line["product"]["weight"] or 0) * line["quantity"] for line in self.lines)
        rates = [
            it
            for it in self.shop["shipping_rates"]
            if it["code"] == self.cart["shipping_code"] and it["currency"] == self.cart["currency"] and it["is_active"]
        ]
        country = self.cart["country"]
        if country is None and any(it["country"] is not None for it in rates):
            return "address_needed"
        of_country = [it for it in rates if it["country"] is not None and it["country"] == country]
        if not of_country or self.is_wrong("no-country"):
            of_country = [it for it in rates if it["country"] is None]
        reached = [it for it in of_country if it["from_amount"] <= goods and it["from_weight"] <= weight]
        if not reached:
            return "no_shipping_rate"
        return max(reached, key=lambda it: (it["from_amount"], it["from_weight"]))

    # Taxes

    def add_taxes(self):
        groups = {}
        for line, net in zip(self.lines, self.nets):
            base = line["amount"] if self.is_wrong("tax-before-discount") else net
            self.join_group(groups, line["product"]["tax_class"], base, line)
        self.join_group(groups, self.shipping_class, self.shipping, None)
        return sum(self.tax_group(rates, members) for rates, members in groups.values())

    def join_group(self, groups, tax_class, base, line):
        if tax_class is None:
            return
        rates = self.tax_rates(tax_class)
        if isinstance(rates, str):
            if (rates, tax_class) not in self.problems:
                self.problems.append((rates, tax_class))
            return
        key = tuple(sorted((it["name"], it["rate"], it["is_included"]) for it in rates))
        if self.is_wrong("rates-of-class"):
            key = tax_class
        groups.setdefault(key, (rates, []))[1].append((base, line))

    def tax_rates(self, tax_class):
        """The rates, or the problem with them."""
        country, state = self.cart["country"], self.cart["state"]
        rates = [it for it in self.shop["tax_rates"] if it["tax_class"] == tax_class and it["period"] == "now"]
        if country is None and any(it["country"] is not None for it in rates):
            return "address_needed"
        of_country = [it for it in rates if it["country"] is not None and it["country"] == country]
        if state is None and any(it["state"] is not None for it in of_country):
            return "address_needed"
        levels = (
            [it for it in of_country if it["state"] is not None and it["state"].upper() == state.upper()],
            [it for it in of_country if it["state"] is None],
            [it for it in rates if it["country"] is None],
        )
        level = next((level for level in levels if level), None)
        return sorted(level, key=lambda it: it["id"]) if level else "no_tax_rate"

    def tax_group(self, rates, members):
        """The tax that is added. What is included is taken out of the prices, before anything is added to them."""
        base = sum(amount for amount, _ in members)
        included = [it for it in rates if it["is_included"]]
        added = [it for it in rates if not it["is_included"]]
        within = self.tax(included, base, members, lambda rate, amount: amount * rate / (100 + rate))
        return self.tax(added, base - within, members, lambda rate, amount: amount * rate / 100)

    def tax(self, rates, base, members, compute):
        if not rates:
            return Fraction(0)
        if self.is_wrong("included-as-added"):
            compute = lambda rate, amount: amount * rate / 100  # noqa: E731
        rate = sum(it["rate"] for it in rates)
        amounts = [amount for amount, _ in members]
        if self.is_wrong("per-line-tax"):
            whole = sum(amounts) or 1
            tax = sum(self.round(compute(rate, base * amount / whole)) for amount in amounts)
        elif self.is_wrong("per-component-tax"):
            tax = sum(self.round(compute(rate, base) * it["rate"] / (rate or 1)) for it in rates)
        else:
            tax = self.round(compute(rate, base))
        for it, share in zip(rates, self.allocate(tax, [it["rate"] for it in rates])):
            self.adjust("tax", it["tax_class"], it["name"], it["rate"], share, it["is_included"])
        for (_, line), share in zip(members, self.allocate(tax, amounts)):
            if line is not None:
                line["tax_rate"] = (line["tax_rate"] or 0) + rate
                line["tax"] = (line["tax"] or 0) + share
                line["added"] += 0 if rates[0]["is_included"] else share
        return tax

    # Returns

    def cost(self, line):
        """What a line cost, with discounts and taxes."""
        if self.is_wrong("returns-of-goods"):
            return line["amount"]
        added = (line["tax"] or 0) if self.is_wrong("returns-of-all-taxes") else line["added"]
        return line["amount"] - line["discount"] + added

    def returns(self):
        """What each of the cart's returns is worth, by line; numbers of lines are from 1."""
        back = [0] * len(self.lines)
        worth = []
        for items in self.cart["returns"]:
            amounts = {}
            for number, quantity in items:
                line = self.lines[number - 1]
                before, after = back[number - 1], back[number - 1] + quantity
                cost, units = self.cost(line), line["quantity"]
                if self.is_wrong("each-return"):
                    amounts[number] = self.round(cost * quantity / units)
                else:
                    amounts[number] = self.round(cost * after / units) - self.round(cost * before / units)
                back[number - 1] = after
            worth.append(amounts)
        return worth

    def is_all_back(self):
        returned = sum(quantity for items in self.cart["returns"] for _, quantity in items)
        return returned == sum(line["quantity"] for line in self.lines)

    def adjust(self, kind, code, name, rate, amount, is_included=False):
        self.adjustments.append((kind, code, name, rate, amount, is_included))

    def total(self, *kinds):
        return sum(it[4] for it in self.adjustments if it[0] in kinds)


class Option:
    """What some promotions come to together."""

    def __init__(self, pricing, promotions):
        self.pricing = pricing
        self.nets = [line["amount"] for line in pricing.lines]
        self.free_shipping = None
        self.adjustments = []
        self.applied = []
        self.reasons = {}
        for promotion in promotions:
            reason = self.apply(promotion)
            if reason is None:
                self.applied.append(promotion)
            else:
                self.reasons[promotion["id"]] = reason
        self.cost = sum(self.nets)
        self.can_be_shipped = True
        if pricing.cart["shipping_code"] is not None:
            rate = pricing.shipping_rate(sum(self.nets))
            self.can_be_shipped = not isinstance(rate, str)
            if self.can_be_shipped and self.free_shipping is None:
                self.cost += pricing.round(rate["price"])

    def apply(self, promotion):
        """Returns why it does not apply, or None."""
        pricing = self.pricing
        lines = [i for i, line in enumerate(pricing.lines) if is_for(promotion, line)]
        if not lines:
            return "no_product"
        # What those before it left.
        left = [pricing.lines[i]["amount"] if pricing.is_wrong("same-base") else self.nets[i] for i in lines]
        goods = sum(self.nets) if pricing.is_wrong("whole-min-amount") else sum(left)
        if promotion["min_amount"] is not None and goods < promotion["min_amount"]:
            return "min_amount"
        if promotion["kind"] == "free_shipping":
            if pricing.cart["shipping_code"] is None:
                return "no_shipping"
            if self.free_shipping is not None:
                return "not_combinable"
            self.free_shipping = promotion
            return None

        # Nothing is left to take it off from.
        if sum(left) == 0:
            return "no_product"
        if promotion["kind"] == "quantity":
            shares = [self.free_units(promotion, i, amount) for i, amount in zip(lines, left)]
            if not any(self.groups(promotion, i) for i in lines):
                return "no_product"
        else:
            base = sum(left)
            if promotion["kind"] == "percent":
                discount = pricing.round(base * promotion["value"] / 100)
            else:
                discount = min(pricing.round(promotion["value"]), base)
            if pricing.is_wrong("per-line-discount") and promotion["kind"] == "percent":
                shares = [pricing.round(amount * promotion["value"] / 100) for amount in left]
            else:
                shares = pricing.allocate(discount, left)
        for i, share in zip(lines, shares):
            self.nets[i] -= min(share, self.nets[i])
        rate = promotion["value"] if promotion["kind"] == "percent" else None
        self.adjustments.append(("discount", promotion["code"], promotion["name"], rate, -sum(shares), False))
        return None

    def groups(self, promotion, i):
        return self.pricing.lines[i]["quantity"] // (promotion["buy_quantity"] + promotion["free_quantity"])

    def free_units(self, promotion, i, amount):
        free = self.groups(promotion, i) * promotion["free_quantity"]
        return self.pricing.round(amount * free / self.pricing.lines[i]["quantity"])


def is_for(promotion, line):
    return promotion["product_id"] in (None, line["product_id"]) and promotion["category_id"] in (
        None,
        line["product"]["category_id"],
    )
