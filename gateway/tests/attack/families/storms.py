"""Callers that come in great number and leave at once."""

import json
import socket
import struct
import time

BODY = json.dumps({"user_id": "196", "top_k": 5}).encode()
LINES = [b"POST /v2/recommend/item HTTP/1.1", b"Host: attack", b"Content-Type: application/json"]
ASK = b"\r\n".join([*LINES, b"Content-Length: %d" % len(BODY), b"", BODY])
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def connect_ask_reset(gateway, scale):
    """Connect, send a request, reset: up to 3000 times a second."""
    rate, seconds = 3000 // scale, 4
    begun = time.monotonic()
    for number in range(rate * seconds):
        ahead = begun + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        connection = socket.create_connection(gateway.http, timeout=10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        connection.sendall(ASK)
        connection.close()


def connect_and_go(gateway, scale):
    """Connections that are closed before they say a word."""
    for _ in range(10_000 // scale):
        socket.create_connection(gateway.http, timeout=10).close()


FAMILIES = [connect_ask_reset, connect_and_go]
