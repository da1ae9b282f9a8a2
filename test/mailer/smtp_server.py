#!/usr/bin/python3
"""
smtp_server.py FOLDER [--starttls | --tls] [--login MECHANISM] [--smtputf8] [--refuse-sender]
               [--seed SEED] [--port PORT]

An SMTP server on loopback that can fail in every way, made of Debian's aiosmtpd. It
writes its port to FOLDER/port, and what happened to FOLDER/log: a JSON object a line,
on disk before a client has the answer. FOLDER/cert.pem and FOLDER/key.pem are its
certificate; the login is "shop" with the password "secret".

What becomes of a message is the recipient's name up to a "-", see BEHAVIOURS; other
names are accepted. A behaviour with a number is that for so many attempts, each counted.
While there is a file FOLDER/calm, chaos is over; while there is FOLDER/rude, QUIT gets no
answer.
"""
import argparse
import asyncio
import collections
import email
import email.header
import email.policy
import json
import os
import random
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

BEHAVIOURS = {
    "refused": ("refuse", None),  # 550 to the recipient
    "spam": ("reject", None),  # 554 to the message
    "mute": ("mute", None),  # no answer to the recipient
    "deferred": ("defer", 2),  # 451 to the recipient
    "busy": ("busy", 1),  # 452 to the message
    "silent": ("silence", 1),  # no answer to the message, which is not kept
    "cut": ("cut", 1),  # connection lost before the message is kept
    "lost": ("lose", 1),  # connection lost when the message is kept
    "closing": ("close", 1),  # 421 to the recipient
    "held": ("hold", None),  # accepted when there is a file FOLDER/go
}
CHAOS = {"accept": 60, "defer": 8, "busy": 8, "cut": 8, "lose": 12, "silence": 2, "close": 2}


class Server(SMTP):
    def connection_lost(self, error):
        self.event_handler.done(self)
        super().connection_lost(error)


