"""Protobuf: the wire format, as much as ONNX takes of it.

A message is its fields in a row: a key, number·8 + wire type, then the value. Reference:
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct

VARINT, LENGTH, FIXED32 = 0, 2, 5  # wire types


def varint(number: int) -> bytes:
    """A whole number in groups of seven bits, the lowest first; negative ones as 64 bits."""
    number &= (1 << 64) - 1
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """A field: a whole number, a float32, a text, or bytes, which a message is, too."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | FIXED32) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """A message of these fields, each its number and value, in this order."""
    return b"".join(field(number, value) for number, value in fields)
