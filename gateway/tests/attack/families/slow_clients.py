"""Clients that take their time in each phase: heads, bodies, answers; on both ports."""

import json
import socket
import time

from http2 import closed
from rig import must

WHOLE = b"GET /v2/health/live HTTP/1.1\r\nHost: attack\r\n\r\n"


def _open(address):
    return socket.create_connection(address, timeout=10)


def second_heads(gateway, scale):
    """A whole request, then half of the next head, in one write and in two."""
    waiting = []
    for number in range(600 // scale):
        connection = _open(gateway.http)
        if number % 2:
            connection.sendall(WHOLE + WHOLE[:20])
        else:
            connection.sendall(WHOLE)
            connection.recv(4096)
            connection.sendall(WHOLE[:20])
        waiting.append(connection)
    for connection in waiting:
        must(closed(connection, 12), "half of a second head was waited for for more than 12 s")


def half_bodies(gateway, scale):
    """Bodies that stop half way, on the data port and on the admin port."""
    waiting = []
    for number in range(200 // scale):
        admin = number % 2
        path = b"/admin/breakers/process/reset" if admin else b"/v2/recommend/item"
        connection = _open(gateway.admin if admin else gateway.http)
        lines = [b"POST " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Content-Length: 100"]
        connection.sendall(b"\r\n".join([*lines, b"Content-Type: application/json", b"", b"{"]))
        waiting.append(connection)
    for connection in waiting:
        must(closed(connection, 12), "half a body was waited for for more than 12 s")


def silent_admin(gateway, scale):
    """Connections to the admin port that say nothing: it still answers, and they are closed."""
    waiting = [_open(gateway.admin) for _ in range(200 // scale)]
    gateway.metric("fusebox_ready")
    for connection in waiting:
        must(closed(connection, 10), "a silent connection to the admin port was kept")


def readers(gateway, scale):
    """Callers that ask for large answers and read none of them."""
    body = json.dumps({"user_id": "196", "scene": "catalogue", "top_k": 1000, "include": ["title"]}).encode()
    lines = [b"POST /v2/recommend/item HTTP/1.1", b"Host: attack", b"Content-Type: application/json"]
    ask = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])
    waiting = []
    for _ in range(48 // scale):
        connection = socket.socket()
        # A small window, so that answers wait in the gateway and not in the kernel.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(gateway.http)
        connection.settimeout(0.5)
        try:
            for _ in range(64):
                connection.sendall(ask)
        except OSError:
            pass
        waiting.append(connection)
    time.sleep(6)
    for connection in waiting:
        # What lies in its window may still be read; then the connection is at its end.
        must(closed(connection, 10), "a reader that does not read was waited for for more than 6 s")


FAMILIES = [second_heads, half_bodies, silent_admin, readers]
