"""Id of a request in logs and responses."""

import re
from itertools import count
from secrets import token_hex

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)

#: Ids must be unique, not secret: a random prefix of the process, and a number.
_PROCESS_PREFIX, _REQUEST_NUMBERS = token_hex(8), count(1)


def request_id(client_value: str) -> str:
    """Return the client's X-Request-Id if it is valid, else a new id."""
    return (
        client_value
        if _REQUEST_ID.fullmatch(client_value)
        else f"{_PROCESS_PREFIX}{next(_REQUEST_NUMBERS):016x}"
    )
