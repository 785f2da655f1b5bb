"""HaloITSM through the gateway with a library of its users: halopsa, installed apart from the gateway.

The library is AGPL and no dependency: it runs in its own environment, as a program of its own.
"""

import json
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from end_to_end.itsm_gateway import ItsmGateway, itsm_settings, run_itsm_gateway

from gateway.emulator.halo_itsm.app import create_halo_itsm
from gateway.emulator.serve import RunningEmulator

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]
PROGRAM = ROOT / "tests" / "clients" / "halopsa_tour.py"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has the library and what it requires."""
    folder = tmp_path_factory.mktemp("halopsa")
    venv.create(folder, with_pip=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "halopsa==2.0.2"]
    subprocess.run(install, check=True, capture_output=True, cwd=folder, timeout=300)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def itsm() -> Iterator[ItsmGateway]:
    with (
        RunningEmulator(app=create_halo_itsm()) as emulator,
        run_itsm_gateway(emulator, itsm_settings(emulator.url)) as gateway,
    ):
        yield gateway


@pytest.fixture(scope="module")
def results(python: Path, itsm: ItsmGateway) -> dict[str, Any]:
    """What the library returned and raised."""
    completed = subprocess.run(
        [python, PROGRAM, itsm.url], capture_output=True, text=True, check=False, timeout=120
    )
    assert completed.returncode == 0, completed.stderr
    found: dict[str, Any] = json.loads(completed.stdout)
    return found


def test_library_walks_all_pages(results: dict[str, Any]) -> None:
    assert results["ids"] == list(range(1, 121))
    assert results["record_counts"] == [120, 120, 120]
    assert (results["agent"], results["found"]) == (1, 1)


def test_library_creates_and_reads_a_ticket(results: dict[str, Any]) -> None:
    ticket = {"summary": "Zzyzx", "status": 500, "message": "Internal Server Error", "id": 121}
    assert ticket.items() <= results["created"].items()
    assert results["read"] == results["created"]
    assert results["like_error"] == 500


def test_library_raises_errors_of_halo_itsm(results: dict[str, Any]) -> None:
    assert results["deleted"].startswith("Exception: 404 - The specified URL is invalid.")
    assert results["wrong_format"].startswith("Exception: 422 - Other failure")
    assert results["wrong_secret"].startswith("ValueError: Unauthorized. The specified client credentials")


def test_requests_of_the_library_arrive(results: dict[str, Any], itsm: ItsmGateway) -> None:
    paths = {request["path"] for request in itsm.sent()}
    assert paths >= {"/api/Tickets", "/api/Tickets/999", "/api/Users"}
    writes = [json.loads(request["text"]) for request in itsm.sent() if request["method"] == "POST"]
    assert all(isinstance(write, list) for write in writes)
