"""
Has the server price carts, and compares what it says with what was computed here.

The server is the one that PGHOST and so on lead to, its database has the extension and
shop.sql. There is no more needed than psql.
"""
import json
import subprocess
from decimal import Decimal
from fractions import Fraction

from pricing import digits_of

SHOPS_AT_ONCE = 50
BY_IMPORTANCE = ("coupon_not_applicable", "address_needed", "no_shipping_rate", "no_tax_rate", "amount_out_of_range")


def run_psql(script):
    psql = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    return subprocess.run(psql, input=script, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


def play(shops):
    """The server's answers, one for each cart of each shop. Each shop has a transaction."""
    rows = "".join(f"{i}\t{json.dumps(document(shop))}\n" for i, shop in enumerate(shops))
    output = run_psql(
        f"""VACUUM ecommerce.products, ecommerce.stock_levels, ecommerce.promotions, ecommerce.tax_rates,
               ecommerce.shipping_rates, ecommerce.cart_items;
        TRUNCATE numbers.shops;
        COPY numbers.shops FROM STDIN;\n{rows}\\.
        SELECT format('SELECT numbers.play(document) FROM numbers.shops WHERE id = %s', id)
          FROM numbers.shops ORDER BY id \\gexec"""
    )
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in output.splitlines()]


def integrity():
    return run_psql("SELECT * FROM ecommerce.order_integrity()").splitlines()


def decimal_text(number):
    """A fraction that is a decimal, in full."""
    return format(Decimal(number.numerator) / Decimal(number.denominator), "f")


def document(shop):
    def plain(value):
        return decimal_text(value) if isinstance(value, Fraction) else value

    def rows(table):
        return [{column: plain(value) for column, value in row.items()} for row in table]

    def dated(table):
        period = {
            "now": (None, None),
            "past": ("2001-01-01", "2001-01-02"),
            "future": ("2901-01-01", None),
        }
        return [dict(row, starts_at=period[row["period"]][0], ends_at=period[row["period"]][1]) for row in rows(table)]

    def address(cart):
        fields = {"line1": "1 Main Street", "country": cart["country"], "state": cart["state"]}
        return {name: value for name, value in fields.items() if value is not None} if cart["has_address"] else None

    return {
        "products": rows({"id": id, **product} for id, product in shop["products"].items()),
        "promotions": dated(shop["promotions"]),
        "tax_rates": dated(shop["tax_rates"]),
        "shipping_rates": rows(shop["shipping_rates"]),
        "carts": [
            {
                "items": list(cart["items"].items()),
                "coupons": cart["coupons"],
                "shipping_code": cart["shipping_code"],
                "address": address(cart),
                "seen": cart["seen"],
                "returns": cart["returns"],
            }
            for cart in shop["carts"]
        ],
    }


def differences(pricing, answer):
    """Where the server's answer is not what was computed: a list of texts."""
    found = []
    digits = digits_of(pricing.cart["currency"])

    def same(what, expected, actual):
        if expected != actual:
            found.append(f"{what} is {actual}, not {expected}")

    def money(what, expected, actual):
        """The same amount, in all the decimals that the currency has."""
        if expected is not None:
            expected = Decimal(decimal_text(Fraction(expected))).quantize(Decimal(1).scaleb(-digits))
        same(what, str(expected), str(actual))

    def charges(what, actual):
        if not pricing.is_charged:
            same(f"{what} charges", None, actual)
            return
        if actual is None:
            found.append(f"{what} has no charges")
            return
        money(f"{what} items_amount", pricing.items_amount, actual["items_amount"])
        money(f"{what} discount_amount", -pricing.total("discount"), actual["discount_amount"])
        money(f"{what} shipping_amount", pricing.shipping, actual["shipping_amount"])
        money(f"{what} tax_amount", pricing.total("tax"), actual["tax_amount"])
        same(f"{what} number of adjustments", len(pricing.adjustments), len(actual["adjustments"]))
        for expected, it in zip(pricing.adjustments, actual["adjustments"]):
            kind, code, name, rate, amount, is_included = expected
            where = f"{what} {kind} {name}"
            same(where, expected[:3] + (is_included,), (it["kind"], it["code"], it["name"], it["is_included"]))
            same(f"{where} rate", rate, it["rate"])
            money(f"{where} amount", amount, it["amount"])

    def lines(what, product, actual):
        same(f"{what} number of lines", len(pricing.lines), len(actual))
        for expected, it in zip(pricing.lines, sorted(actual, key=lambda line: line[product]["id"])):
            where = f"{what} product {expected['product_id']}"
            same(where, expected["product_id"], it[product]["id"])
            same(f"{where} quantity", expected["quantity"], it["quantity"])
            money(f"{where} line_amount", expected["amount"], it["line_amount"])
            if not pricing.is_charged:
                continue
            money(f"{where} discount_amount", expected["discount"] or None, it["discount_amount"])
            same(f"{where} tax_rate", expected["tax_rate"], it["tax_rate"])
            money(f"{where} tax_amount", expected["tax"], it["tax_amount"])

    quote, order = answer["quote"], answer["order"]
    if pricing.problems or quote["problems"]:
        compare_problems(pricing, answer, same)
        return found
    money("cart amount", pricing.amount, quote["cart_amount"])
    charges("cart", quote["charges"])
    lines("cart", "products", quote["cart_items"])
    if order is None:
        found.append(f"refused: {answer['refusal']}")
        return found
    money("order amount", pricing.amount, order["order_amount"])
    same("order currency", pricing.cart["currency"], order["currency"])
    charges("order", order["charges"])
    lines("order", "product_order_details", order["order_details"])
    same("whether the order reads the same again", True, answer["reads_the_same"])
    if pricing.cart["returns"]:
        compare_returns(pricing, answer["returned"], same, money)
    return found


def compare_returns(pricing, order, same, money):
    expected = pricing.returns()
    returns = order["returns"]
    same("number of returns", len(expected), len(returns))
    for number, (amounts, it) in enumerate(zip(expected, returns), 1):
        same(f"lines of return {number}", sorted(amounts), [item["line"] for item in it["items"]])
        for item in it["items"]:
            money(f"return {number} of line {item['line']}", amounts[item["line"]], item["amount"])
        money(f"return {number}", sum(amounts.values()), it["amount"])
    is_all_back = pricing.is_all_back()
    same("order status", "RETURNED" if is_all_back else "SHIPPED", order["order_status"])
    if is_all_back:
        back = sum(item["amount"] for it in returns for item in it["items"])
        same("sum of all returns", sum(pricing.cost(line) for line in pricing.lines), Fraction(back))


def compare_problems(pricing, answer, same):
    coupons = {it[1].upper(): it[2] for it in pricing.problems if it[0] == "coupon_not_applicable"}
    told = [it for it in answer["quote"]["problems"] if it["code"] == "coupon_not_applicable"]
    same("set of coupons that do not apply", sorted(coupons), sorted(it["coupon"].upper() for it in told))
    for it in told:
        reasons = coupons.get(it["coupon"].upper(), ())
        same(f"reason of coupon {it['coupon']}", it["reason"] if it["reason"] in reasons else set(reasons), it["reason"])
    others = sorted({it[0] for it in pricing.problems} - {"coupon_not_applicable"})
    same("problems", others, sorted({it["code"] for it in answer["quote"]["problems"]} - {"coupon_not_applicable"}))
    worst = sorted({it[0] for it in pricing.problems}, key=BY_IMPORTANCE.index)[:1]
    same("refusal", worst, [answer["refusal"]["code"]] if answer["refusal"] else [])
