"""ETags of searches, right and wrong ones, and the 304 that an upstream gives for them."""

from http import HTTPStatus
from secrets import token_hex
from zlib import crc32

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.settings import ETags


def with_etag(response: Response, request: Request, etags: ETags) -> Response:
    """Return the response with an ETag, or 304 if `If-None-Match` names it.

    `content` follows the body, `constant` is the same for every search, `changing` never the same.
    """
    if etags == "none":
        return response
    etag = {"content": f'W/"{crc32(response.body):08x}"', "constant": 'W/"1"'}.get(
        etags, f'W/"{token_hex(8)}"'
    )
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": etag})
    response.headers["etag"] = etag
    return response
