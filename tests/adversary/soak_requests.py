"""Requests of the soak's attackers: a table of kinds, each with its address, rate and maker of requests."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import quote
from uuid import UUID

from adversary.costly_requests import ATTACKS, FORM, JSON, LARGEST, Attack
from adversary.test_r01_upgrade_offers import OFFER
from adversary.test_s01_upstream_words import SENTENCES
from end_to_end.chaos_world import FAR, NEAR, QUIET, base

from gateway.emulator import errors

#: Address of the honest clients, which some attackers share.
HONEST_ADDRESS = "127.0.0.2"
#: Valid keys of attackers: one whose queries succeed, one whose queries fail, one whose queries hang.
INSIDER, POISON, HANGING = "insider-key", "poison-key", "hanging-key"
KEY_FIELD = "Ocp-Apim-Subscription-Key"
#: Start of every made-up key.
MADE_UP = "made-up-"
REFUSED_KEY = f"{MADE_UP}and-refused"
BASES = tuple(base(site) for site in (QUIET, NEAR, FAR))

Fields = Mapping[str, str]


@dataclass(frozen=True)
class AttackKind:
    """Attackers of one kind: their address, requests per second, and what makes a request.

    `may_succeed`: whether a response with 2xx is right, because the key is valid.
    """

    address: str
    per_second: float
    make: Callable[[Random], bytes]
    may_succeed: bool = False


@dataclass(frozen=True)
class DripKind:
    """Attackers that hold `sockets` open: each sends the start of a request, then a byte per second."""

    address: str
    sockets: int
    start: bytes


def encode(method: str, path: str, fields: Fields, body: bytes = b"", connection: str = "close") -> bytes:
    """Bytes of a request."""
    length = {"Content-Length": str(len(body))} if body else {}
    lines = {"Host": "gateway.chaos", "Connection": connection, **length, **fields}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def made_up_key(random: Random) -> dict[str, str]:
    return {KEY_FIELD: f"{MADE_UP}{random.getrandbits(64):x}"}


def _forged_key(random: Random) -> bytes:
    return encode("GET", f"{random.choice(BASES)}/Patient/1", made_up_key(random))


def _refused_key(random: Random) -> bytes:
    device = {"DeviceId": f"d-{random.random()}"}
    return encode("GET", f"{random.choice(BASES)}/Patient/1", {KEY_FIELD: REFUSED_KEY} | device)


def _made_up_site(random: Random) -> str:
    return f"/integrator/sites/{UUID(int=random.getrandbits(128), version=4)}/fhir/R4"


def _forged_guid(random: Random) -> bytes:
    return encode("GET", f"{_made_up_site(random)}/Patient/1", made_up_key(random))


def _forged_guid_with_valid_key(random: Random) -> bytes:
    return encode("GET", f"{_made_up_site(random)}/Patient/1", {KEY_FIELD: INSIDER})


def _forged_token(random: Random) -> bytes:
    token = {"Authorization": f"Bearer {random.getrandbits(64):x}", "DeviceId": f"d-{random.random()}"}
    path = random.choice(BASES).replace("/integrator/", "/desktop/")
    return encode("GET", f"{path}/Patient/1", token)


#: What the emulator repeats in its error: the name of an unknown parameter.
_ECHO_PATHS = (
    "Slot/$find-free?{}=1",
    "Patient?{}=1",
    "Appointment?date=2026-06&{}=1",
    "Patient?birthdate={}",
)


def _echo(random: Random) -> bytes:
    path = random.choice(_ECHO_PATHS).format(quote(random.choice(SENTENCES)))
    return encode("GET", f"{random.choice(BASES)}/{path}", {KEY_FIELD: INSIDER})


def _upgrade_offer(random: Random) -> bytes:
    offer = OFFER.format(random.choice(("h2c", "websocket", "any/1")))
    lines = (line.partition(": ") for line in offer.splitlines())
    fields = {name: value for name, _, value in lines if name != "Connection"}
    hidden = encode("GET", f"{BASES[0]}/Patient/1", {KEY_FIELD: INSIDER})
    body = random.choice((b"family=Nosuchfamily", hidden))
    path = f"{random.choice(BASES)}/Patient/_search"
    return encode("POST", path, fields | FORM | {KEY_FIELD: INSIDER}, body, "close, Upgrade, HTTP2-Settings")


#: Replaced by another made-up key in each request: a refused key would be paused.
_PLACE_OF_KEY = f"{MADE_UP}costly"


def _encode_costly(request: Attack) -> bytes:
    fields = {name: value for name, value in request.headers.items() if name != "host"}
    key = {KEY_FIELD: _PLACE_OF_KEY}
    return encode(request.method, request.path, fields | key, request.content.encode())


_COSTLY = [_encode_costly(request) for request in (*ATTACKS.values(), *LARGEST.values())]


def _costly(random: Random) -> bytes:
    key = made_up_key(random)[KEY_FIELD]
    return random.choice(_COSTLY).replace(_PLACE_OF_KEY.encode(), key.encode(), 1)


def _long_head(random: Random) -> bytes:
    padding = {"X-Padding": f"{random.getrandbits(64):x}" * random.randrange(128, 500)}
    return encode("GET", f"{random.choice(BASES)}/Patient/1", {KEY_FIELD: INSIDER} | padding)


#: Bytes that are no request, or one that cannot be read.
_UNREADABLE: tuple[bytes, ...] = (
    b"NONSENSE\r\n\r\n",
    b"GET /x HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n12345",
    b"GET /x HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    b"GET /%zz/%00?\xff HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\r\n\r\n",
    encode("GET", f"{BASES[0]}/Patient/1", {KEY_FIELD: f"{MADE_UP}\xff", "Prefer": "\xe9"}),
    encode("TRACE", f"{BASES[0]}/Patient/1", {KEY_FIELD: f"{MADE_UP}trace"}),
    encode("GET", "//[/x", {KEY_FIELD: f"{MADE_UP}url"}),
)


def _unreadable(random: Random) -> bytes:
    return random.choice((*_UNREADABLE, random.randbytes(2_000) + b"\r\n\r\n"))


#: Words in a search of the poison key -> answer of the emulator, as an expensive or broken query gets it.
_FAILURES: dict[str, dict[str, object]] = {
    "poison-500": {"status": 500, "body": {"statusCode": 500, "message": "Internal server error"}},
    "poison-sql": {"status": 200, "body": {"errorCode": 1, "errorMessage": "SqlExecutionFailed"}},
    "poison-slow": {"status": 504, "body": {"error": {"status": 504, "message": errors.SLOW_QUERY}}},
    "poison-html": {"status": 502, "body": "<html>Bad gateway</html>"},
    "poison-empty": {"status": 200, "body": ""},
}
#: Keys that the upstream refuses, although they are valid -> its answer.
_REFUSALS: dict[str, dict[str, object]] = {
    "elsewhere-key": {
        "status": 403,
        "body": {"error": {"status": 403, "message": "The practice being queried is non-authoritative."}},
    },
    "blocked-key": {
        "status": 403,
        "body": {
            "statusCode": 403,
            "message": "Caller IP address 203.0.113.9 is not allowed. Access denied.",
        },
    },
    "spent-key": {"status": 429, "body": {"message": "x"}, "headers": {"Retry-After": "86400"}},
}
ATTACKERS_KEYS = (INSIDER, POISON, HANGING, *_REFUSALS)
#: Faults of the emulator for keys of attackers.
FAULTS: list[dict[str, object]] = [
    {"kind": "hang", "key": HANGING},
    *({"kind": "answer", "key": POISON, "path": words, **answer} for words, answer in _FAILURES.items()),
    *({"kind": "answer", "key": key, **answer} for key, answer in _REFUSALS.items()),
]


def _failing_query(random: Random) -> bytes:
    search = f"Patient?family={random.choice(tuple(_FAILURES))}"
    return encode("GET", f"{random.choice(BASES[1:])}/{search}", _uncached(POISON))


def _hanging_query(random: Random) -> bytes:
    """A query of the first site: there no other attacker fails, since two of them open its circuit."""
    return encode("GET", f"{BASES[0]}/Patient?family={random.random()}", _uncached(HANGING))


def _query_without_rights(random: Random) -> bytes:
    key = random.choice(tuple(_REFUSALS))
    return encode("GET", f"{random.choice(BASES)}/Patient/1", _uncached(key))


def _uncached(key: str) -> dict[str, str]:
    return {KEY_FIELD: key, "Cache-Control": "no-cache"}


def replay_kinds(link: str) -> dict[str, AttackKind]:
    """Attackers that open an honest client's page link: with another key, and with a made-up one."""
    return {
        "page links with another key": AttackKind(
            "127.0.0.4", 1, lambda _: encode("GET", link, {KEY_FIELD: INSIDER})
        ),
        "page links with a made-up key": AttackKind(
            HONEST_ADDRESS, 1, lambda random: encode("GET", link, made_up_key(random))
        ),
    }


