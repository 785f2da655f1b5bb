"""Responses to operators' changes say which replicas the change has reached, and which it has not."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.admin.requests import NO_STORE_HEADERS
from gateway.stores.replicas import MissedReplica, Reach, Replicas

#: Member of a response with the numbers of the workers that did not answer.
MISSING_WORKERS: Final = "missingWorkers"
#: Changes that all replicas must know.
_PATHS: Final = frozenset({"/admin/purge", "/admin/sites/{siteId}/reset", "/admin/pauses/clear"})
#: Seconds after which a client may repeat a change that has not reached all replicas.
_RETRY_AFTER: Final = "5"


def with_reach(routes: Iterable[Route], replicas: Replicas) -> list[Route]:
    """Return the routes; those of changes say which replicas they have reached, with 503 if not all."""
    return [_with_reach(route, replicas) if route.path_format in _PATHS else route for route in routes]


def _with_reach(route: Route, replicas: Replicas) -> Route:
    return Route(route.path, partial(_endpoint_with_reach, route.endpoint, replicas), methods=["POST"])


async def _endpoint_with_reach(
    endpoint: Callable[[Request], Any], replicas: Replicas, request: Request
) -> Response:
    response: Response = await endpoint(request)
    if response.status_code != HTTPStatus.OK:
        return response
    fields = fields_with_reach(json.loads(bytes(response.body)), await replicas.check_reach())
    if not fields["notReached"]:
        return JSONResponse(fields, headers=NO_STORE_HEADERS)
    headers = {**NO_STORE_HEADERS, "retry-after": _RETRY_AFTER}
    return JSONResponse(fields, HTTPStatus.SERVICE_UNAVAILABLE, headers)


def fields_with_reach(fields: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """Return the fields of a response with `reached` and `notReached`.

    A purge of a patient does not reach replicas with other keys: the names of its counters depend on them.
    After a purge, replicas that it did not reach may serve old responses until `oldResponsesUntil`.
    """
    result = {name: value for name, value in fields.items() if name not in {MISSING_WORKERS, "longestAge"}}
    gateway = _host_and_process(reach.reached[0])
    silent = sorted(f"{gateway} worker {n}" for n in fields.get(MISSING_WORKERS, ()))
    told = {each.replica for each in reach.missed}
    missed = [*(MissedReplica(name, "no-answer") for name in silent if name not in told), *reach.missed]
    reached = _without(reach.reached, silent)
    if fields.get("purged") == "patient":
        missed += [MissedReplica(name, "other-keys") for name in reach.with_other_keys]
    else:
        reached += reach.with_other_keys
    result["reached"] = reached
    result["notReached"] = [each._asdict() for each in missed]
    if missed and "longestAge" in fields:
        end = datetime.fromisoformat(fields["asOf"]) + timedelta(seconds=fields["longestAge"])
        result["oldResponsesUntil"] = end.isoformat(timespec="seconds")
    return result


def _without(names: Iterable[str], silent: Iterable[str]) -> list[str]:
    """Return the names without the silent ones, each removed once: replicas may have the same name."""
    left = list(names)
    for name in silent:
        if name in left:
            left.remove(name)
    return left


def _host_and_process(name: str) -> str:
    return name.partition(" worker ")[0]
