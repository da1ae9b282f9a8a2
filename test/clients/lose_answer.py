#!/usr/bin/env python3
"""
lose_answer.py FOLDER

Passes on what clients and the server that PGHOST names say to each other, from a
socket in FOLDER, until the server first answers a COMMIT. That answer is lost: both
connections are closed instead, and the client cannot know that it has committed.
Later connections lose nothing.
"""
import os
import socket
import sys
import threading

PORT = os.environ.get("PGPORT", "5432")
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
lost = threading.Event()


def pass_on(source, target, loses):
    while data := source.recv(65536):
        if loses and COMMITTED in data and not lost.is_set():
            lost.set()
            break
        target.sendall(data)
    for end in source, target:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already


listener = socket.socket(socket.AF_UNIX)
listener.bind(f"{sys.argv[1]}/.s.PGSQL.{PORT}")
listener.listen()
while True:
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{PORT}")
    threading.Thread(target=pass_on, args=(client, server, False), daemon=True).start()
    threading.Thread(target=pass_on, args=(server, client, True), daemon=True).start()
