"""AMQP 1.0's type system, as much of it as `azure-eventhub` speaks: bytes to values and back.

The source is OASIS AMQP 1.0, part 1 (types). A value that is sent says its own width (`UInt`,
`Long`, ...); what is read comes as plain Python values, with `Described` around described ones.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any, NamedTuple


class UByte(int):
    """8 bits."""


class UShort(int):
    """16 bits."""


class UInt(int):
    """32 bits."""


class ULong(int):
    """64 bits."""


class Int(int):
    """32 bits, signed."""


class Long(int):
    """64 bits, signed."""


class Timestamp(int):
    """Milliseconds since 1970 UTC."""


class Symbol(str):
    """A name out of a closed set."""


class Symbols(tuple[str, ...]):
    """An array of symbols."""


class Described(NamedTuple):
    """A value with a descriptor: a number of the standard, or a symbol."""

    descriptor: Any
    value: Any


_FIXED_OUT = {
    UByte: (0x50, ">B"),
    UShort: (0x60, ">H"),
    UInt: (0x70, ">I"),
    Int: (0x71, ">i"),
    ULong: (0x80, ">Q"),
    Long: (0x81, ">q"),
    Timestamp: (0x83, ">q"),
}
_FIXED_IN = {
    0x50: ">B",
    0x51: ">b",
    0x52: ">B",
    0x53: ">B",
    0x54: ">b",
    0x55: ">b",
    0x56: ">?",
    0x60: ">H",
    0x61: ">h",
    0x70: ">I",
    0x71: ">i",
    0x72: ">f",
    0x80: ">Q",
    0x81: ">q",
    0x82: ">d",
    0x83: ">q",
}
_CONSTANTS = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0}
_TEXTS = (0xA1, 0xA3, 0xB1, 0xB3)


def encode(value: Any) -> bytes:
    """Write a value."""
    if value is None or isinstance(value, bool):
        return {None: b"\x40", True: b"\x41", False: b"\x42"}[value]
    if type(value) in _FIXED_OUT:
        code, layout = _FIXED_OUT[type(value)]
        return bytes([code]) + struct.pack(layout, value)
    if isinstance(value, Described):
        return described(value.descriptor, encode(value.value))
    if isinstance(value, uuid.UUID):
        return b"\x98" + value.bytes
    if isinstance(value, (bytes, str)):
        raw = value if isinstance(value, bytes) else value.encode()
        code = 0xB0 if isinstance(value, bytes) else 0xB3 if isinstance(value, Symbol) else 0xB1
        return struct.pack(">BI", code, len(raw)) + raw
    if isinstance(value, Symbols):
        items = b"".join(struct.pack(">I", len(each)) + each.encode() for each in value)
        return struct.pack(">BIIB", 0xF0, len(items) + 5, len(value), 0xB3) + items
    if isinstance(value, dict):
        return _compound(0xD1, [part for pair in value.items() for part in pair])
    if isinstance(value, list):
        return _compound(0xD0, value)
    raise TypeError(f"an AMQP value must say its width: {type(value).__name__}")


def described(descriptor: int, encoded: bytes) -> bytes:
    """Put a descriptor of the standard before an encoded value."""
    return bytes([0x00, 0x53, descriptor]) + encoded


def _compound(code: int, values: list[Any]) -> bytes:
    items = b"".join(map(encode, values))
    return struct.pack(">BII", code, len(items) + 4, len(values)) + items


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Read the value that begins at a place; return it and the place after it."""
    code = data[at]
    if code == 0x00:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _decode(code, data, at + 1)


def _decode(code: int, data: bytes, at: int) -> tuple[Any, int]:
    if code in _CONSTANTS:
        return _CONSTANTS[code], at
    if code in _FIXED_IN:
        layout = _FIXED_IN[code]
        return struct.unpack_from(layout, data, at)[0], at + struct.calcsize(layout)
    if code == 0x45:
        return [], at
    if code == 0x98:
        return uuid.UUID(bytes=data[at : at + 16]), at + 16
    width = ">B" if code >> 4 in (0xA, 0xC, 0xE) else ">I"
    (size,) = struct.unpack_from(width, data, at)
    at += struct.calcsize(width)
    if code >> 4 in (0xA, 0xB):
        raw = data[at : at + size]
        return raw.decode() if code in _TEXTS else raw, at + size
    (count,) = struct.unpack_from(width, data, at)
    return _items(code, count, data, at + struct.calcsize(width)), at + size


def _items(code: int, count: int, data: bytes, at: int) -> Any:
    is_array = code >> 4 in (0xE, 0xF)
    if is_array:
        element, at = data[at], at + 1
    values = []
    for _ in range(count):
        value, at = _decode(element, data, at) if is_array else decode(data, at)
        values.append(value)
    is_map = code in (0xC1, 0xD1)
    return dict(zip(values[::2], values[1::2], strict=True)) if is_map else values
