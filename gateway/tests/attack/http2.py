"""Just enough of HTTP/2 to attack with: frames written by hand, nothing checked, nothing bounded."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, bits, first):
    """HPACK's integer with a prefix of so many bits."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out = [first | most]
    value -= most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def text(value):
    return integer(len(value), 7, 0) + value


def literal(name, value, indexed=False):
    """A header with its name as text; `indexed` puts it into the dynamic table."""
    return bytes([0x40 if indexed else 0x00]) + text(name) + text(value)


def head(path, method=b"GET", extra=b""):
    pseudo = literal(b":method", method) + b"\x86" + literal(b":path", path)
    return pseudo + literal(b":authority", b"attack") + extra


def begin(address):
    """A connection that has said its preface and its settings."""
    connection = socket.create_connection(address, timeout=10)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return connection


def frames(connection, seconds=5.0):
    """What the server sends, until it closes or says nothing for so long: (kind, flags, stream, payload)."""
    connection.settimeout(seconds)
    buffer = b""
    while True:
        while len(buffer) >= 9:
            length = int.from_bytes(buffer[:3], "big")
            if len(buffer) < 9 + length:
                break
            kind, flags, stream = struct.unpack(">BBI", buffer[3:9])
            yield kind, flags, stream, buffer[9 : 9 + length]
            buffer = buffer[9 + length :]
        try:
            more = connection.recv(1 << 16)
        except (socket.timeout, OSError):
            return
        if not more:
            return
        buffer += more


def closed(connection, seconds):
    """Whether the server ends the connection within so many seconds."""
    connection.settimeout(seconds)
    try:
        while connection.recv(1 << 16):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True
