"""Values for every attribute of a set, as the kernel's encoder wants them, and what nltrace has to print."""

import copy

from described import SIZES
from shown import Bytes, Shown, item, key, number_of

# So many bytes of a nest at most: its length has 16 bits.
MOST = 40_000

# Bytes for what has a form of its own.
FORMS = {
    "ipv4": bytes([10, 0, 0, 7]),
    "ipv6": bytes.fromhex("20010db8000000000000000000000007"),
    "ipv4-or-v6": bytes([10, 0, 0, 8]),
    "mac": bytes([2, 0, 0, 0, 0, 9]),
    "uuid": bytes(range(1, 17)),
    "text": b"some text\0",
    "socket-address": bytes([2, 0, 0, 80, 10, 0, 0, 1]) + bytes(8),
    "next-hops": bytes([8, 0, 1, 2, 3, 0, 0, 0]),
}

# An attribute that no specification has: for nests that the kernel's takes for bytes, and for sub-messages.
UNKNOWN = bytes([6, 0, 0x80, 0x3E, 0xFE, 1, 0, 0])
UNKNOWN_SHOWN = {"attr_16000_hex": "fe01", "attr_16000_len": 2}


class CannotEncode(Exception):
    """The kernel's encoder has no way to do it."""


class Variant:
    """Some attributes of a set: their values, how they are shown, which ones they are."""

    def __init__(self):
        self.values, self.shown, self.covered = {}, {}, set()
        self.size = 0
        # A selector around has to have this value: its name, and the value.
        self.needs = None

    def add(self, other):
        self.values |= other.values
        self.shown |= other.shown
        self.covered |= other.covered
        self.size += other.size


