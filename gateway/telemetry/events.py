"""Every event of the log: its levels, when it is written, its fields, and what to do about it.

`tests/telemetry/test_events.py` compares this table with the calls in the code.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """An event; `fields` has the meaning of each, which may be empty if its name says it."""

    levels: tuple[str, ...]
    when: str
    fields: Mapping[str, str]
    action: str = ""


#: Fields of a bug: where, never what.
_EXCEPTION = {"exception": "type", "places": "in the code, the latest first"}
_BUG = "report it with this line"
_SITE = {"site": "alias or id"}

EVENTS: Mapping[str, Event] = {
    "request": Event(
        ("info", "warning"),
        "a request of a client was answered, or ended without an answer; warning: the shutdown of the gateway"
        " cut it off",
        {
            "request_id": "`X-Request-Id` of the response; of an entry of a batch with its number",
            "site": "alias of the practice or its `site_id`, at a second Halo Connect behind its name,"
            " as in `mnt/bne`; name of a mounted upstream; empty if the request names none",
            "site_id": "beginning of its GUID, 8 digits or as many as no other configured practice has",
            "caller": "alias, eight digits or `unproved`, as in the [ledger](ledger.md); empty without a key",
            "app": "only where [apps](apps.md) are configured",
            "method": "`other` if HTTP does not define it",
            "interaction": "FHIR's, `sql-…`, or `other`",
            "type": "resource type",
            "parameters": "names of the search parameters, `other` for those that R4 does not define",
            "status": "of the response; 499: the client left before there was one",
            "code": "of a failure, see [errors.md](errors.md)",
            "cache": "`hit`, `stale`, `revalidated`, `collapsed`, `miss`, `not-stored`, `write`, `bypass`;"
            " empty: the cache was not asked",
            "queries": "upstream queries of this request that may be billed",
            "repairs": "applied [repairs](known-issues.md)",
            "bytes": "of the response's body, before compression",
            "ms": "from the request's head to its response; of a prepared answer 0.0; of bytes"
            " that are not HTTP 0.0, and in a body the time since its head; of what came too late, how long"
            " it was awaited",
            "client_left": "only if true: the client left before the response was ready",
            "trace_id": "only if [traces](observability.md#traces) are on and the request has one",
        },
        "`code` names the cause; its advice is in errors.md",
    ),
    "retry": Event(
        ("info",),
        "a read is sent again",
        {"code": "of the failure", "attempt": "number of those before", "request_id": ""},
    ),
    "traces-not-exported": Event(
        ("warning",),
        "the collector of traces did not take spans; they are dropped",
        {},
        "check `traces.endpoint` and the collector; requests are not affected",
    ),
    "traces-exported": Event(("info",), "it takes them again", {}),
    "traces-lost": Event(
        ("warning",),
        "at the end of the process, the collector did not take spans in time",
        {"spans": "number"},
    ),
    "page-too-large": Event(
        ("info",), "a page is fetched again, smaller", {"size": "that was too large", "type": "resource type"}
    ),
    "circuit-opened": Event(
        ("warning",),
        "failures in a row opened a circuit",
        {**_SITE, "scope": "`site` or `caller-at-site`", "reason": "code", "seconds": "until a trial"},
        "see [the code](errors.md); `halo-gateway sites` shows until when",
    ),
    "circuit-closed": Event(
        ("info",),
        "the practice answers again",
        {**_SITE, "scope": "as above", "reason": "code that had opened it"},
    ),
    "pause-started": Event(
        ("warning", "error"),
        "a refusal of the upstream holds further requests; error: `alarm`",
        {
            "rule": "",
            "scope": "",
            "site": "alias or id",
            "alarm": "whether an operator must act",
            "seconds": "",
        },
        "with `alarm`: see [pauses](resilience.md#pauses)",
    ),
    "rate-limit-lowered": Event(
        ("warning",),
        "the upstream sent 429",
        {"per_second": "from now on", "seconds": "until the next request"},
        "if it repeats: lower `upstream.requests_per_second`",
    ),
    "site-relocated": Event(
        ("error",),
        "a GUID is no longer authoritative",
        {**_SITE, "found": "whether the new GUID is known", "followed": "whether requests go there"},
        "configure the new GUID, which `halo-gateway sites` shows",
    ),
    "shared-store-down": Event(
        ("warning",),
        "Redis is unavailable; the process goes on with its own memory",
        {"problem": ""},
        "restore Redis, see [health](operations.md#health)",
    ),
    "shared-store-up": Event(("info",), "Redis is available again", {}),
    "invalidations-lost": Event(
        ("warning",),
        "the process ended without Redis: other replicas may serve responses from before its writes",
        {"counters": "number of those that miss a write"},
        "[purge](cache.md#purges) the practices once Redis is back, or wait until the responses expire",
    ),
    "configuration": Event(
        ("warning",),
        "at start, for each setting that should change",
        {"setting": "", "warning": ""},
        "change it",
    ),
    "worker-ended": Event(
        ("error",),
        "a worker died and is replaced",
        {"number": "of the worker", "exit_code": "negative: the signal"},
        "if it repeats: look at its last lines, and at memory",
    ),
    "worker-fell-behind": Event(
        ("error",),
        "a worker stalled until it missed writes of others: it ends, and is replaced",
        {},
        "give the machine more CPU",
    ),
    "shutdown-cut-short": Event(
        ("error",),
        "the process ended before these parts of it had",
        {"parts": "names"},
        "see what does not answer: Redis, a receiver, the disk",
    ),
    "admin-listening": Event(("info",), "at start", {"url": "of the operators' port"}),
    "admin-token-wrong": Event(
        ("warning",),
        "requests to `/admin` with a wrong token, at most once a minute",
        {"count": "since the last line"},
        "find out who asks",
    ),
    "invalid-write": Event(
        ("warning",),
        "a change is not valid R4 (`writes.validation`)",
        {"request_id": "", **_SITE, "type": "", "findings": "number"},
        "tell the app's developer",
    ),
    "metadata-unavailable": Event(
        ("warning",), "a CapabilityStatement could not be read; the last one counts on", {"code": ""}
    ),
    "upstream-failure": Event(
        ("debug",),
        "each failure of an upstream; its text is only in the response",
        {
            "upstream": "dialect",
            "code": "",
            "status": "of the upstream",
            "request_id": "",
            "upstream_codes": "its own",
        },
    ),
    "upstream-connection-failed": Event(
        ("warning", "error"),
        "no connection, or it broke; error: only an operator can end it; once a minute for each problem",
        {
            "upstream": "dialect",
            "host": "",
            "code": "",
            "reason": "such as `expired`, `wrong-host`, `ECONNREFUSED`",
            "count": "since the last line",
            "request_id": "of the last one",
        },
        "see [the code](errors.md)",
    ),
    "upstream-unrecognised": Event(
        ("warning",),
        "a response of unknown form",
        {"upstream": "dialect", "status": "", "request_id": "", "content_type": ""},
        _BUG,
    ),
    "library-message": Event(
        ("warning", "error", "critical"),
        "a message of uvicorn, asyncio or another library, without values",
        {"logger": "", "message": "masked", **_EXCEPTION},
    ),
    "python-warning": Event(
        ("warning",), "a warning of Python", {"category": "", "place": "file and line"}, _BUG
    ),
    "uncaught-exception": Event(("error",), "an exception outside a request", _EXCEPTION, _BUG),
    "start-failed": Event(
        ("error",),
        "`serve` or `emulate` cannot start, a line for each problem",
        {"problem": ""},
        "correct it",
    ),
    "unhandled-exception": Event(
        ("error",), "a bug: the client got 500", {"reference": "that the client has", **_EXCEPTION}, _BUG
    ),
    "advice-failed": Event(
        ("error",),
        "a bug: a request is missing in the [advice](advice.md); its response is right",
        {"exception": "type"},
        _BUG,
    ),
    "sql-rewrite-failed": Event(("error",), "a bug: a SQL command was left as it is", _EXCEPTION, _BUG),
    "cap-80-percent": Event(
        ("warning",),
        "a practice has used four fifths of its daily cap, once a day",
        {**_SITE, "queries": "today", "bytes": "today", "reached_in_hour": "forecast"},
        "see [caps](ledger.md)",
    ),
    "cap-reached": Event(
        ("warning",),
        "a practice has used its daily cap, once a day",
        {**_SITE, "queries": "today", "bytes": "today", "reached_in_hour": "forecast"},
        "see [caps](ledger.md)",
    ),
    "app-budget": Event(
        ("warning",),
        "an app has used 50, 80 or 100 % of a [budget](ledger.md#budgets), once for each period",
        {"app": "", "budget": "", "percent": "", "used": "", "limit": "", "period": "day or month"},
    ),
    "ledger-write-failed": Event(
        ("error",),
        "the [ledger](ledger.md#storage) is not written; counts wait in memory",
        {"exception": "type", "code": "of SQLite or Redis"},
        "free the disk, or restore Redis, before the process ends",
    ),
    "ledger-lost": Event(
        ("error",), "at the end of the process, counts were not written", {"queries": "number"}
    ),
    "ledger-file-mode": Event(
        ("warning",),
        "other users could read a ledger",
        {"file": "name", "mode": "that it had", "restricted": "whether they no longer can"},
        "if not restricted: change the mode to 0600",
    ),
    "webhook": Event(
        ("info",),
        "a webhook of Halo had its effects",
        {"site": "empty if unknown", "types": "invalidated", "receivers": "number"},
    ),
    "webhook-not-forwarded": Event(
        ("error",),
        "a receiver refused a webhook, or did not accept it after 10 attempts",
        {"receiver": "", "status": "of its answer; 0: none", "attempts": ""},
        "correct the receiver or its URL",
    ),
    "webhooks-lost": Event(
        ("error",), "not delivered at shutdown, or the queue was full", {"receiver": "", "count": ""}
    ),
    "redis-channel-refused": Event(
        ("error",),
        "the Redis user may not send or receive messages: purges fail, hits ask Redis",
        {"needed": "rules of its ACL"},
        "give the user the [rules](cache.md#one-redis-sentinel-or-cluster)",
    ),
    "redis-eviction-policy": Event(
        ("warning",),
        "Redis may evict lines of the ledger",
        {"policy": "", "needed": ""},
        "set `maxmemory-policy` to the one that is needed",
    ),
    "cache-purged": Event(
        ("info",),
        "an operator purged the cache",
        {**_SITE, "what": "`site`, `type` or `patient`", "type": "resource type, if any"},
    ),
    "circuit-reset": Event(("info",), "an operator closed a circuit", {**_SITE, "what": ""}),
    "pause-cleared": Event(("info",), "an operator ended a pause", {**_SITE, "what": "its rule"}),
}
