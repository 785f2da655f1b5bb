"""An addon that answers every request with the bytes of a file: `mitmdump -s mitm_addon.py`.

Runs in mitmproxy's own environment, which has nothing of this project.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

_response = import_module("mitmproxy.http").Response
_BODY = Path(os.environ["BENCH_BODY"]).read_bytes()


def request(flow: Any) -> None:
    """Answer without asking upstream."""
    flow.response = _response.make(200, _BODY, {"content-type": "application/fhir+json"})
