"""What `nltrace decode --json` has to print of bytes: docs/decode.md, "JSON"."""

import ipaddress
import uuid

from described import SIZES

TEXT_HINTS = ("mac", "fddi")


def key(name):
    return name.replace("-", "_")


def number_of(described, payload):
    order = {"big-endian": "big"}.get(described.get("byte-order"), "little")
    return int.from_bytes(payload, order, signed=described["type"].startswith("s"))


class Shown:
    """Prints values of one family."""

    def __init__(self, described):
        self.described = described

    def put(self, into, name, described, payload):
        """Adds the value of an attribute or a member to an object."""
        name = key(name)
        value = self.value(described, payload)
        if described.get("multi-attr"):
            into.setdefault(name, []).append(item(value))
        elif isinstance(value, Bytes):
            into[name + "_hex"], into[name + "_len"] = value.hex(), len(value)
        else:
            into[name] = value
            if isinstance(value, Interface):
                into[name + "_name"] = None

    def value(self, described, payload):
        kind = described["type"]
        if kind == "flag":
            return True
        if kind == "string":
            return payload.split(b"\0")[0].decode()
        if kind == "bitfield32":
            return {"value": self.half(described, payload[:4]), "selector": self.half(described, payload[4:])}
        if kind == "binary":
            return self.binary(described, payload)
        if len(payload) == SIZES.get(kind) or kind in ("uint", "sint"):
            return self.number(described, payload)
        return Bytes(payload)

    def half(self, described, payload):
        number = int.from_bytes(payload, "little")
        names = self.described.names(described)
        return bits(number, names[1]) if names else hex(number)

    def number(self, described, payload):
        address = by_bytes(described.get("display-hint"), payload)
        if address is not None:
            return address
        number = number_of(described, payload)
        names = self.described.names(described)
        if names:
            return bits(number, names[1]) if names[0] else names[1].get(number, number)
        hint = described.get("display-hint")
        if hint == "hex":
            return hex(unsigned(number, payload))
        if hint == "interface":
            return Interface(number)
        if hint == "tc-handle":
            return handle(number)
        return number

    def binary(self, described, payload):
        hint = described.get("display-hint")
        if hint == "next-hops":
            flags, hops, index = payload[2:5]
            names = self.described.names(described)
            flags = bits(flags, names[1]) if names else hex(flags)
            return [{"flags": flags, "hops": hops, "ifindex": index, "ifindex_name": None}]
        if hint == "structs":
            size = self.described.size(described["struct"])
            parts = (payload[at : at + size] for at in range(0, len(payload), size))
            return [self.structure(described["struct"], part) for part in parts]
        if "struct" in described:
            return self.structure(described["struct"], payload)
        if described.get("sub-type") in SIZES:
            size, one = SIZES[described["sub-type"]], described | {"type": described["sub-type"]}
            parts = (payload[at : at + size] for at in range(0, len(payload), size))
            return [item(self.value(one, part)) for part in parts]
        if hint == "text":
            return payload.split(b"\0")[0].decode()
        if hint == "socket-address" and len(payload) >= 8:
            return f"{ipaddress.ip_address(payload[4:8])}:{int.from_bytes(payload[2:4], 'big')}"
        address = by_bytes(hint, payload)
        return Bytes(payload) if address is None else address

    def structure(self, name, payload):
        shown = {}
        for member, part in self.described.parts(name, payload):
            if member["type"] not in ("pad", "unused"):
                apart = (name, member["name"]) in self.described.apart
                self.put(shown, ("hdr_" if apart else "") + member["name"], member, part)
        return shown


class Bytes(bytes):
    """What has no form of its own."""


class Interface(int):
    """An interface's index."""


def item(value):
    """An element of a list."""
    if isinstance(value, Bytes):
        return {"hex": value.hex(), "len": len(value)}
    return {"index": int(value), "name": None} if isinstance(value, Interface) else value


def bits(number, names):
    shown = [names[bit] for bit in range(64) if number >> bit & 1 and bit in names]
    rest = sum(1 << bit for bit in range(64) if number >> bit & 1 and bit not in names)
    return shown + [hex(rest)] if rest else shown


def unsigned(number, payload):
    return number % (1 << 8 * len(payload))


def handle(number):
    high, low = (f"{half:x}" if half else "" for half in divmod(number, 1 << 16))
    return f"{high}:{low}" if number else "0"


def by_bytes(hint, payload):
    """What people write from the bytes as they are."""
    if hint in ("ipv4", "ipv6", "ipv4-or-v6") and len(payload) in (4, 16):
        return str(ipaddress.ip_address(payload))
    if hint in TEXT_HINTS:
        return payload.hex(":")
    return str(uuid.UUID(bytes=payload)) if hint == "uuid" and len(payload) == 16 else None
