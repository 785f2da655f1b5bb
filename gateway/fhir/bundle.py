"""Envelope of a Bundle: links by relation, entries as raw bytes, copy on write.

A resource nobody changes leaves as the very bytes that came: only the envelope is decoded.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec
from msgspec import Raw

from gateway.fhir.raw_json import _encode, array_items, object_fields, string_json, string_value

_replace = msgspec.structs.replace

#: How `unlinked` begins.
_BODY_PREFIX = b'{"resourceType":"Bundle"'


class Link(msgspec.Struct, frozen=True):
    """One `Bundle.link`; `fields` keeps what else it holds (extensions, ids)."""

    relation: str
    url: str
    fields: Mapping[str, Raw]

    def with_url(self, url: str) -> "Link":
        """The link with another URL; itself when it is the same."""
        return self if url == self.url else _replace(self, url=url)


class Entry(msgspec.Struct, frozen=True):
    """One `Bundle.entry`, or a lone resource as if it were one."""

    fields: Mapping[str, Raw]

    @property
    def full_url(self) -> str:
        """`entry.fullUrl`, or an empty string."""
        return string_value(self.fields.get("fullUrl"))

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

    def replace(
        self, *, links: tuple[Link, ...] | None = None, entries: tuple[Entry, ...] | None = None
    ) -> Self:
        """A copy with other links or entries."""
        return _replace(
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
        return _replace(self, fields=fields if total is None else {**fields, "total": Raw(b"%d" % total)})

    def encode(self) -> bytes:
        """The Bundle as JSON; raw parts keep their bytes."""
        fields: dict[str, object] = dict(self.fields)
        _set_array(fields, "link", [_link_fields(link) for link in self.links])
        _set_array(fields, "entry", [entry.fields for entry in self.entries])
        return _encode(fields)

    def encode_without_links(self) -> bytes:
        """The Bundle as JSON without links, in the form in which `linked` puts links in."""
        kept = {name: raw for name, raw in self.fields.items() if name not in {"link", "resourceType"}}
        return _replace(self, fields={"resourceType": string_json("Bundle"), **kept}, links=()).encode()


def insert_links(body: bytes, links: Sequence[Link]) -> bytes:
    """What `unlinked` gave, with links: nothing of it is decoded."""
    written = _encode([_link_fields(link) for link in links])
    return b"".join((_BODY_PREFIX, b',"link":', written, body[len(_BODY_PREFIX) :]))


def bundle_from_fields(fields: Mapping[str, Raw]) -> Bundle:
    """The Bundle with these top-level fields; raises UnreadableError when its parts have the wrong shape."""
    links = tuple(_parse_link(object_fields(raw)) for raw in array_items(fields.get("link")))
    entries = tuple(Entry(object_fields(raw)) for raw in array_items(fields.get("entry")))
    return Bundle(fields, links, entries)


def _parse_link(fields: Mapping[str, Raw]) -> Link:
    return Link(string_value(fields.get("relation")), string_value(fields.get("url")), fields)


def _link_fields(link: Link) -> dict[str, Raw]:
    return {**link.fields, "relation": string_json(link.relation), "url": string_json(link.url)}


def _set_array(fields: dict[str, object], name: str, values: list[object]) -> None:
    if values or name in fields:
        fields[name] = values
