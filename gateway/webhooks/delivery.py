"""A delivery: one webhook of Halo Connect, its body and the header fields that belong to it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from gateway.cache.freshness import ANY_TYPE, types_affected_by
from gateway.errors.catalog import WEBHOOK_MALFORMED
from gateway.errors.failure import Failure

#: Maximum size of a body, in bytes.
MAX_BODY = 65_536
#: Header fields of Halo; each must be there once.
ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "x-halo-id", "x-halo-timestamp", "x-halo-signature-256"
REQUIRED_HEADERS = (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Notice(msgspec.Struct, frozen=True):
    """Body of a webhook, as far as the gateway uses it; Halo may leave out all but `id` and `siteId`."""

    id: _Text
    siteId: _Text  # noqa: N815 - Halo's name
    occurredAt: Any = None  # noqa: N815 - Halo's name
    queryId: Any = None  # noqa: N815 - Halo's name
    webhookSource: Any = None  # noqa: N815 - Halo's name

    @property
    def guid(self) -> str:
        """Halo GUID of the site, in lower case."""
        return self.siteId.lower()

    @property
    def key(self) -> str:
        """Name of the delivery, the same for each repetition, of what the signature covers.

        X-Halo-Id is no part of it: it is not signed, so that a repeated webhook could have another one.
        """
        members = [self.id, self.siteId, self.occurredAt, self.queryId, self.webhookSource]
        return hashlib.sha256(msgspec.json.encode(members)).hexdigest()


class Delivery(NamedTuple):
    """A webhook as it is forwarded: the body and Halo's header fields, both as they came."""

    body: bytes
    headers: Sequence[tuple[str, str]]


_decode_notice = msgspec.json.Decoder(Notice).decode


def parse_notice(body: bytes) -> Notice:
    """Return the notice in a body. Raises Failure 400 if it is no JSON object with the required members."""
    try:
        return _decode_notice(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Failure(WEBHOOK_MALFORMED) from None


def invalidated_types(notice: Notice, types_by_key: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the types that a notice invalidates, with those that change with them; `*` stands for all.

    `types_by_key` has the types of a query, of a webhookSource, and of every webhook (`*`).
    """
    keys = [key for key in (notice.queryId, notice.webhookSource) if isinstance(key, str)]
    named = [type_ for key in ("*", *keys) for type_ in types_by_key.get(key, ())]
    if ANY_TYPE in named:
        return (ANY_TYPE,)
    return tuple(dict.fromkeys(other for type_ in named for other in types_affected_by(type_)))
