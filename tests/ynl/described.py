"""What nltrace knows of a family: the kernel's specification, and what netlink-specs/specs adds to it."""

import glob
import os

import yaml

SIZES = {"u8": 1, "s8": 1, "u16": 2, "s16": 2, "u32": 4, "s32": 4, "u64": 8, "s64": 8}

# Numbers that have names in every family, as far as they are encoded.
KNOWN = {
    "address-family": {2: "inet", 10: "inet6"},
    "ip-protocol": {6: "tcp", 17: "udp"},
    "ether-type": {0x0800: "ip", 0x0806: "arp"},
}


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=yaml.CSafeLoader)


class Additions:
    """The files of netlink-specs/specs by the names of their families."""

    def __init__(self, folder):
        files = (load(path) for path in glob.glob(os.path.join(folder, "*.yaml")))
        self.files = {file["name"]: file for file in files}

    def to(self, name):
        return self.files.get(name, {})


class Described:
    """The kernel's description of a family with the additions to it."""

    def __init__(self, kernel, added):
        self.sets = {}
        for source in (kernel, added):
            for found in source.get("attribute-sets", []):
                known = self.sets.setdefault(found["name"], {})
                for attribute in found["attributes"]:
                    known[attribute["name"]] = known.get(attribute["name"], {}) | attribute
        for found in kernel.get("attribute-sets", []):
            whole = self.sets.get(found.get("subset-of"), {})
            known = self.sets[found["name"]]
            for name in known:
                known[name] = whole.get(name, {}) | known[name]
        self.structs, self.enums = {}, {}
        for source in (kernel, added):
            for found in source.get("definitions", []):
                if found["type"] == "struct":
                    self._struct(found)
                elif found["type"] in ("enum", "flags"):
                    names = self.enums.setdefault(found["name"], (found["type"] == "flags", {}))[1]
                    for number, name in entries(found, max(names, default=-1) + 1):
                        names.setdefault(number, name)
        self.formats = {}
        for source in (kernel, added):
            for found in source.get("sub-messages", []):
                known = self.formats.setdefault(found["name"], {})
                for form in found["formats"]:
                    known[form["value"]] = (form.get("fixed-header"), form.get("attribute-set"))
        # Notifications give the answers that they look like their names.
        added = added.get("operations", {}).get("list", [])
        events = (operation for operation in added if "event" in operation)
        self.notifications = {operation["value"]: operation["name"] for operation in events}
        # Structs before the attributes that the kernel's specification takes for others.
        self.headers = {
            operation["name"]: operation["fixed-header"]
            for operation in added
            if "event" not in operation and "fixed-header" in operation
        }
        self.apart = set()
        for forms in self.formats.values():
            for header, attributes in forms.values():
                self.tell_apart(header, attributes)

    def _struct(self, found):
        members = found["members"]
        if found["name"] in self.structs and not all("type" in member for member in members):
            known = self.structs[found["name"]]
            for member in members:
                known[member["name"]] = known.get(member["name"], {}) | member
        else:
            self.structs[found["name"]] = {member["name"]: member for member in members}

    def tell_apart(self, header, attributes):
        """Members of a struct before attributes that one of them is called like."""
        for name in self.structs.get(header, {}):
            if name in self.sets.get(attributes, {}):
                self.apart.add((header, name))

    def size(self, name):
        return sum(self.member_size(member) for member in self.structs[name].values())

    def member_size(self, member):
        if "len" in member:
            return int(member["len"])
        return SIZES.get(member["type"]) or self.size(member["struct"])

    def parts(self, name, payload):
        """The members of a struct and their bytes."""
        at = 0
        for member in self.structs[name].values():
            size = self.member_size(member)
            yield member, payload[at : at + size]
            at += size

    def names(self, described):
        """Whether its numbers are bits, and their names; None if they have none."""
        if "enum" in described:
            are_bits, names = self.enums[described["enum"]]
            return are_bits or described.get("enum-as-flags", False), names
        known = KNOWN.get(described.get("display-hint"))
        return (False, known) if known else None


def entries(found, first):
    """Numbers and names of a definition."""
    number = found.get("value-start", first)
    for entry in found["entries"]:
        entry = entry if isinstance(entry, dict) else {"name": entry}
        number = entry.get("value", number)
        yield number, str(entry["name"])
        number += 1
