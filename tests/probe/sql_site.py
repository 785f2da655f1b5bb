"""A site that answers the questions of a SQL probe over a real socket, in the ways a live site might."""

import json
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.server_thread import ServerThread

_LITERAL = re.compile(r"SET @value = 0x([0-9A-F]*);")
REFUSED_VALUE = (
    "Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' to"
    " 'System.Byte[]'. Please correct your request and try again."
)
UNDECLARED = 'Must declare the scalar variable "@value".'


class Refusal(Exception):  # noqa: N818 - an answer of the site
    """An error of the site: status and body."""


def database_error(code: int, message: str) -> Refusal:
    return Refusal(400, {"errorDetails": {"errorType": "mssql", "errorCode": code, "errorMessage": message}})


def value_error() -> Refusal:
    return Refusal(400, {"error": {"status": 400, "statusText": "Bad Request", "message": REFUSED_VALUE}})


def decode_either(text: str) -> bytes:
    """What the gateway assumes: `0x…` is hex, everything else base64."""
    return bytes.fromhex(text[2:]) if text.startswith("0x") else b64decode(text)


def refuse_value(_: str) -> bytes:
    raise value_error()


class SqlSite(ServerThread):
    """The server: `decode` reads a binary parameter; larger bodies than `max_body` get `too_large`."""

    def __init__(self) -> None:
        self.decode: Callable[[str], bytes] = decode_either
        self.takes_parameters = True
        self.refusal_of_parameters = database_error(137, UNDECLARED)
        self.max_body = 100_000_000
        self.too_large = Refusal(413, {"error": {"status": 413, "message": "Request too large."}})
        self.lost_bytes = 0
        self.seconds = 0.0
        self.failure: Refusal | None = None
        self.texts: list[str] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []
        site = self

        class Site(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                site.paths.append(self.path)
                site.headers.append({name.lower(): value for name, value in self.headers.items()})
                try:
                    status, answer = 200, site._query(body)
                except Refusal as refusal:
                    status, answer = refusal.args
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - of the base class
                pass

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Site))

    def _query(self, body: bytes) -> dict[str, Any]:
        command = json.loads(body)["command"]
        self.texts.append(command["text"])
        self.sizes.append(len(body))
        time.sleep(self.seconds)
        if self.failure:
            raise self.failure
        if len(body) > self.max_body:
            raise self.too_large
        value = self._value(command)
        row = {"bytes": len(value), "hex": f"0x{value.hex().upper()}"[:100]}
        return {
            "status": "successful",
            "result": {"rows": 1, "data": b64encode(json.dumps([row]).encode()).decode()},
        }

    def _value(self, command: dict[str, Any]) -> bytes:
        literal = _LITERAL.search(command["text"])
        if literal:
            return bytes.fromhex(literal[1])[self.lost_bytes :]
        if not self.takes_parameters:
            raise self.refusal_of_parameters
        (parameter,) = command["parameters"]
        if parameter["type"] == "VarBinary":
            return self.decode(parameter["value"])
        return int(parameter["value"]).to_bytes(4, "big")
