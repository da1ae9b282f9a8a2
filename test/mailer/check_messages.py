#!/usr/bin/python3
"""
check_messages.py PROGRAM SEED

Composes messages of extreme and of random texts with PROGRAM, which is compose.c,
reads them as a mail program does, and compares what it reads with what was to be said.
Prints what is wrong, if anything, and then how many messages there were.
"""
import email
import email.policy
import html.parser
import random
import re
import subprocess
import sys

from smtp_server import header

PROGRAM, SEED = sys.argv[1], int(sys.argv[2])
HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted",
           "MIME-Version", "Content-Type"]
TAGS = set("html head meta title body p bdi table tr td b br".split())
ALPHABETS = [
    "abc XYZ 019", "\r\n\t\0\x01\x1b\x7f\x85\xa0\u2028\u2029\u202e\u2066".replace("\0", ""),
    "<>&\"'=?_.,;:@()[]\\/-%{}", "äöüßŁéñ", "王小明日本語", "👍🏽👩\u200d👩\u200d👧", "\u05d0\u05d1\u0627\u0644",
    "".join(map(chr, range(1, 0x180))),
]
EXTREMES = [
    "", " ", "\u3000\u200b", "\ufeff\U000e0fff", ".", "..", "\n", "\r\n", "\n.\n", "=?UTF-8?Q?=0ABcc:?=", "--=_alternative--",
    "Łukasz \"Bob\" O'Brien; 王小明", "x\r\nBcc: victim@example.test\r\n\r\nbody",
    "</p><script>alert(1)</script>", "a" * 50, "a" * 51, "a" * 5000, "王" * 5000, "👍" * 119,
    "👍" * 120, "👍" * 121, " a ", "a  b", "x" * 74 + " \n" + "y" * 75 + " ", "\n".join("." * n for n in range(90)),
    "From me", "line\n" * 300, "\ufffd", "\U0010ffff",
]


class Reader(html.parser.HTMLParser):
    """Collects the text of a page, a line for each <br>, and the tags."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags = "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def clean(text, line_break):
    text = re.sub("\r\n|[\r\n\x85\u2028\u2029]", "\n", text)
    text = re.sub("[\x01-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", " ", text)
    return text.replace("\n", line_break)


BLANK = re.compile("[\x01-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
                   "\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
                   "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*")


def is_blank(text):
    return BLANK.fullmatch(text) is not None


def phrase(text):
    text = clean(text, " ")
    return text[:120] + "…" if len(text) > 120 else text


def mailbox(name, address):
    return f"<{address}>" if is_blank(name) else f"{phrase(name)} <{address}>"


# The subject, the sentence around number and date, and what is shown of the order.
WORDINGS = {
    "order_placed": ("Your order", "thank you for your order {}.", "order"),
    "order_paid": ("Payment for your order", "we have received your payment for your order {}.", ""),
    "order_shipped": ("Shipping of your order", "your order {} is on its way.", "order"),
    "order_delivered": ("Delivery of your order", "your order {} has been delivered.", ""),
    "order_cancelled": ("Cancellation of your order", "your order {} has been cancelled.", "order"),
    "order_returned": ("Return of your order", "your order {} has come back to us.", ""),
    "order_items_returned": ("Return of items of your order", "we have received these items of your order {}:", "lines"),
    "order_items_returned not sent": ("Cancellation of items of your order",
                                      "these items of your order {} have been cancelled:", "lines"),
    "order_refunded": ("Refund for your order", "we have refunded 1.10 EUR for your order {}.", ""),
}


def wording(order):
    not_sent = order["event"] == "order_items_returned" and order["not_sent"]
    return WORDINGS[order["event"] + (" not sent" if not_sent else "")]


def expected_text(order, lines):
    _, sentence, shown = wording(order)
    text = "Hello,\n\n" if is_blank(order["name"]) else f"Hello {clean(order['name'], ' ')},\n\n"
    text += sentence.format(f"{clean(order['number'], ' ')} of {order['date']}") + "\n"
    text += "It has been cancelled since.\n" if order["cancelled"] and order["event"] == "order_placed" else ""
    for label, value in zip(["Carrier", "Tracking number", "Tracking"], order["tracking"]):
        text += "" if is_blank(value) else f"{label}: {clean(value, ' ')}\n"
    text += "\n"
    for name, quantity, price, amount in lines if shown else []:
        text += clean(name, " ") + "\n"
        text += (f"    {quantity} x {price} = " if price else f"    quantity {quantity}, ") + f"{amount} EUR\n\n"
    if shown == "order":
        for name, amount, included in order["charges"]:
            text += f"{clean(name, ' ')}: {amount} EUR{' (included)' if included else ''}\n"
        text += "\n" if order["charges"] else ""
        text += f"Total: {order['amount']} EUR\n\nShipping address:\n{clean(order['address'], chr(10))}\n\n"
    return text + clean(order["sender"], " ") + "\n"


def compose(cases):
    """The messages, all from one process."""
    fields = []
    for order, lines in cases:
        fields += [str(len(lines)), str(len(order["charges"])), "shop@example.test", order["sender"], order["event"], "7", "20261123",
                   order["id"], order["number"], order["date"], order["amount"], "EUR", order["address"],
                   order["cancelled"], order["not_sent"], "1.10", *order["tracking"], order["name"], "customer@example.test"]
        for part in lines + order["charges"]:
            fields += part
    data = b"".join((text if isinstance(text, bytes) else text.encode()) + b"\0" for text in fields)
    output = subprocess.run([PROGRAM], input=data, stdout=subprocess.PIPE, check=True).stdout
    messages = []
    while output:
        length, _, output = output.partition(b"\n")
        messages.append(output[:int(length)])
        output = output[int(length):]
    assert len(messages) == len(cases)
    return messages


def check_form(raw):
    """What holds of any message; returns it parsed."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert raw.isascii() and raw.endswith(b"\r\n"), raw
    assert all(re.fullmatch(rb"[ -~]{0,76}", line) or line.startswith((b"Message-ID:", b"Content-"))
               for line in raw.split(b"\r\n")), "a line is too long or has control characters"
    assert message.keys() == HEADERS, message.keys()
    assert not any(part.defects for part in message.walk())
    assert not any(header.defects for header in message.values())
    assert [part.get_content_type() for part in message.walk()] == \
        ["multipart/alternative", "text/plain", "text/html"]
    assert message["To"].addresses[0].addr_spec == "customer@example.test"
    assert message["From"].addresses[0].addr_spec == "shop@example.test"
    return message


