"""HTTP/2: streams without end, heads that unfold, frames that do no work, connections that wait."""

import socket
import struct

from http2 import (
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    begin, closed, frame, frames, head, literal,
)
from rig import must

ENHANCE_YOUR_CALM = 11


def send(connection, data):
    """Whether it could be sent: a server that has had enough resets."""
    try:
        connection.sendall(data)
        return True
    except OSError:
        return False


def streams(gateway, scale):
    """Streams that are opened and never ended: further ones are refused."""
    connection = begin(gateway.http)
    opened = head(b"/v2/recommend/item", b"POST", literal(b"content-type", b"application/json"))
    for first in range(0, 100_000 // scale, 1000):
        ids = range(2 * first + 1, 2 * (first + 1000), 2)
        if not send(connection, b"".join(frame(HEADERS, END_HEADERS, i, opened) for i in ids)):
            break
    refused = 0
    for kind, _, _, _ in frames(connection, 2):
        refused += kind in (RST_STREAM, GOAWAY)
        if refused > 10:
            break
    connection.close()
    must(refused > 0, "none of the streams was refused")


def heads(gateway, scale):
    """One large header in the table, thousands of references to it in each head (HPACK bomb)."""
    for _ in range(2):
        connection = begin(gateway.http)
        table = head(b"/v2/health/live", b"GET", literal(b"x", b"a" * 4000, indexed=True))
        bomb = head(b"/v2/health/live", b"GET", b"\xbe" * 3900)
        send(connection, frame(HEADERS, END_HEADERS | END_STREAM, 1, table))
        for number in range(4000 // scale):
            if not send(connection, frame(HEADERS, END_HEADERS | END_STREAM, 3 + 2 * number, bomb)):
                break
        connection.close()


def silent(gateway, scale):
    """Connections that begin and say nothing more, with and without half a head."""
    half = frame(HEADERS, 0, 1, head(b"/v2/health/live"))[:20]
    waiting = []
    for number in range(600 // scale):
        connection = begin(gateway.http)
        if number % 2:
            connection.sendall(half)
        waiting.append(connection)
    for connection in waiting:
        must(closed(connection, 10), "a silent HTTP/2 connection was kept for more than 10 s")


def pings(gateway, scale):
    """PING after PING, its answers never read."""
    flood(gateway, frame(PING, 0, 0, b"12345678") * 1000, 4000 // scale)


def settings(gateway, scale):
    """SETTINGS after SETTINGS."""
    flood(gateway, frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 1000, 4000 // scale)


def empty_data(gateway, scale):
    """A body of empty frames."""
    flood(gateway, frame(DATA, 0, 1) * 1000, 4000 // scale, opened=True)


def flood(gateway, data, times, opened=False):
    connection = begin(gateway.http)
    connection.settimeout(10)
    if opened:
        kind = literal(b"content-type", b"application/json")
        connection.sendall(frame(HEADERS, END_HEADERS, 1, head(b"/v2/recommend/item", b"POST", kind)))
    ended = any(not send(connection, data) for _ in range(times))
    must(ended or closed(connection, 5), "a connection that only floods was kept")


def resets(gateway, scale):
    """Requests that are reset as soon as they are sent (rapid reset)."""
    connection = begin(gateway.http)
    asked = head(b"/v2/health/live")
    ended = False
    for number in range(50_000 // scale):
        stream = 1 + 2 * number
        data = frame(HEADERS, END_HEADERS | END_STREAM, stream, asked)
        data += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
        if not send(connection, data):
            ended = True
            break
    must(ended or closed(connection, 5), "a connection that only resets was kept")
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


FAMILIES = [streams, heads, silent, pings, settings, empty_data, resets]