#: About 50 requests per second in sum.
ATTACK_KINDS = {
    "forged keys": AttackKind("127.0.0.3", 7, _forged_key),
    "forged keys at the honest address": AttackKind(HONEST_ADDRESS, 4, _forged_key),
    "a refused key again": AttackKind("127.0.0.3", 4, _refused_key),
    "forged GUIDs": AttackKind("127.0.0.4", 3, _forged_guid),
    "forged GUIDs with a valid key": AttackKind("127.0.0.4", 2, _forged_guid_with_valid_key),
    "forged tokens": AttackKind("127.0.0.5", 2, _forged_token),
    "echoes": AttackKind("127.0.0.5", 4, _echo, may_succeed=True),
    "upgrade offers": AttackKind("127.0.0.6", 3, _upgrade_offer, may_succeed=True),
    "huge searches": AttackKind("127.0.0.7", 3, _costly),
    "long heads": AttackKind("127.0.0.9", 5, _long_head, may_succeed=True),
    "unreadable bytes": AttackKind("127.0.0.9", 4, _unreadable),
    "failing queries": AttackKind("127.0.0.3", 3, _failing_query),
    "hanging queries": AttackKind("127.0.0.3", 3, _hanging_query),
    "queries without rights": AttackKind("127.0.0.6", 2, _query_without_rights),
}
_BODY_HEAD = encode(
    "POST", f"{BASES[0]}/Patient", JSON | {KEY_FIELD: f"{MADE_UP}drip", "Content-Length": "1900000"}
)
DRIP_KINDS = {
    "unfinished bodies": DripKind("127.0.0.8", 60, _BODY_HEAD + b'{"a":"' + b"x" * 1_800_000),
    "slow bodies at the honest address": DripKind(HONEST_ADDRESS, 5, _BODY_HEAD + json.dumps("x").encode()),
    "slow heads": DripKind("127.0.0.8", 60, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "),
}