def check(order, lines, raw):
    message = check_form(raw)
    text, page = (message.get_body((kind,)).get_content().replace("\r\n", "\n")
                  for kind in ("plain", "html"))
    page = Reader(page)

    def equal(found, expected):
        assert found == expected, f"{found[:500]!r} is not {expected[:500]!r}"

    equal(header(raw, "To"), mailbox(order["name"], "customer@example.test"))
    equal(header(raw, "From"), mailbox(order["sender"], "shop@example.test"))
    subject, sentence, shown = wording(order)
    equal(header(raw, "Subject"), phrase(f"{subject} {clean(order['number'], ' ')}" +
                                         ("" if is_blank(order["sender"]) else " at " + clean(order["sender"], " "))))
    equal(message["Message-ID"], "<ecommerce.order-event.7.20261123@example.test>")
    equal(text, expected_text(order, lines))
    assert set(page.tags) <= TAGS, set(page.tags) - TAGS
    rows = {"order": len(lines) + len(order["charges"]) + 1, "lines": len(lines), "": 0}[shown]
    equal(str(page.tags.count("tr")), str(rows))
    assert is_blank(order["name"]) == (f"Hello,\n{sentence[:4]}" in page.text), page.text[:200]
    texts = [order["name"], order["number"], order["sender"], *order["tracking"], *sentence.split("{}")]
    for part in lines if shown else []:
        texts += part
    if shown == "order":
        texts.append(order["address"])
        for name, amount, included in order["charges"]:
            texts += [name, f"{amount} EUR{' (included)' if included else ''}"]
    for text in texts:
        # After a <br> there is a line break. A name that shows nothing is left out.
        assert clean(text, "\n") in page.text or clean(text, " ") in page.text or is_blank(text), repr(text)


