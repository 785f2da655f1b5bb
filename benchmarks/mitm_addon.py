"""mitmproxy addon that responds to every request with the bytes of a file: `mitmdump -s mitm_addon.py`.

Runs in mitmproxy's own environment, which does not contain this project.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

_response = import_module("mitmproxy.http").Response
_BODY = Path(os.environ["BENCH_BODY"]).read_bytes()


def request(flow: Any) -> None:
    """Respond without an upstream request."""
    flow.response = _response.make(200, _BODY, {"content-type": "application/fhir+json"})
