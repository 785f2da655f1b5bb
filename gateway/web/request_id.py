"""The name of one exchange in logs and answers."""

import re
from itertools import count
from secrets import token_hex

_REQUEST_ID = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)

#: Names need to differ, not to be secret: a random beginning for this process, and a number.
_PROCESS_PREFIX, _REQUEST_NUMBERS = token_hex(8), count(1)


def request_id(client_value: str) -> str:
    """The client's X-Request-Id if it is one, else a new one."""
    return (
        client_value
        if _REQUEST_ID.fullmatch(client_value)
        else f"{_PROCESS_PREFIX}{next(_REQUEST_NUMBERS):016x}"
    )
