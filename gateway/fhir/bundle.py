"""Envelope of a Bundle: links by relation, entries as raw bytes, copy on write.

A resource nobody changes leaves as the very bytes that came: only the envelope is decoded.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
from msgspec import Raw

from gateway.fhir.raw_json import repeats

_fields = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode
_replaced = msgspec.structs.replace

#: How `unlinked` begins.
_BEGINNING = b'{"resourceType":"Bundle"'


class UnreadableError(ValueError):
    """The body is not one JSON object in UTF-8, or names a field twice where the gateway must look."""


class Link(msgspec.Struct, frozen=True):
    """One `Bundle.link`; `fields` keeps what else it holds (extensions, ids)."""

    relation: str
    url: str
    fields: Mapping[str, Raw]

    def at(self, url: str) -> "Link":
        """The link with another URL; itself when it is the same."""
        return self if url == self.url else _replaced(self, url=url)


class Entry(msgspec.Struct, frozen=True):
    """One `Bundle.entry`, or a lone resource as if it were one."""

    fields: Mapping[str, Raw]

    @property
    def full_url(self) -> str:
        """`entry.fullUrl`, or an empty string."""
        return string(self.fields.get("fullUrl"))

    @property
    def resource(self) -> Raw | None:
        """The bytes of the resource."""
        return self.fields.get("resource")

    def with_field(self, name: str, value: Raw) -> "Entry":
        """The entry with one field replaced."""
        return Entry({**self.fields, name: value})


class Bundle(msgspec.Struct, frozen=True):
    """A Bundle taken apart; `fields` holds everything as it came, links and entries what replaces it."""

    fields: Mapping[str, Raw]
    links: tuple[Link, ...]
    entries: tuple[Entry, ...]

    def changed(
        self, *, links: tuple[Link, ...] | None = None, entries: tuple[Entry, ...] | None = None
    ) -> Self:
        """A copy with other links or entries."""
        return _replaced(
            self,
            links=self.links if links is None else links,
            entries=self.entries if entries is None else entries,
        )

    @property
    def total(self) -> int | None:
        """`Bundle.total`, if it is there."""
        raw = self.fields.get("total")
        text = bytes(raw) if raw is not None else b""
        return int(text) if text.isdigit() else None

    def with_total(self, total: int | None) -> "Bundle":
        """The Bundle with this total, or without one; itself when that changes nothing."""
        if total == self.total:
            return self
        fields = {name: raw for name, raw in self.fields.items() if name != "total"}
        return _replaced(self, fields=fields if total is None else {**fields, "total": Raw(b"%d" % total)})

    def encoded(self) -> bytes:
        """The Bundle as JSON; raw parts keep their bytes."""
        fields: dict[str, object] = dict(self.fields)
        _put(fields, "link", [_link_fields(link) for link in self.links])
        _put(fields, "entry", [entry.fields for entry in self.entries])
        return _encode(fields)

    def unlinked(self) -> bytes:
        """The Bundle as JSON without links, in the form in which `linked` puts links in."""
        kept = {name: raw for name, raw in self.fields.items() if name not in {"link", "resourceType"}}
        return _replaced(self, fields={"resourceType": quoted("Bundle"), **kept}, links=()).encoded()


def linked(body: bytes, links: Sequence[Link]) -> bytes:
    """What `unlinked` gave, with links: nothing of it is decoded."""
    written = _encode([_link_fields(link) for link in links])
    return b"".join((_BEGINNING, b',"link":', written, body[len(_BEGINNING) :]))


def whole(body: bytes) -> dict[str, Raw]:
    """The top-level fields of a whole body; raises UnreadableError when any of it is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        raise UnreadableError(type(problem).__name__) from problem
    return opened(body)


def opened(body: bytes | Raw) -> dict[str, Raw]:
    """The top-level fields of a JSON object, each as its raw bytes; raises UnreadableError.

    A name given twice is refused (R4 json.html: names are unique): keeping one value would lose the other.
    """
    try:
        fields = _fields.decode(body)
        repeated = repeats(body, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if repeated:
        raise UnreadableError("DuplicateName")
    return fields


def bundle(fields: Mapping[str, Raw]) -> Bundle:
    """The Bundle with these top-level fields; raises UnreadableError when its parts have the wrong shape."""
    links = tuple(_link(opened(raw)) for raw in items(fields.get("link")))
    entries = tuple(Entry(opened(raw)) for raw in items(fields.get("entry")))
    return Bundle(fields, links, entries)


def items(raw: Raw | None) -> list[Raw]:
    """The values of a raw JSON array; none when it is absent. Raises UnreadableError."""
    try:
        return _list.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def objects(raw: Raw | None) -> list[dict[str, Raw]]:
    """The objects of a raw JSON array, each as `opened` gives it; none when it is absent.

    Raises UnreadableError. Written again they are as long as what came, unless that had white space or a
    name twice.
    """
    try:
        found = _objects.decode(raw) if raw is not None else []
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem
    if raw is None or len(_encode(found)) == len(memoryview(raw)):
        return found
    return [opened(each) for each in items(raw)]


def string(raw: Raw | None) -> str:
    """A raw JSON value as text; an empty string when it is absent or no string."""
    try:
        return _text.decode(raw) if raw is not None else ""
    except msgspec.DecodeError:
        return ""


def quoted(text: str) -> Raw:
    """The text as a raw JSON string."""
    return Raw(_encode(text))


def escaped(text: str) -> bytes:
    """The text as it stands between the quotes of a JSON string."""
    return _encode(text)[1:-1]


def encoded(value: Mapping[str, Raw] | list[Raw]) -> Raw:
    """An object or array of raw values as one raw value."""
    return Raw(_encode(value))


def _link(fields: Mapping[str, Raw]) -> Link:
    return Link(string(fields.get("relation")), string(fields.get("url")), fields)


def _link_fields(link: Link) -> dict[str, Raw]:
    return {**link.fields, "relation": quoted(link.relation), "url": quoted(link.url)}


def _put(fields: dict[str, object], name: str, items: list[object]) -> None:
    if items or name in fields:
        fields[name] = items
