"""Sites that answer `patient=12` and `patient=Patient/12` alike, so that both share one stored response.

It is learned from the upstream's own responses only, by site, resource type and version: both spellings of
one search by one caller, shortly after each other and without a write in between, both complete, with the
same resources byte for byte in the same order. A version that was once seen to answer them differently is
never trusted again.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from math import inf
from typing import Final, Literal, NamedTuple

import msgspec
from cachetools import LRUCache

from gateway.exchange import START, FhirRequest, FhirResponse
from gateway.fhir.search_params import SearchParams

Spelling = Literal["id", "reference"]
#: Maximum seconds between the two responses: later, the practice's own software may have changed the data.
MAX_SECONDS_BETWEEN: Final = 60.0
#: Seconds for which a site is trusted to read both spellings alike.
MAX_SECONDS_TRUSTED: Final = 3_600.0
#: Maximum numbers of remembered sites with a type, and of responses that wait for the other spelling.
_MAX_VERDICTS, _MAX_ANSWERS = 10_000, 1_000
#: Resources that both responses have at least: fewer say nothing of the order.
_MIN_RESOURCES: Final = 2
#: Maximum number of patients in one search.
_MAX_PATIENTS: Final = 20

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"Patient/([A-Za-z0-9\-.]{1,64})", re.ASCII)
#: Parameters beside `patient` in a search from which the gateway learns: any other might hide a difference.
_PLAIN_PARAMETERS: Final = frozenset({"patient", "_count", "_format", "_sort"})


class PatientCriterion(NamedTuple):
    """Criterion `patient` of a search, without the type of its references; `is_list`: several patients."""

    spelling: Spelling
    value: str
    is_list: bool


class Scope(NamedTuple):
    """For what a verdict holds: site, type, version of configuration and engine, one patient or several."""

    site: str
    type: str
    version: str
    is_list: bool


class Answer(NamedTuple):
    """Resources of one response: their ids, a digest of their bytes, and when it was requested.

    `site_counter`: the invalidation counter of all writes at the site at that time.
    `total` and `has_next` as the upstream stated them. `is_complete`: it surely has all matches.
    """

    spelling: Spelling
    ids: frozenset[str]
    digest: bytes
    requested_at: float
    site_counter: int
    total: int | None = None
    has_next: bool = False
    is_complete: bool = True


class _Identified(msgspec.Struct):
    id: str = ""


def patient_criterion(search: SearchParams) -> PatientCriterion | None:
    """Return the one criterion `patient` of a search, all patients in one spelling; else None."""
    values = [item.value for item in search.parameters if item.name == "patient"]
    if len(values) != 1 or any(_names_patients(item.name) for item in search.parameters):
        return None
    parts = values[0].split(",", _MAX_PATIENTS)
    if len(parts) > _MAX_PATIENTS:
        return None
    if all(map(_ID.fullmatch, parts)):
        return PatientCriterion("id", values[0], len(parts) > 1)
    matches = [match for match in map(_REFERENCE.fullmatch, parts) if match]
    if len(matches) < len(parts):
        return None
    return PatientCriterion("reference", ",".join(match[1] for match in matches), len(parts) > 1)


def _names_patients(name: str) -> bool:
    """Whether a name is `patient` with a modifier or chain, or another parameter with the same meaning."""
    return name.startswith(("patient:", "patient.", "subject"))


def is_plain(request: FhirRequest) -> bool:
    """Whether the gateway may learn from a search: a first page, sent as it came, with `patient` alone."""
    names = {parameter.name for parameter in request.client_search.parameters}
    plan = request.plan
    is_sent_as_it_came = plan.split_searches is None and not plan.judged and plan.position == START
    return is_sent_as_it_came and names <= _PLAIN_PARAMETERS


def answer_of(
    response: FhirResponse,
    spelling: Spelling,
    requested_at: float,
    site_counter: int,
    *,
    has_count: bool = False,
) -> Answer | None:
    """Return the resources of a searchset; None if one has no id. `has_count`: the search has `_count`."""
    bundle = response.with_parsed_bundle().bundle
    if bundle is None:
        return None
    resources = [bytes(entry.resource or b"{}") for entry in bundle.entries]
    try:
        ids = [msgspec.json.decode(resource, type=_Identified).id for resource in resources]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not all(ids):
        return None
    digest = blake2b(b"\n".join(resources), digest_size=16).digest()
    positions = response.paging.page_positions if response.paging else {}
    has_next = "next" in positions or any(link.relation == "next" for link in bundle.links)
    matches = sum(bundle.match_flags)
    is_last = not has_next and (not has_count if bundle.total is None else bundle.total == matches)
    return Answer(
        spelling, frozenset(ids), digest, requested_at, site_counter, bundle.total, has_next, is_last
    )


def compare(one: Answer, other: Answer) -> Literal["alike", "different", "unknown"]:
    """Return what two responses to one search in both spellings say about the upstream.

    Other content of the same resources says nothing: the practice may have changed it in between.
    """
    if one.spelling == other.spelling or one.site_counter != other.site_counter:
        return "unknown"
    if abs(one.requested_at - other.requested_at) > MAX_SECONDS_BETWEEN:
        return "unknown"
    if (one.ids, one.total, one.has_next) != (other.ids, other.total, other.has_next):
        return "different"
    is_proof = one.is_complete and other.is_complete and len(one.ids) >= _MIN_RESOURCES
    return "alike" if is_proof and one.digest == other.digest else "unknown"


class PatientSpellings:
    """What this process has learned; its tables are bounded, and a dropped verdict is learned again.

    `now` returns seconds. A verdict for the same treatment ends after an hour, because a site whose version
    is unknown may get another engine unseen; responses to both spellings renew it.
    """

    def __init__(
        self, now: Callable[[], float], max_verdicts: int = _MAX_VERDICTS, max_answers: int = _MAX_ANSWERS
    ) -> None:
        self._now = now
        self._alike_at: LRUCache[Scope, float] = LRUCache(max_verdicts)
        self._different: LRUCache[Scope, bool] = LRUCache(max_verdicts)
        self._answers: LRUCache[str, Answer] = LRUCache(max_answers)

    def are_alike(self, scope: Scope) -> bool:
        """Whether both spellings were seen to get the same response, and never to get another one."""
        if scope in self._different:
            return False
        return 0 <= self._now() - self._alike_at.get(scope, -inf) < MAX_SECONDS_TRUSTED

    def record_answer(self, scope: Scope, key: str, answer: Answer) -> None:
        """Learn from a response; `key` is that of the search in either spelling, by the same caller."""
        earlier = self._answers.get(key)
        self._answers[key] = answer
        verdict = compare(earlier, answer) if earlier else "unknown"
        if verdict == "different":
            self._different[scope] = True
        elif verdict == "alike":
            self._alike_at[scope] = self._now()
