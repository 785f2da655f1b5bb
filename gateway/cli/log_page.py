"""docs/logs.md: what the log is, and the table of its events."""

from gateway.telemetry.events import EVENTS, Event


def logs_page() -> str:
    """Return docs/logs.md."""
    request, *others = EVENTS.items()
    head = ["| event | level | when | fields | what to do |", "|---|---|---|---|---|"]
    fields = [f"| `{name}` | {meaning or name} |" for name, meaning in request[1].fields.items()]
    rows = [_row(name, event) for name, event in (request, *others)]
    return "\n".join([_INTRO, "| field | meaning |", "|---|---|", *fields, _EVENTS_INTRO, *head, *rows, ""])


def _row(name: str, event: Event) -> str:
    fields = ", ".join(
        f"`{field}`" + (f" ({meaning})" if meaning else "") for field, meaning in event.fields.items()
    )
    shown = "see above" if name == "request" else fields or "-"
    return f"| `{name}` | {', '.join(event.levels)} | {event.when} | {shown} | {event.action or '-'} |"


_INTRO = """# Logs

Generated from `gateway/telemetry/events.py` and `gateway/cli/log_page.py` by `make docs`.

The log is on stderr: one line per event, times in UTC, from `log.level` (`info`) up. The gateway writes
nothing else there, also not while it starts, fails to start or ends: messages of uvicorn, asyncio and other
libraries, warnings and tracebacks are events, too (`library-message`, `python-warning`,
`uncaught-exception`). The URL in the line on stdout is for whoever started it. With several workers, each
line has the number of its `worker`, and no two lines mix. `halo-gateway emulate` writes the same lines; it is
a tool for developers and logs no requests.

No level logs bodies, search values, names, ids of patients, paths, keys, or texts of upstreams and
exceptions, because all of these may be health data. Every name in a line is from the configuration, from
FHIR, or from the code.

## Form

| `log.format` | for |
|---|---|
| `json` (default) | programs: one JSON object per line, in ASCII |
| `text` | people: time, level, event, `name=value`; no empty fields; in colour on a terminal |

```text
2026-07-01T02:00:00.125000Z info     request                     request_id=r-1 site=harbour status=200
```

In both forms control characters are escaped, so that no text of a client or library can begin a line or
command a terminal. Until the settings are read, the form is JSON: a configuration with faults does not say
which one is wanted.

## One event per request

To find a client's request, ask for the `X-Request-Id` of its response, which every response has, also a
refusal: it is `request_id` here, and was sent upstream for Halo's support. Each request of a client has
exactly one event `request`:

- FHIR, SQL Passthrough, Halo's other endpoints, mounted upstreams, the CodeSystem of error codes, webhooks;
- answers of the cache that are sent before anything is parsed (their lines may be up to 0.2 seconds late);
- refusals before a request is read: not HTTP, too large, too slow, too many connections (these know no more
  than the site and the method, or less), unknown path, wrong method, missing credential;
- preflights of pages of other origins (`OPTIONS`, 204): so a page that uses n URLs adds n lines;
- each entry of a batch, under the id of the batch with `.0`, `.1` and so on. The batch has its own event,
  with `queries` 0, so that sums over all lines are right; if the gateway's shutdown cuts it off, entries
  without a response have none, and the event of the batch has their queries.

Requests that a client sends ahead, without waiting for the earlier responses, have no event if it closes the
connection before their turn: they are neither sent nor billed.

A client that leaves does not end its request, because it is billed or may write: `status` is then that of the
response that nobody received, and `client_left` is true. A request that ends with its client (a poll that is
held open, or a body that did not arrive) has the `status` 499.

A request ends once: the metrics `errors_total` and `webhooks_total`, the dashboard's failures, the span and
the event have the same code. A status of 499 is no failure, so `errors_total` does not count it.

`trace_id` is that of the client's `traceparent`, or of a recorded span. Answers of the cache that are sent
before anything is parsed have none, nor has a request without `traceparent` that is not recorded.

`queries` counts what the [ledger](ledger.md) counts as `billed` and `maybe-billed`: a request that shared the
query of another has 0, and one that needed several, such as a split search or a retry, has all of them. A
query in the background (`stale` with `detail=revalidating`) is in the ledger only.

Health checks, `/metrics`, `/docs`, the front page and `/admin` have no event, unless the request is refused
by its path, its method or its host. What the operators' port refuses is in the log only: `errors_total` and
the dashboard count requests to the gateway's own port. A connection beyond twice `server.max_connections` is
closed before it sends a request: no event.
"""

_EVENTS_INTRO = """
Keys that no upstream has accepted share the name `unproved`, so that nobody can fill the log with names. A
GUID that is not configured shows its first eight digits, and nothing of any other text in its place is
logged.

## All events

Except for `request`, `retry` and what a single request does wrong, a line is written when something changes,
not for each request.
"""
