#!/usr/bin/python3
"""
check_messages.py PROGRAM SEED

Composes confirmations of extreme and of random texts with PROGRAM, which is compose.c,
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
    "", " ", ".", "..", "\n", "\r\n", "\n.\n", "=?UTF-8?Q?=0ABcc:?=", "--=_alternative--",
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


def phrase(text):
    text = clean(text, " ")
    return text[:120] + "…" if len(text) > 120 else text


def mailbox(name, address):
    return f"{phrase(name)} <{address}>" if name else f"<{address}>"


def expected_text(order, lines):
    text = f"Hello {clean(order['name'], ' ')},\n\n"
    text += f"thank you for your order {order['id']} of {order['date']}.\n"
    text += "It has been cancelled since.\n" if order["cancelled"] else ""
    text += "\n"
    for name, description, quantity, price, amount in lines:
        text += clean(name, " ") + "\n"
        if description:
            text += "    " + clean(description, "\n    ") + "\n"
        text += f"    {quantity} x {price} = {amount} EUR\n\n"
    text += f"Total: {order['amount']} EUR\n\nShipping address:\n{clean(order['address'], chr(10))}\n\n"
    return text + clean(order["sender"], " ") + "\n"


def compose(cases):
    """The messages, all from one process."""
    fields = []
    for order, lines in cases:
        fields += [str(len(lines)), "shop@example.test", order["sender"], order["event"], "20261123",
                   order["id"], order["date"], order["amount"], "EUR", order["address"],
                   order["cancelled"], order["name"], "customer@example.test"]
        for line in lines:
            fields += line
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
    equal(header(raw, "Subject"), f"Your order {order['id']}" +
          (" at " + phrase(order["sender"]) if order["sender"] else ""))
    equal(message["Message-ID"], f"<ecommerce.order-event.{order['event']}.20261123@example.test>")
    equal(text, expected_text(order, lines))
    assert set(page.tags) <= TAGS, set(page.tags) - TAGS
    equal(str(page.tags.count("tr")), str(len(lines) + 1))
    texts = [order["name"], order["address"], order["sender"]]
    for line in lines:
        texts += line
    for text in texts:
        # After a <br> there is a line break.
        assert clean(text, "\n") in page.text or clean(text, " ") in page.text, repr(text)


def check_all(number):
    choice = random.Random(SEED)

    def text():
        alphabet = choice.choice(ALPHABETS + ["".join(ALPHABETS)])
        return "".join(choice.choices(alphabet, k=choice.choice([0, 1, 5, 30, 80, 200])))

    def order(**given):
        return {"sender": "Shop", "event": "7", "id": "12", "date": "2026-11-23 09:26 CET", "name": "Jo",
                "amount": "3.30", "address": "Street 1", "cancelled": "", **given}

    def line(name, description=""):
        return [name, description, "3", "1.10", "3.30"]

    cases = [(order(), []), (order(), [line(f"Thing {n}", "It is a thing") for n in range(1000)])]
    for extreme in EXTREMES:
        cases += [(order(name=extreme), [line("a")]), (order(sender=extreme), [line("a")]),
                  (order(address=extreme), [line("a")]), (order(), [line(extreme, extreme)])]
    while len(cases) < number:
        cases.append((order(name=text(), sender=text(), address=text(), cancelled=choice.choice(["", "1"])),
                      [line(text(), text()) for _ in range(choice.randrange(4))]))
    for case, raw in zip(cases, compose(cases)):
        try:
            check(*case, raw)
        except Exception as error:  # whatever the parsers make of it
            print(f"{error} in {str(case)[:1000]}")

    # What is not UTF-8 does no harm.
    cases = []
    for _ in range(100):
        noise = bytes(choice.choices(range(1, 256), k=200))
        cases.append((order(name=noise, sender=noise, address=noise), [line(noise, noise)]))
    for raw in compose(cases):
        check_form(raw)

    addresses = {
        "a@b": True, "john.doe+shop@mail.example.com": True, "a-@b.c": True, "o'brien@example.ie": True,
        "x" * 64 + "@b": True, "x" * 65 + "@b": False, "a@" + "b." * 126 + "b": False, "": False, "@": False,
        "a": False, "a@": False, "@b": False, "a@b@c": False, "a b@c": False, "a@b c": False, "a@b\r\nX: y": False,
        "a\n@b": False, "a@b\n": False, "a,b@c": False, "a@b,c@d": False, "<a@b>": False, "a@b>": False,
        "\"a b\"@c": False, "a@[127.0.0.1]": False, ".a@b": False, "a.@b": False, "a..b@c": False, "a@b.": False,
        "a@.b": False, "a@-b": False, "a@b-": False, "a@b-.c": False, "ä@b": False, "a@ä.de": False,
        "a(b)@c": False, "a\\@b": False, "a:b@c": False, "a;b@c": False, " a@b": False, "a@b ": False, "a\t@b": False,
    }
    output = subprocess.run([PROGRAM, *addresses], stdout=subprocess.PIPE, check=True).stdout
    for found, (address, good) in zip(output.split(), addresses.items()):
        if bool(int(found)) != good:
            print(f"{address!r} is not as it should be")
    print(f"{number + 100} messages, {len(addresses)} addresses")


check_all(300)