class Handler:
    def __init__(self, arguments):
        self.folder = arguments.folder
        self.refuses_sender = arguments.refuse_sender
        self.random = random.Random(arguments.seed)
        self.attempts = collections.Counter()
        self.under_way = {}
        self.chosen = {}

    def log(self, **what):
        with open(f"{self.folder}/log", "a", encoding="utf-8") as log:
            log.write(json.dumps(what) + "\n")

    def is_there(self, name):
        return os.path.exists(f"{self.folder}/{name}")

    def done(self, server):
        self.under_way.pop(server, None)

    def authenticate(self, server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (b"shop", b"secret")
        self.log(event="login", mechanism=mechanism, good=good, tls=session.ssl is not None)
        return AuthResult(success=good, handled=good, auth_data=data.login.decode())

    def choose(self, address):
        name = address.split("-")[0]
        if name == "chaos" and not self.is_there("calm"):
            return self.random.choices(*zip(*CHAOS.items()))[0]
        action, times = BEHAVIOURS.get(name, ("accept", None))
        self.attempts[address] += 1
        return action if times is None or self.attempts[address] <= times else "accept"

    async def handle_QUIT(self, server, session, envelope):
        while self.is_there("rude"):
            await asyncio.sleep(0.02)
        return "221 bye"

    async def handle_MAIL(self, server, session, envelope, address, options):
        self.log(event="sender", address=address, options=options)
        if self.refuses_sender:
            return f"550 5.7.1 <{address}>: sender rejected"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.log(event="recipient", address=address, tls=session.ssl is not None,
                 login=session.auth_data, overlap=address in self.under_way.values())
        self.under_way[server] = address
        self.chosen[server] = action = self.choose(address)
        if action == "refuse":
            # As servers do, it repeats what must not be in the log of a client.
            return f"550 5.1.1 <{address}>: no such user"
        if action == "defer":
            return f"451 4.7.1 <{address}>: later"
        if action == "close":
            return "421 4.3.2 closing"
        if action == "mute":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        address = self.under_way[server]
        action = self.chosen.pop(server)
        self.log(event="data", address=address)
        if action == "silence":
            await asyncio.sleep(3600)
        if action == "cut":
            server.transport.abort()
            await asyncio.sleep(3600)
        while action == "hold" and not self.is_there("go"):
            await asyncio.sleep(0.02)
        if address.startswith("chaos"):
            await asyncio.sleep(self.random.random() * 0.04)
        self.done(server)
        if action == "reject":
            return f"554 5.7.1 <{address}>: spam"
        if action == "busy":
            return "452 4.3.1 busy"
        self.log(event="accepted", sender=envelope.mail_from, recipients=envelope.rcpt_tos,
                 **parse(envelope.original_content, envelope.smtp_utf8))
        if action == "lose":
            server.transport.abort()
            await asyncio.sleep(3600)
        return "250 OK"


def header(raw, name):
    """A header, decoded. The newer parser of Python 3.11 puts spaces between encoded words."""
    value = email.message_from_string(raw.decode())[name].replace("\r\n", "")
    return "".join(part if isinstance(part, str) else part.decode(charset or "raw-unicode-escape")
                   for part, charset in email.header.decode_header(value))


def parse(raw, utf8):
    """What a mail program makes of the message, and whatever is not as it should be."""
    message = email.message_from_string(raw.decode(), policy=email.policy.default)
    defects = [repr(defect) for part in message.walk() for defect in part.defects]
    defects += [repr(defect) for header in message.values() for defect in header.defects]
    defects = [defect for defect in defects if not (utf8 and "NonASCIILocalPart" in defect)]
    lines = raw.split(b"\r\n")
    if any(len(line) > 998 or b"\n" in line or b"\r" in line for line in lines):
        defects.append("a line is too long or has no proper end")
    if not raw.isascii() and not utf8:
        defects.append("not ASCII")
    headers = raw.split(b"\r\n\r\n")[0].decode("ascii", "replace")
    if any("=?" in line and len(line) > 76 for line in headers.split("\r\n")):
        defects.append("a line with encoded words is too long")
    (to,) = message["To"].addresses
    html = message.get_body(("html",))
    return {
        "names": message.keys(), "id": message["Message-ID"], "date": message["Date"],
        "to": to.addr_spec, "To": header(raw, "To"), "From": header(raw, "From"),
        "subject": header(raw, "Subject"), "auto": message["Auto-Submitted"],
        "parts": [part.get_content_type() for part in message.iter_parts()],
        "text": message.get_body(("plain",)).get_content().replace("\r\n", "\n"),
        "html": html and html.get_content().replace("\r\n", "\n"),
        "defects": defects,
    }


async def main(arguments):
    handler = Handler(arguments)
    context = None
    if arguments.tls or arguments.starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{arguments.folder}/cert.pem", f"{arguments.folder}/key.pem")
    mechanisms = {"PLAIN", "LOGIN"} - {arguments.login}

    def connected():
        return Server(
            handler, hostname="localhost", timeout=600, enable_SMTPUTF8=arguments.smtputf8,
            tls_context=context if arguments.starttls else None,
            require_starttls=arguments.starttls,
            auth_required=arguments.login is not None, auth_require_tls=arguments.starttls,
            auth_exclude_mechanism=mechanisms if arguments.login else (),
            authenticator=handler.authenticate)

    server = await asyncio.get_running_loop().create_server(
        connected, "127.0.0.1", arguments.port, ssl=context if arguments.tls else None)
    with open(f"{arguments.folder}/port.new", "w", encoding="ascii") as port:
        port.write(str(server.sockets[0].getsockname()[1]))
    os.rename(f"{arguments.folder}/port.new", f"{arguments.folder}/port")
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--starttls", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--login")
    parser.add_argument("--smtputf8", action="store_true")
    parser.add_argument("--refuse-sender", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