class Maker:
    """Makes values of one family."""

    def __init__(self, family, described):
        self.family, self.described, self.shown = family, described, Shown(described)
        self.count = 0
        self.left = {}
        self.begin()

    def begin(self):
        """A message of its own: all variants of its sets come once more."""
        self.around, self.complete = [], set()

    def leave(self, place, reason):
        """Says why an attribute is in no message."""
        self.left.setdefault(place, reason)

    def variants(self, name):
        """Together they have every attribute: the first one all that need no selector."""
        base, more = Variant(), []
        if name in self.around:
            return [base]
        again = name in self.complete
        self.complete.add(name)
        self.around.append(name)
        for attribute in self.family.attr_sets[name].attrs.values():
            place = f"{self.family.name} {name}.{attribute.name}"
            try:
                variants = list(self.attribute(name, attribute))
            except CannotEncode as reason:
                self.leave(place, str(reason))
                for inner in self.family.attr_sets.get(attribute.yaml.get("nested-attributes"), []):
                    inside = f"{self.family.name} {attribute['nested-attributes']}.{inner}"
                    self.leave(inside, f"only in {attribute.name}: {reason}")
                continue
            for variant in variants:
                variant.covered.add(place)
            if variants and not variants[0].needs and base.size + variants[0].size < MOST:
                base.add(variants.pop(0))
            if not again:
                more += (self.selected(name, variant) for variant in variants)
        self.around.pop()
        return [base] + more

    def selected(self, name, variant):
        """With its selector, if this set has it."""
        if not variant.needs or variant.needs[0] not in self.family.attr_sets[name].attrs:
            return variant
        selector, value = variant.needs
        attribute = self.family.attr_sets[name][selector]
        names = self.described.names(self.described.sets[name][selector])
        if names and "enum" not in attribute:
            value = next(number for number, named in names[1].items() if named == value)
        whole = self.leaf(name, attribute, value)
        whole.add(variant)
        return whole

    def attribute(self, name, attribute):
        """Variants of an attribute of the set `name`."""
        kind, known = attribute["type"], self.described.sets[name][attribute.name]
        if kind in ("pad", "unused") or known["type"] in ("pad", "unused"):
            return
        if kind == "nest" and known["type"] == "nest":
            for inner in self.variants(attribute["nested-attributes"]):
                yield self.around_inner(attribute, known, inner, inner.values, inner.shown)
        elif kind == "indexed-array" and attribute["sub-type"] == "nest":
            for inner in self.variants(attribute["nested-attributes"]):
                yield self.around_inner(attribute, known, inner, [inner.values], [inner.shown])
        elif known["type"] == "sub-message" and kind == "binary":
            variant = self.leaf(name, attribute)
            forms = self.described.formats[known["sub-message"]]
            value = next(value for value, (header, _) in forms.items() if not header)
            variant.needs = known["selector"], value
            yield variant
        elif kind == "sub-message":
            yield from self.sub_messages(attribute, known)
        elif kind in ("indexed-array", "nest-type-value", "nest"):
            sub = attribute.yaml.get("sub-type")
            raise CannotEncode(f"the encoder knows no {kind}" + (f" of {sub}" if sub else ""))
        else:
            yield self.leaf(name, attribute)

    @staticmethod
    def around_inner(attribute, known, inner, value, shown):
        """A nest with a variant in it."""
        outer = Variant()
        outer.values[attribute.name] = [value] if attribute.is_multi else value
        outer.shown[key(attribute.name)] = [shown] if known.get("multi-attr") else shown
        outer.covered, outer.size, outer.needs = set(inner.covered), inner.size + 4, inner.needs
        return outer

    def sub_messages(self, attribute, known):
        """A variant of each format at least, with the selector that it needs."""
        for value, form in self.family.sub_msgs[attribute.sub_message].formats.items():
            header, attributes = self.described.formats[attribute.sub_message][value]
            if not form.fixed_header and not form.attr_set:
                continue
            # netlink-specs/specs knows better.
            if (header, attributes) != (form.fixed_header, form.attr_set):
                continue
            for inner in self.variants(attributes) if attributes else [Variant()]:
                if header:
                    self.behind(header, attributes, inner)
                outer = self.around_inner(attribute, known, inner, inner.values, inner.shown)
                outer.needs = outer.needs or (attribute.selector, value)
                yield outer

    def behind(self, header, attributes, inner):
        """Attributes behind a struct: the encoder takes those for its members that are called so."""
        values, shown, size = self.structure(header)
        for name in values.keys() & inner.values.keys():
            del inner.values[name], inner.shown[key(name)]
            place = f"{self.family.name} {attributes}.{name}"
            inner.covered.discard(place)
            self.leave(place, f"the encoder takes it for a member of {header}")
        inner.values, inner.shown, inner.size = values | inner.values, shown | inner.shown, inner.size + size

    def leaf(self, name, attribute, value=None):
        """An attribute without others in it."""
        known = self.described.sets[name][attribute.name]
        value = self.value(attribute, known) if value is None else value
        payload = self.payload(name, attribute, value)
        variant = Variant()
        variant.values[attribute.name] = [value] if attribute.is_multi else value
        variant.size = len(payload) + 4
        if known["type"] in ("nest", "sub-message"):
            variant.shown[key(attribute.name)] = UNKNOWN_SHOWN
        elif known["type"] == "indexed-array":
            one = known | {"type": known["sub-type"]}
            shown = UNKNOWN_SHOWN if one["type"] == "nest" else item(self.shown.value(one, payload[4:]))
            variant.shown[key(attribute.name)] = [shown]
        else:
            self.shown.put(variant.shown, attribute.name, known, payload)
        self.check(attribute, known, payload, value, name)
        return variant

    def check(self, kernel, known, payload, value, place):
        """What is put in is what is there, unless netlink-specs/specs describes it otherwise."""
        alike = ("type", "byte-order", "enum")
        if kernel is None or any(kernel.yaml.get(word) != known.get(word) for word in alike):
            return
        shown = self.shown.value(known, payload)
        if isinstance(value, int) and known["type"] != "flag":
            shown = number_of(known, payload)
        elif "enum" in known and isinstance(shown, list):
            shown, value = sorted(shown), sorted([value] if isinstance(value, str) else value)
        elif not isinstance(value, str) or known["type"] == "binary":
            return
        if shown != value:
            raise ValueError(f"{self.family.name} {place}.{known['name']}: {value} is encoded as {shown}")

    def payload(self, name, attribute, value):
        """An attribute's bytes."""
        value = copy.deepcopy([value] if attribute.is_multi else value)
        made = self.family.encode(name, {attribute.name: value})
        return made[4 : int.from_bytes(made[:2], "little")]

    def value(self, attribute, known):
        """What the encoder is given for an attribute."""
        kind = attribute["type"]
        if kind == "flag":
            return True
        if kind == "string":
            return f"text {self.next(2)}"
        if kind == "binary":
            return self.binary(attribute, known)
        if kind == "bitfield32":
            if "enum" in attribute:
                named = list(self.family.consts[attribute["enum"]].entries)
                return {"value": named[:1], "selector": named[:2]}
            return {"value": 1, "selector": 5}
        if "enum" in attribute:
            enum = self.family.consts[attribute["enum"]]
            named = [entry.name for entry in enum.entries.values() if entry.value >= 0]
            if enum.type == "flags" or attribute.get("enum-as-flags"):
                # Of several times several flags it encodes each flag by itself.
                return named[-1] if attribute.is_multi else named[-2:]
            return named[self.next(1) % len(named)]
        hint = FORMS.get(attribute.display_hint)
        if hint and len(hint) == SIZES.get(kind):
            return str(hint[0]) + "." + ".".join(str(byte) for byte in hint[1:])
        return self.number(kind, known)

    def number(self, kind, known):
        """One that is another each time, as far as there are others."""
        size, names = SIZES.get(kind, 8), self.described.names(known)
        if known.get("display-hint") == "interface":
            return self.next(1)
        if names and not names[0]:
            least = -1 << 8 * size - 1 if kind.startswith("s") else 0
            fitting = [number for number in names[1] if least <= number < least + (1 << 8 * size)]
            return fitting[self.next(1) % len(fitting)] if fitting else 0
        if names:
            return sum(1 << bit for bit in list(names[1])[:2])
        if kind in ("uint", "sint"):
            # Four bytes or eight, by the number.
            number = self.next(3 if self.count % 2 else 7)
            return -number if kind == "sint" else number
        number = self.next(size)
        return number - (1 << 8 * size - 1) if kind.startswith("s") else number

    def next(self, size):
        """Up to so many bytes of a number."""
        self.count += 1
        return (self.count * 0x9E3779B97F4A7C15 | 1) % (1 << 64) >> 64 - 8 * size

    def binary(self, attribute, known):
        if attribute.struct_name and self.is_whole(attribute.struct_name):
            return self.structure(attribute.struct_name)[0]
        if attribute.sub_type in SIZES:
            return [self.number(attribute.sub_type, known) for _ in range(3)]
        if known["type"] in ("nest", "sub-message"):
            return UNKNOWN
        if known["type"] == "indexed-array":
            inner = UNKNOWN if known["sub-type"] == "nest" else self.form(known | {"type": known["sub-type"]})
            return (4 + len(inner)).to_bytes(2, "little") + b"\1\0" + inner
        if "struct" in known:
            size = self.described.size(known["struct"])
            return self.some(size * (2 if known.get("display-hint") == "structs" else 1))
        return self.form(known)

    def form(self, known):
        """Bytes that have the form that an attribute's value has."""
        size = SIZES.get(known["type"]) or SIZES.get(known.get("sub-type")) or exact(known) or 6
        form = FORMS.get("text" if known["type"] == "string" else known.get("display-hint"))
        return form or self.some(size)

    def some(self, size):
        """Bytes that are no text."""
        return (b"\xfe" + self.next(8).to_bytes(8, "little") * (size // 8 + 1))[:size]

    def is_whole(self, name):
        """Whether the kernel's description of a struct is as long as the struct: of some it is not."""
        return self.family.struct_size(name) == self.described.size(name)

    def structure(self, name):
        """Values of a struct's members, how they are shown, and its size."""
        members, values = {member.name: member for member in self.family.consts[name].members}, {}
        for member in members.values():
            known = self.described.structs[name].get(member.name, member.yaml)
            if member.type == "pad":
                continue
            if member.type == "binary" and member.struct:
                values[member.name] = self.structure(member.struct)[0]
            elif member.type == "binary":
                size = self.described.member_size(member.yaml)
                values[member.name] = self.some(size).hex()
            elif member.name.endswith("family"):
                # An address family that has a name everywhere.
                values[member.name] = 2
            else:
                values[member.name] = self.number(member.type, known)
        made = self.family.header(name, copy.deepcopy(values))
        for known, part in self.described.parts(name, made):
            self.check(members.get(known["name"]), known, part, values.get(known["name"]), name)
        return values, self.shown.structure(name, made), len(made)


def exact(known):
    size = known.get("checks", {}).get("exact-len")
    return size if isinstance(size, int) else None
