"""The service's schema beside ours: which elements it has not, or in another order."""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moderation.cybertip import ORDER, CyberTipError

MOST_NODES = 50_000


@dataclass
class _Node:
    tag: str
    attributes: Mapping[str, str]
    children: list[_Node] = field(default_factory=list)


def differences(schema: bytes) -> list[str]:
    """Sentences, one for each element of ORDER whose children the schema hasn't in that order; empty
    when all fit. Raises CyberTipError for what is no schema, a document type among it."""
    root = _parse(schema)
    types = {
        node.attributes["name"]: node
        for node in root.children
        if node.tag in ("complexType", "group") and "name" in node.attributes
    }
    elements: dict[str, _Node] = {}
    for node in _walk(root):
        if node.tag == "element" and "name" in node.attributes:
            known = elements.get(node.attributes["name"])
            if known is None or not list(_children(known, types)):
                elements[node.attributes["name"]] = node
    found: list[str] = []
    for name, inner in _flat(ORDER):
        if name not in elements:
            found.append(f"{name} isn't in the schema.")
            continue
        there = list(_children(elements[name], types))
        missing = [child for child in inner if child not in there]
        if missing:
            found.append(f"{name} has no {', '.join(missing)}.")
        shared = [child for child in there if child in inner]
        if not missing and shared != list(inner):
            found.append(f"The order inside {name} is another: {', '.join(shared)}.")
    return found


def _flat(order: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(element, its children) of everything in ORDER that has children, each name once."""
    seen: set[str] = set()
    waiting = list(order.items())
    while waiting:
        name, inner = waiting.pop(0)
        if not inner or name in seen:
            continue
        seen.add(name)
        yield name, tuple(inner)
        waiting += list(inner.items())


def _children(node: _Node, types: Mapping[str, _Node], depth: int = 0) -> Iterator[str]:
    """Names of the elements that may stand directly in an element, in their order."""
    if depth > 12:
        return
    kind = node.attributes.get("type", "").rpartition(":")[2]
    if node.tag == "element" and kind in types:
        yield from _children(types[kind], types, depth + 1)
    for child in node.children:
        if child.tag == "element":
            yield child.attributes.get("name") or child.attributes.get("ref", "").rpartition(":")[2]
        elif child.tag == "extension" or child.tag == "group":
            base = child.attributes.get("base", child.attributes.get("ref", ""))
            if (known := types.get(base.rpartition(":")[2])) is not None:
                yield from _children(known, types, depth + 1)
            yield from _children(child, types, depth + 1)
        else:
            yield from _children(child, types, depth + 1)


def _walk(node: _Node) -> Iterator[_Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting += node.children


def _parse(schema: bytes) -> _Node:
    top = _Node("", {})
    path = [top]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_NODES or len(path) > 60:
            raise CyberTipError(CyberTipError.UNREADABLE, "the schema is too large")
        node = _Node(name.rpartition(":")[2], attributes)
        path[-1].children.append(node)
        path.append(node)

    def end(name: str) -> None:
        path.pop()

    def forbid(*arguments: Any) -> None:
        raise CyberTipError(CyberTipError.UNREADABLE, "the schema declares a document type")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = forbid
    parser.EntityDeclHandler = forbid
    try:
        parser.Parse(schema, True)
    except xml.parsers.expat.ExpatError as error:
        raise CyberTipError(CyberTipError.UNREADABLE, "the answer is no schema") from error
    if not top.children or top.children[0].tag != "schema":
        raise CyberTipError(CyberTipError.UNREADABLE, "the answer is no schema")
    return top.children[0]