def check_all(number):
    choice = random.Random(SEED)

    def text():
        alphabet = choice.choice(ALPHABETS + ["".join(ALPHABETS)])
        return "".join(choice.choices(alphabet, k=choice.choice([0, 1, 5, 30, 80, 200])))

    def order(**given):
        return {"sender": "Shop", "event": "order_placed", "not_sent": "", "tracking": ["", "", ""], "id": "12", "number": "12", "date": "2026-11-23 09:26 CET", "name": "Jo",
                "amount": "3.30", "address": "Street 1", "cancelled": "", "charges": [], **given}

    def line(name):
        return [name, "3", "1.10", "3.30"]

    cases = [(order(), []), (order(), [line(f"Thing {n}") for n in range(1000)])]
    for extreme in EXTREMES:
        cases += [(order(name=extreme), [line("a")]), (order(sender=extreme), [line("a")]),
                  (order(address=extreme), [line("a")]), (order(number=extreme), [line("a")]),
                  (order(), [line(extreme)]), (order(event="order_shipped", tracking=[extreme] * 3), [line("a")]), (order(charges=[[extreme, "-4.90", ""], ["VAT", "0.53", "1"]]), [line("a")])]
    cases += [(order(event=event, not_sent=not_sent, cancelled="1"), [["a", "3", "", "3.30"]])
              for event in WORDINGS if " " not in event for not_sent in ["", "1"]]
    while len(cases) < number:
        cases.append((order(event=choice.choice([event for event in WORDINGS if " " not in event]),
                            not_sent=choice.choice(["", "1"]), tracking=[text(), text(), text()], name=text(), sender=text(), address=text(), number=text(), cancelled=choice.choice(["", "1"]),
                            charges=[[text(), "1.20", choice.choice(["", "1"])] for _ in range(choice.randrange(3))]),
                      [line(text()) for _ in range(choice.randrange(4))]))
    for case, raw in zip(cases, compose(cases)):
        try:
            check(*case, raw)
        except Exception as error:  # whatever the parsers make of it
            print(f"{error} in {str(case)[:1000]}")

    # What is not UTF-8 does no harm.
    cases = []
    for _ in range(100):
        noise = bytes(choice.choices(range(1, 256), k=200))
        cases.append((order(tracking=[noise] * 3, name=noise, sender=noise, address=noise, number=noise, charges=[[noise, "1.20", ""]]), [line(noise)]))
    for raw in compose(cases):
        check_form(raw)

    same = object()
    addresses = {
        # What is a mailbox is for the server to judge.
        "a@b": same, "john.doe+shop@mail.example.com": same, "o'brien@example.ie": same, "taro..yamada@example.com": same,
        ".a@b": same, "x" * 500 + "@b": same, '"a b"@c': same, '"a@b"@c': same, '"a>b\\"<c"@d': same, "a@[127.0.0.1]": same,
        "a b@c": same, "a@b c": same, "a,b@c": same, "a@b.": same, "a@-b": same, "a@_b.c": same, "a@b@c": same, " a@b ": same,
        "a@b" + "c" * 300: same, "a\\@b": same,
        # Domains go out in ASCII.
        "info@bücher.example": "info@xn--bcher-kva.example", "info@BÜCHER.example": "info@xn--bcher-kva.example",
        "info@bu\u0308cher.example": "info@xn--bcher-kva.example", "a@faß.de": "a@xn--fa-hia.de",
        "jp@日本語。jp": "jp@xn--wgv71a119e.jp", '"ä@b"@ü.de': '"ä@b"@xn--tda.de SMTPUTF8', "ä@b": "ä@b SMTPUTF8",
        "用户@例子.广告": "用户@xn--fsqu00a.xn--4rr70v SMTPUTF8",
        # What would end the command, or the header, or is none.
        "": None, "@": None, "a": None, "a@": None, "@b": None, "a@b\r\nX: y": None, "a\n@b": None, "a@b\n": None, "a\t@b": None,
        "a\x7f@b": None, "a@b\u2028c": None, "a\u202e@b": None, "<a@b>": None, "a@b>": None, "a@b> SIZE=1 <x": None, '"a@b': None,
        '"a"b>"@c': None, 'a"@b': None, '"a\\"@b': None, "a@ü" + "ä" * 300 + ".de": None, "a@\u00ad\u200d": None, "a@ü..de": "a@xn--tda..de",
        "a@\u2f00\U000e0001x": None,
    }
    output = subprocess.run([PROGRAM, *addresses], stdout=subprocess.PIPE, check=True).stdout.decode()
    for found, (address, expected) in zip(output.splitlines(), addresses.items()):
        if found != (address if expected is same else expected or ""):
            print(f"{address!r} is not as it should be: {found!r}")
    not_utf8 = subprocess.run([PROGRAM, b"a\xff@b", b"a@\xc0\x80", b"a@b\xed\xa0\x80"], stdout=subprocess.PIPE, check=True).stdout
    if not_utf8 != b"\n\n\n":
        print(f"not UTF-8: {not_utf8!r}")
    print(f"{number + 100} messages, {len(addresses)} addresses")


check_all(400)
