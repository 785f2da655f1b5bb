r"""JSON in which lone surrogates stay, as in .NET's strings: `\ud800`, which UTF-8 cannot carry."""

import json
from typing import Any

from starlette.responses import Response


def encode_json(value: Any) -> bytes:
    """Encode a value in ASCII."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def sql_json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Build a JSON response."""
    return Response(encode_json(body), status, headers, media_type="application/json; charset=utf-8")
