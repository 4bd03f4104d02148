# What pyroute2 decodes of the objects that route.sh makes, listed as the programs in there list them.
import importlib.util
import json
import os
import sys
import types

# The package's own module imports all that there is, which takes seconds in a guest.
package = types.ModuleType("pyroute2")
package.__path__ = list(importlib.util.find_spec("pyroute2").submodule_search_locations)
sys.modules["pyroute2"] = package
from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, rtnl
from pyroute2.netlink.rtnl.iprsocket import IPRSocket


def shared(names):
    """What all names begin with, as far as a `_`."""
    return os.path.commonprefix(names).rpartition("_")[0] + "_"


def tree(value):
    """Fields of headers, and attributes by name, without what all of a nest share: of several, a list."""
    if isinstance(value, (list, tuple)):
        return [tree(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, dict):
        return value
    named = {name: tree(field) for name, field in value.items() if name not in ("header", "event", "attrs")}
    prefix = shared([known[-2] for known in value.nla_map]) if value.get("attrs") else ""
    several = {}
    for name, attribute in value.get("attrs", ()):
        several.setdefault(name.removeprefix(prefix).lower(), []).append(tree(attribute))
    return named | {name: items if len(items) > 1 else items[0] for name, items in several.items()}


with IPRSocket() as sock:
    for kind, asked in {
        "links": rtnl.RTM_GETLINK,
        "addresses": rtnl.RTM_GETADDR,
        "routes": rtnl.RTM_GETROUTE,
        "rules": rtnl.RTM_GETRULE,
        "neighbours": rtnl.RTM_GETNEIGH,
        "qdiscs": rtnl.RTM_GETQDISC,
        "classes": rtnl.RTM_GETTCLASS,
        "filters": rtnl.RTM_GETTFILTER,
    }.items():
        request = sock.marshal.msg_map[asked]()
        if kind in ("classes", "filters"):
            request["index"] = 10
        objects = sock.nlm_request(request, asked, NLM_F_REQUEST | NLM_F_DUMP)
        print(f"@@ {os.getpid()} pyroute2 {kind}\n{json.dumps([tree(object) for object in objects])}\n")
