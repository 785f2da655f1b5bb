"""Id of a request in logs and responses."""

import re
from itertools import count
from secrets import token_hex

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)
_RAW_REQUEST_ID = re.compile(_REQUEST_ID.pattern.encode())

#: Ids must be unique, not secret: a random prefix of the process, and a number.
_PROCESS_PREFIX, _REQUEST_NUMBERS = token_hex(8), count(1)


#: Return a new id, in bytes; written in C, for the hits of the fast path.
new_request_id = map(f"{_PROCESS_PREFIX}%016x".encode().__mod__, _REQUEST_NUMBERS).__next__


def request_id(client_value: str) -> str:
    """Return the client's X-Request-Id if it is valid, else a new id."""
    return client_value if _REQUEST_ID.fullmatch(client_value) else new_request_id().decode()


def raw_request_id(client_value: bytes) -> bytes:
    """Return the same as `request_id`, in bytes."""
    return client_value if _RAW_REQUEST_ID.fullmatch(client_value) else new_request_id()
