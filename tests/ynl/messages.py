"""Messages of every operation that the kernel's specifications have, made by the kernel's own encoder.

Prints an object a line: first the attributes that there are, then a message each with what
`nltrace decode --json` has to say of it, last why some attributes are in none.
"""

import copy
import json
import os
import struct
import sys
from glob import glob

ADDITIONS, KERNEL = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(KERNEL, "tools/net/ynl"))
# pylint: disable=wrong-import-position
from pyynl.lib import ynl
from pyynl.lib.nlspec import SpecFamily

from described import Additions, Described
from made import Maker, key

# A number that the kernel could give a family of generic netlink; nlctrl always has its own.
GENERIC_TYPE, CONTROLLER_TYPE = 40, 16


class Family(ynl.YnlFamily):
    """Encodes without a socket."""

    def __init__(self, path):
        # pylint: disable=super-init-not-called,non-parent-init-called
        SpecFamily.__init__(self, path, "")

    def encode(self, space, values):
        around = ynl.SpaceAttrs(self.attr_sets[space], values)
        return b"".join(self._add_attr(space, name, value, around) for name, value in values.items())

    def header(self, name, values):
        return self._encode_struct(name, values)

    def renumber(self, described):
        """Attributes have the numbers that netlink-specs/specs gives them."""
        for name, attributes in self.attr_sets.items():
            number = 0
            for attribute in attributes.attrs.values():
                if attributes.subset_of:
                    attribute.value = self.attr_sets[attributes.subset_of][attribute.name].value
                    continue
                number = described.sets[name][attribute.name].get("value", number + 1)
                attribute.value = number


def operations(family):
    """Number, direction, name and what it is of each kind of message.

    A notification gives an answer that it looks like its name.
    """
    found = {}
    for operation in family.msgs.values():
        if operation.is_resv:
            continue
        calls = [operation.yaml[mode] for mode in ("do", "dump") if mode in operation.yaml]
        if calls:
            found.setdefault((operation.req_value, "request"), [operation.name, operation])
        if operation.rsp_value is None:
            continue
        if any("reply" in call for call in calls) or operation.is_async:
            known = found.setdefault((operation.rsp_value, "reply"), [operation.name, operation])
            if operation.is_async:
                known[0] = operation.name
    return [(number, direction, *rest) for (number, direction), rest in found.items()]


def apart(shown, is_generic):
    """Names that every message of generic netlink has."""
    if isinstance(shown, list):
        return [apart(inner, is_generic) for inner in shown]
    if not isinstance(shown, dict):
        return shown
    taken = ("cmd", "version", "command") if is_generic else ()
    named = {"attr_" + name if name in taken else name: inner for name, inner in shown.items()}
    return {name: apart(inner, is_generic) for name, inner in named.items()}


def messages(family, described, maker):
    is_generic = "protonum" not in family.yaml
    name = family.name if is_generic else str(family.yaml["protonum"])
    for number, direction, title, operation in operations(family):
        if direction == "reply":
            title = described.notifications.get(number, title)
        maker.begin()
        for variant in maker.variants(operation.attr_set.name):
            if variant.needs:
                continue
            header, shown, payload = {}, {}, b""
            if is_generic:
                payload = struct.pack("BBH", number, 1, 0)
                shown = {"cmd": number, "version": 1, "command": key(title)}
            if operation.fixed_header:
                header, inside, _ = maker.structure(operation.fixed_header)
                made = family.header(operation.fixed_header, header)
                payload += made
                if operation.name in described.headers:
                    inside = maker.shown.structure(described.headers[operation.name], made)
                variant.shown = inside | variant.shown
            payload += family.encode(operation.attr_set.name, copy.deepcopy(variant.values))
            if is_generic:
                number_of_type = CONTROLLER_TYPE if name == "nlctrl" else GENERIC_TYPE
            else:
                number_of_type = number
            flags = 1 if direction == "request" else 0
            whole = struct.pack("IHHII", 16 + len(payload), number_of_type, flags, 1, 0) + payload
            yield {
                "family": name,
                "direction": direction,
                "operation": f"{family.name} {title}",
                "hex": whole.hex(),
                "decoded": shown | apart(variant.shown, is_generic),
                "attributes": sorted(variant.covered),
            }


def main():
    additions = Additions(os.path.join(ADDITIONS, "netlink-specs/specs"))
    files = sorted(glob(os.path.join(KERNEL, "Documentation/netlink/specs/*.yaml")))
    for path in files + [os.path.join(ADDITIONS, "docs/nltest.yaml")]:
        family = Family(path)
        described = Described(family.yaml, additions.to(family.name))
        family.renumber(described)
        for operation in family.msgs.values():
            if not operation.is_resv:
                header = described.headers.get(operation.name, operation.fixed_header)
                described.tell_apart(header, operation.attr_set.name)
        maker = Maker(family, described)
        for message in messages(family, described, maker):
            print(json.dumps(message))
        for name, attributes in family.attr_sets.items():
            for attribute, known in described.sets[name].items():
                if attribute in attributes and known["type"] not in ("pad", "unused"):
                    place = f"{family.name} {name}.{attribute}"
                    reason = maker.left.get(place, "no operation leads there")
                    print(json.dumps({"attribute": place, "unless": reason}))


main()
