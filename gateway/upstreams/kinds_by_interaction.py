"""Kinds of failure by interaction: what a 404 means depends on the request.

A kind without a row means the same for every interaction; an interaction without a text has the kind's own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.errors import catalog
from gateway.errors.failure import FailureKind, RetryAdvice
from gateway.fhir.interaction import Interaction
from gateway.upstreams import failures, halo_failures, status_rules

#: Interaction code, `history-instance` and `operation-instance` with an id, or `async-status`.
InteractionKey = str
_ASYNC_STATUS = "RequestResult"
_LISTED = " The CapabilityStatement lists what it supports."
#: Keys in groups, separated by spaces.
_SINGLE = "read vread capabilities"
_PAGED = "search-type history history-instance"
_OPERATIONS = "operation operation-instance"
_WRITES = "create update patch delete transaction"


def interaction_key(interaction: Interaction) -> InteractionKey:
    """Return the key of an interaction in this module's tables."""
    if interaction.operation == _ASYNC_STATUS:
        return "async-status"
    if interaction.code == "sql":
        return "other"
    is_instance = interaction.code in {"history", "operation"} and interaction.id
    return f"{interaction.code}-instance" if is_instance else interaction.code


def kind_for(kind: FailureKind, interaction: Interaction) -> FailureKind:
    """Return the kind that is true for an interaction; the same kind if it is true for all."""
    kinds = _KINDS.get(kind)
    return kinds.get(interaction_key(interaction), kind) if kinds else kind


def kinds_of(kind: FailureKind) -> tuple[FailureKind, ...]:
    """Return all kinds that `kind_for` may return for a kind."""
    return (kind, *_KINDS.get(kind, {}).values())


def listed_kinds() -> Iterator[tuple[FailureKind, Mapping[InteractionKey, FailureKind]]]:
    """Yield each kind with those that replace it, by interaction."""
    yield from _KINDS.items()


def _kind_without_interaction(kind: FailureKind, text: str) -> FailureKind:
    """Return a kind that says that the upstream lacks the interaction; no statement on any record."""
    return replace(
        kind,
        code="interaction-not-supported",
        issue="not-supported",
        text=text,
        message_code="MSG_OP_NOT_ALLOWED",
    )


def _ambiguous_kind(kind: FailureKind, text: str) -> FailureKind:
    """Return a kind for a status that means an unknown resource or an unsupported interaction."""
    return replace(kind, code="not-found-or-not-supported", text=text, message_code="")


def _not_found_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return {
        "vread": _ambiguous_kind(
            kind,
            "The upstream does not have this version: the id or the version is unknown, the resource is not"
            " active, or it keeps no versions. Read the resource without _history.",
        ),
        "history-instance": _ambiguous_kind(
            kind,
            "The upstream returned no history: the id is unknown, the resource is not active, or it keeps no"
            " versions. This does not mean that nothing was changed. Read the resource itself.",
        ),
        "history": _kind_without_interaction(
            kind,
            "The upstream has no history at this URL: it keeps none of this type, or a page has expired. This"
            " does not mean that nothing was changed. Search by _lastUpdated instead.",
        ),
        "search-type": _kind_without_interaction(
            kind,
            "The upstream has no search at this URL: this resource type cannot be searched, or a page has"
            " expired. This does not mean that nothing matches. Repeat the search from its first page."
            + _LISTED,
        ),
        "create": _kind_without_interaction(
            kind, "The upstream does not accept new resources of this type. Nothing was created." + _LISTED
        ),
        "update": _ambiguous_kind(
            kind,
            "Nothing was changed: the upstream has no such active resource, or does not accept changes of"
            " this type. Check the id." + _LISTED,
        ),
        "patch": _ambiguous_kind(
            kind,
            "Nothing was changed: the upstream does not support PATCH for this type, or has no such active"
            " resource. Check the id." + _LISTED,
        ),
        "delete": _ambiguous_kind(
            kind,
            "Nothing was deleted: the upstream does not support DELETE for this type, or has no such active"
            " resource. Check the id." + _LISTED,
        ),
        "transaction": _kind_without_interaction(
            kind,
            "The upstream does not accept batch or transaction Bundles. Nothing was changed. Send each entry"
            " as a request of its own.",
        ),
        "operation": _kind_without_interaction(
            kind, "The upstream has no operation of this name here, so nothing was carried out." + _LISTED
        ),
        "operation-instance": _ambiguous_kind(
            kind,
            "Nothing was carried out: the upstream has no operation of this name here, or no such active"
            " resource. Check the id." + _LISTED,
        ),
        "capabilities": _kind_without_interaction(
            kind,
            "The upstream has no CapabilityStatement at this URL. The gateway's operator must check the"
            " upstream's URL.",
        ),
        "async-status": replace(
            kind,
            text="The upstream has no job of this id, or its result has expired. Send the original request"
            " again.",
        ),
        "other": replace(
            kind, text="The upstream has nothing at this URL. Check the path and the ids in it."
        ),
    }


def _kinds(kind: FailureKind, texts: Mapping[str, str]) -> dict[InteractionKey, FailureKind]:
    """Return a kind with other texts, from texts by groups of keys."""
    return {key: replace(kind, text=text) for keys, text in texts.items() for key in keys.split()}


