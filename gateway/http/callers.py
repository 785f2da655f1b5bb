"""Identity of a caller: the whole credential that its API requires, and nothing else.

`web/request_reader.py` passes on only the header fields of that credential, each once. So all parts of the
gateway distinguish the same callers: cache, single flight, page links, rates, pauses, ledger, logs.
"""

import hashlib
import re
from collections.abc import KeysView, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.exchange import Headers
from gateway.http.headers import CREDENTIALS
from gateway.stores.bounded_dict import BoundedDict

#: Maximum number of caller names in memory; the one set the longest ago is dropped first.
_MAX_NAMES: Final = 1_000
#: Maximum number of identities in memory, and of characters of a credential among them (4 MB together).
_MAX_IDENTITIES: Final = 1_000
_MAX_KEPT_LENGTH: Final = 4_096
#: Credential fields that do not change on renewal: a desktop token changes, its device does not.
_LASTING_HEADERS: Final = ("ocp-apim-subscription-key", "deviceid")
_SCHEMES: Final = {"bearer": "Bearer", "basic": "Basic"}
_BACKGROUND_PRIORITY = re.compile(r"(?:^|,)\s*u=7\s*(?:[,;]|$)")


class _Identity(NamedTuple):
    """A caller's credential in its usual spelling, its fingerprint and its label, as below."""

    credential: Headers
    fingerprint: str
    ledger_label: str


def credential(headers: Headers) -> Headers:
    """Header fields of the caller's credential, sorted; empty for a request without one.

    Spellings of one credential are equal: the scheme's case and the spaces behind it mean nothing (RFC 9110
    section 11.4).
    """
    return _identity_in(headers).credential


def fingerprint(headers: Headers) -> str:
    """Identity of the caller, as SHA-256 in hex of the credential's lines `name:value`."""
    return _identity_in(headers).fingerprint


def keyed_fingerprint(headers: Headers, secret: bytes) -> str:
    """Identity of the caller for shared state, as 24 hex digits; empty without a credential."""
    identity = _identity_in(headers)
    return _keyed_fingerprint(identity.fingerprint, secret) if identity.credential else ""


def keyed_hash(text: str, secret: bytes) -> str:
    """Keyed BLAKE2b of a text, as 24 hex digits."""
    return hashlib.blake2b(text.encode(), digest_size=12, key=secret[:64]).hexdigest()


def ledger_label(headers: Headers) -> str:
    """Eight hex digits that name a caller in ledger and logs; empty without a credential.

    Two callers may share a label: it gives names and marks batch work, and never decides whose data is
    served. It does not change when a desktop token is renewed.
    """
    return _identity_in(headers).ledger_label


def _identity_in(headers: Headers) -> _Identity:
    """Identity of the caller; that of a credential of unusual length is not kept beyond the next request.

    The handlers of one request ask with the same tuple, which cannot change and is held here, so that no
    other object can have its place in memory.
    """
    global _last_identity  # noqa: PLW0603 - one for the process
    last_headers, identity = _last_identity
    if last_headers is headers:
        return identity
    fields = tuple([field for field in headers if field[0] in CREDENTIALS])
    is_kept = sum([len(value) for _, value in fields]) <= _MAX_KEPT_LENGTH
    identity = _kept_identity(fields) if is_kept else _identity_of(fields)
    _last_identity = headers, identity
    return identity


def _identity_of(fields: Headers) -> _Identity:
    own = tuple(sorted((name, _usual_spelling(name, value)) for name, value in fields))
    lines = "\n".join(f"{name}:{value}" for name, value in own)
    return _Identity(own, hashlib.sha256(lines.encode()).hexdigest(), _label_of(dict(own)))


#: A request's handlers ask for its caller about ten times. The credentials stay in this process's memory.
_kept_identity = lru_cache(_MAX_IDENTITIES)(_identity_of)


def _label_of(fields: Mapping[str, str]) -> str:
    lasting = [fields.get(name, "") for name in _LASTING_HEADERS]
    # Lengths make the text unique: no two credentials give the same text.
    parts = "".join(f"{len(part)} {part}" for part in lasting) if any(lasting) else ""
    text = parts or fields.get("authorization", "")
    return hashlib.sha256(b"ledger\0" + text.encode()).hexdigest()[:8] if text else ""


def _usual_spelling(name: str, value: str) -> str:
    """Return a credential of the schemes Bearer and Basic in their usual spelling, any other unchanged."""
    scheme, space, rest = value.partition(" ") if name == "authorization" else ("", "", "")
    usual = _SCHEMES.get(scheme.lower())
    return f"{usual} {rest.strip()}" if usual and space else value


@lru_cache(_MAX_IDENTITIES)
def _keyed_fingerprint(text: str, secret: bytes) -> str:
    return keyed_hash(text, secret)


def is_background(headers: Headers) -> bool:
    """Whether the request has `Priority: u=7` (RFC 9218 section 4.1)."""
    values = [value for name, value in headers if name == "priority"]
    return any(map(_BACKGROUND_PRIORITY.search, values))


@dataclass
class CallerNames:
    """Names of callers for operators and logs, by keyed fingerprint."""

    _names: BoundedDict[str, str] = field(default_factory=lambda: BoundedDict(_MAX_NAMES))

    def remember(self, key: str, name: str) -> None:
        """Remember the name of a caller."""
        self._names[key] = name

    def keys(self) -> KeysView[str]:
        """Keys of the callers with a name."""
        return self._names.keys()

    def name_of(self, key: str) -> str:
        """Name of a caller, or the beginning of its fingerprint."""
        return self._names.get(key, key[:8])


#: Header fields that were asked for last, and the identity in them; replaced as one, for any thread.
_last_identity: tuple[Headers, _Identity] = ((), _identity_of(()))
