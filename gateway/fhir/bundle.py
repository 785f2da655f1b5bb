"""Bundle with decoded envelope: links by relation, entries as raw bytes, immutable.

Only the envelope is decoded, so an unchanged resource keeps its bytes.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Self

import msgspec
from msgspec import Raw

from gateway.fhir.raw_json import _encode, array_objects, object_fields, string_json, string_value

_replace = msgspec.structs.replace

#: Digits of the largest `total`.
_MAX_TOTAL_DIGITS = 10
_NULL = Raw(b"null")
#: Usual JSON of `entry.search`, compared without decoding: a page may have thousands of entries.
_MODES = {
    spelling % name.encode(): name
    for spelling in (b'{"mode":"%s"}', b'{"mode": "%s"}')
    for name in ("match", "include", "outcome")
}
#: Shared by the entries of all pages, because each of its own takes a hundred bytes.
_SEARCHES = {json: Raw(json) for json in _MODES}
_NO_SEARCH = Raw(b"")
_MODES[bytes(_NO_SEARCH)] = ""
#: First bytes of the JSON that `encode_without_links` returns.
_BODY_PREFIX = b'{"resourceType":"Bundle"'


class Link(msgspec.Struct, frozen=True):
    """A `Bundle.link`; `fields` has all its fields, including extensions and ids."""

    relation: str
    url: str
    fields: Mapping[str, Raw]

    def with_url(self, url: str) -> "Link":
        """Return the link with another URL; the same object if the URL is equal."""
        return self if url == self.url else _replace(self, url=url)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A `Bundle.entry`, or a single resource in the same form."""

    fields: Mapping[str, Raw]

    @property
    def full_url(self) -> str:
        """`entry.fullUrl`, or an empty string if absent."""
        return string_value(self.fields.get("fullUrl"))

    def detach(self) -> "Entry":
        """Return the entry without a reference to the text from which it was decoded."""
        fields = {name: raw.copy() for name, raw in self.fields.items()}
        if "search" in fields:
            fields["search"] = _SEARCHES.get(bytes(fields["search"]), fields["search"])
        return Entry(fields)

    @property
    def stated_mode(self) -> str:
        """`entry.search.mode`; empty if absent."""
        raw = self.fields.get("search", _NO_SEARCH)
        mode = _MODES.get(bytes(raw))
        return _decode_mode(raw) if mode is None else mode

    @property
    def resource(self) -> Raw | None:
        """Bytes of the resource, or None if absent."""
        return self.fields.get("resource")

    def with_field(self, name: str, value: Raw) -> "Entry":
        """Return the entry with one field replaced."""
        return Entry({**self.fields, name: value})


class Bundle(msgspec.Struct, frozen=True, dict=True):
    """A Bundle: `fields` as received; `links` and `entries` replace the fields of the same meaning."""

    fields: Mapping[str, Raw]
    links: tuple[Link, ...]
    entries: tuple[Entry, ...]

    def replace(
        self, *, links: tuple[Link, ...] | None = None, entries: tuple[Entry, ...] | None = None
    ) -> Self:
        """Return a copy with other links or entries."""
        return _replace(
            self,
            links=self.links if links is None else links,
            entries=self.entries if entries is None else entries,
        )

    @cached_property
    def stated_modes(self) -> tuple[str, ...]:
        """`search.mode` of each entry; empty if absent."""
        get, raws = _MODES.get, [entry.fields.get("search", _NO_SEARCH) for entry in self.entries]
        modes = [get(bytes(raw)) for raw in raws]
        pairs = zip(modes, raws, strict=True)
        return tuple([_decode_mode(raw) if mode is None else mode for mode, raw in pairs])

    @cached_property
    def match_flags(self) -> tuple[bool, ...]:
        """Whether each entry is a match: one without a mode is."""
        return tuple([mode == "match" or not mode for mode in self.stated_modes])

    @property
    def outcome_entries(self) -> list[Entry]:
        """Entries of mode `outcome`."""
        modes = self.stated_modes
        return [self.entries[place] for place, mode in enumerate(modes) if mode == "outcome"]

    @property
    def total(self) -> int | None:
        """`Bundle.total`, or None if absent or not an unsignedInt (R4 datatypes.html: 31 bits)."""
        raw = self.fields.get("total")
        text = bytes(raw) if raw is not None else b""
        return int(text) if text.isdigit() and len(text) <= _MAX_TOTAL_DIGITS else None

    def with_total(self, total: int | None) -> "Bundle":
        """Return the Bundle with this total, or without total if None; the same object if equal."""
        if total == self.total:
            return self
        fields = {name: raw for name, raw in self.fields.items() if name != "total"}
        return _replace(self, fields=fields if total is None else {**fields, "total": Raw(b"%d" % total)})

    def encode(self) -> bytes:
        """Bundle as JSON; raw parts keep their bytes."""
        fields: dict[str, object] = dict(self.fields)
        _set_array(fields, "link", [_link_fields(link) for link in self.links])
        _set_array(fields, "entry", [entry.fields for entry in self.entries])
        return _encode(fields)

    def encode_without_links(self) -> bytes:
        """Bundle as JSON without links, as `insert_links` expects it."""
        fields = {name: raw for name, raw in self.fields.items() if name not in {"link", "resourceType"}}
        return _replace(self, fields={"resourceType": string_json("Bundle"), **fields}, links=()).encode()


def insert_links(body: bytes, links: Sequence[Link]) -> bytes:
    """Insert links into the JSON of `encode_without_links`, without decoding it."""
    links_json = _encode([_link_fields(link) for link in links])
    return b"".join((_BODY_PREFIX, b',"link":', links_json, body[len(_BODY_PREFIX) :]))


def bundle_from_fields(fields: Mapping[str, Raw]) -> Bundle:
    """Bundle with these top-level fields. Raises UnreadableError if a part has the wrong shape."""
    links = tuple(map(_parse_link, array_objects(fields.get("link"))))
    return Bundle(fields, links, tuple(map(Entry, array_objects(fields.get("entry")))))


def _decode_mode(search: Raw) -> str:
    return string_value(object_fields(search).get("mode"))


def _parse_link(fields: Mapping[str, Raw]) -> Link:
    return Link(string_value(fields.get("relation")), string_value(fields.get("url")), fields)


def _link_fields(link: Link) -> dict[str, Raw]:
    return {**link.fields, "relation": string_json(link.relation), "url": string_json(link.url)}


def _set_array(fields: dict[str, object], name: str, values: list[object]) -> None:
    if values or fields.get(name, _NULL) != _NULL:
        fields[name] = values
    else:
        fields.pop(name, None)
