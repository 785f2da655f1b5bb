"""Plugin packages as pip installs them: a module, and a folder of metadata beside it."""

from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count()

REPAIR = """
from halo_gateway import KnownIssue, Repair, string_json, object_fields, encode, string_value

HALO_GATEWAY_API = 1
CODES = {"FREE": "free"}


def correct_status(request, entry):
    fields = object_fields(entry.resource) if entry.resource is not None else {}
    status = string_value(fields.get("status"))
    if string_value(fields.get("resourceType")) != "Slot" or status not in CODES:
        return entry
    return entry.with_field("resource", encode({**fields, "status": string_json(CODES[status])}))


def witness(request, answer):
    for entry in answer.samples:
        fields = object_fields(entry.resource)
        if string_value(fields.get("resourceType")) == "Slot":
            yield "Slot", "broken" if string_value(fields.get("status")) in CODES else "right"


REPAIR = Repair(KnownIssue("slot-status-case", "Slot.status is in upper case", "https://acme.example/1"),
                entry=correct_status, witness=witness)
"""


class PluginFolder:
    """A folder on Python's path, with plugin packages."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.syspath_prepend(folder)

    def add(
        self,
        package: str,
        text: str = REPAIR,
        repairs: str = "main=REPAIR",
        upstreams: str = "",
        version: str = "1.0",
    ) -> str:
        """Install a package with one module of this text; `repairs` and `upstreams` are `name=object`."""
        module = f"plugin_{next(_NUMBERS)}"
        (self.folder / f"{module}.py").write_text(text)
        metadata = self.folder / f"{package.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        lines = list[str]()
        for group, points in (("halo_gateway.repairs", repairs), ("halo_gateway.upstreams", upstreams)):
            lines.append(f"[{group}]")
            lines += [f"{name} = {module}:{target}" for name, target in map(_pair, points.split())]
        (metadata / "entry_points.txt").write_text("\n".join(lines))
        self._monkeypatch.syspath_prepend(self.folder)  # forget what Python has read of the folder
        return module


def _pair(point: str) -> tuple[str, str]:
    name, _, target = point.partition("=")
    return name, target