def _conflict_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return _kinds(
        kind,
        {
            "create": (
                "The new resource conflicts with stored data, and may be a duplicate. Search for it, then"
                " decide."
            ),
            "transaction": (
                "A change in the Bundle conflicts with stored data. Read the resources again, then decide."
            ),
            f"{_SINGLE} {_PAGED} {_OPERATIONS} async-status other": (
                "The request conflicts with the state of the upstream's data. Read the data again, then"
                " decide."
            ),
        },
    )


def _gone_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return _kinds(
        kind,
        {
            _PAGED: (
                "The upstream no longer has this page. This does not mean that nothing matches. Repeat"
                " the search from its first page."
            ),
            "vread": (
                "The upstream no longer has this version, or the resource has been deleted. Do not repeat"
                " the request; search again."
            ),
            f"create transaction {_OPERATIONS} async-status capabilities other": (
                "The upstream no longer has anything at this URL; a stored result may have expired. Check"
                " the URL, or send the original request again."
            ),
        },
    )


def _condition_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    create = (
        "Nothing was created, because several resources match the condition. Search for them, then decide."
    )
    other = "A condition of the request is not met. Read the data again, then decide."
    keys = f"{_SINGLE} {_PAGED} {_OPERATIONS} transaction async-status other"
    return _kinds(kind, {"create": create, keys: other})


def _content_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    text = "The upstream refused the request. Correct it according to the text in diagnostics."
    return _kinds(kind, {f"{_SINGLE} {_PAGED} delete async-status": text})


def _result_too_large_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return _kinds(
        kind,
        {
            _SINGLE: (
                "The query ran, but this resource is larger than Halo can return. Request fewer elements"
                " with _elements or _summary, or read it in the practice system."
            ),
            _OPERATIONS: (
                "The query ran, but the operation's result is larger than Halo can return. Narrow it with"
                " the operation's own parameters."
            ),
        },
    )


def _response_too_large_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return _kinds(
        kind,
        {
            _SINGLE: (
                "This resource exceeds the gateway's size limit for responses. Request fewer elements"
                " with _elements or _summary, or ask the gateway's operator to raise the upstream's"
                " max_body."
            ),
            f"{_OPERATIONS} async-status other": (
                "The result exceeds the gateway's size limit for responses. Request less data at once."
            ),
        },
    )


def _query_timeout_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    repeatable = replace(kind, retry_advice=RetryAdvice.YES, retry_after=60)
    single = (
        "The practice took more than 30 seconds for the query. Retry after the time in Retry-After; if it"
        " happens again, the practice should check its server."
    )
    operation = (
        "The practice took more than 30 seconds for the operation. Narrow it with the operation's own"
        " parameters."
    )
    other = (
        "The practice took longer for the query than Halo waits. Select less data, or send an asynchronous"
        " query."
    )
    return _kinds(repeatable, {_SINGLE: single}) | _kinds(kind, {_OPERATIONS: operation, "other": other})


def _timeout_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    text = (
        "The upstream did not respond in time. The request may have been executed. Retry after the time in"
        " Retry-After."
    )
    return _kinds(kind, {f"{_SINGLE} {_WRITES} {_OPERATIONS} async-status other": text})


def _unknown_outcome_kinds(kind: FailureKind) -> dict[InteractionKey, FailureKind]:
    return _kinds(
        kind,
        {
            "create": (
                "The request ended before the upstream confirmed the new resource. It may or may not have"
                " been created. Search for it before you send it again."
            ),
            "transaction": (
                "The request ended before the upstream confirmed the Bundle. Its changes may or may not"
                " have been made. Read or search the resources before you send it again."
            ),
            f"{_OPERATIONS} other": (
                "The request ended before the upstream confirmed it. It may or may not have changed data."
                " Check what it did before you send it again."
            ),
        },
    )


_NO_OPERATION = "Halo has no operation at this URL. Check the path and the method."
_STATUS_KINDS = {
    status: rule.kind for rule in status_rules.RULES for status in rule.status if rule.id == f"http-{status}"
}
#: Kind -> kind by interaction.
_KINDS: dict[FailureKind, dict[InteractionKey, FailureKind]] = {
    kind: kinds_by_interaction(kind)
    for kinds_by_interaction, kinds in (
        (_not_found_kinds, (failures.NOT_FOUND, _STATUS_KINDS[404])),
        (_conflict_kinds, (_STATUS_KINDS[409],)),
        (_gone_kinds, (_STATUS_KINDS[410],)),
        (_condition_kinds, (_STATUS_KINDS[412],)),
        (_content_kinds, (_STATUS_KINDS[422],)),
        (_result_too_large_kinds, (halo_failures.RESULT_TOO_LARGE,)),
        (_response_too_large_kinds, (catalog.RESPONSE_TOO_LARGE,)),
        (_query_timeout_kinds, (halo_failures.QUERY_TIMEOUT,)),
        (_timeout_kinds, (failures.TIMEOUT, catalog.UPSTREAM_TIMEOUT)),
        (_unknown_outcome_kinds, (catalog.WRITE_OUTCOME_UNKNOWN,)),
        (lambda kind: _kinds(kind, {"other": _NO_OPERATION}), (halo_failures.OPERATION_UNKNOWN,)),
    )
    for kind in kinds
}
