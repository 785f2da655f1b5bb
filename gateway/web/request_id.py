"""Id of a request in logs and responses."""

import os
import re
from collections.abc import Callable
from itertools import count
from secrets import token_hex

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)
_RAW_REQUEST_ID = re.compile(_REQUEST_ID.pattern.encode())


def _new_ids() -> Callable[[], bytes]:
    """Return a function of new ids: a random prefix and a number. They must be unique, not secret.

    It is written in C, for the hits of the fast path.
    """
    return map(f"{token_hex(8)}%016x".encode().__mod__, count(1)).__next__


#: Return a new id, in bytes. Read it from this module each time: a worker has another one than its parent.
new_request_id = _new_ids()


def _renew_ids() -> None:
    global new_request_id  # noqa: PLW0603 - one for the process
    new_request_id = _new_ids()


os.register_at_fork(after_in_child=_renew_ids)


def request_id(client_value: str) -> str:
    """Return the client's X-Request-Id if it is valid, else a new id."""
    return client_value if _REQUEST_ID.fullmatch(client_value) else new_request_id().decode()


def raw_request_id(client_value: bytes) -> bytes:
    """Return the same as `request_id`, in bytes."""
    return client_value if _RAW_REQUEST_ID.fullmatch(client_value) else new_request_id()
