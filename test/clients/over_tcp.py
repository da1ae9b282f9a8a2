#!/usr/bin/env python3
"""
over_tcp.py COMMAND [ARGUMENT...]

Runs a client that knows no Unix-domain sockets: JDBC_URL leads it to the server that PGHOST
names, by a port of this machine's own that is open as long as the command runs.
"""
import os
import socket
import subprocess
import sys
import threading


def pass_on(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass  # the other end is closed
    for end in source, target:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already


def serve(listener):
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ.get('PGPORT', '5432')}")
        threading.Thread(target=pass_on, args=(client, server), daemon=True).start()
        threading.Thread(target=pass_on, args=(server, client), daemon=True).start()


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
threading.Thread(target=serve, args=(listener,), daemon=True).start()
os.environ["JDBC_URL"] = f"jdbc:postgresql://127.0.0.1:{listener.getsockname()[1]}/{os.environ['PGDATABASE']}"
sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)
