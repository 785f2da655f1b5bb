"""fhir-kit-client (npm) walks every page of a search with `_include`; what it collects is the truth."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import gettempdir

import pytest
from clients.truth import LINKS, Found, collected, truth
from conftest import KEY, Pair

from gateway.emulator.sites import SYDNEY

VERSION = "fhir-kit-client@2.0.3"
PROGRAM = """
import { Client } from "fhir-kit-client";
const [base, header, key] = process.argv.slice(2);
const client = new Client({ baseUrl: base, customHeaders: { [header]: key } });
const pages = [];
let page = await client.search({
  resourceType: "Appointment",
  searchParams: { _include: "Appointment:patient", _count: "40" },
});
while (page) {
  pages.push(page);
  page = await client.nextPage({ bundle: page });
}
const read = await client.read({ resourceType: "Patient", id: "1" });
let refused = {};
try {
  await client.read({ resourceType: "Patient", id: "999999" });
} catch (error) {
  refused = { status: error.response.status, outcome: error.response.data };
}
console.log(JSON.stringify({ pages, read, refused }));
"""

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder outside the project with the client installed; skipped, or failed, where it cannot be."""
    if not (shutil.which("node") and shutil.which("npm")):
        _absent("node or npm is not installed")
    place = Path(gettempdir()) / VERSION.replace("@", "-")
    place.mkdir(exist_ok=True)
    if not (place / "node_modules" / "fhir-kit-client").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), VERSION]
        ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=100)
        if ran.returncode:
            _absent(f"npm cannot install {VERSION}: {ran.stderr[-300:]}")
    (place / "walk.mjs").write_text(PROGRAM, encoding="utf-8")
    return place


def _absent(why: str) -> None:
    if os.environ.get("REQUIRE_EVERYTHING") == "1":
        pytest.fail(why)
    pytest.skip(why)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_all_pages_with_includes_are_the_truth(pair: Pair, folder: Path, links: dict[str, str]) -> None:
    pair.settings(variants=links)
    (header, key), *_ = KEY.items()
    command = ["node", "walk.mjs", pair.base(), header, key]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    found: Found = collected(said["pages"])
    assert found.pages > 2
    assert found == truth(pair, SYDNEY, found.pages)
    assert said["read"]["name"][0]["family"] == "Zzyzx"
    assert said["refused"]["status"] == 404
    assert said["refused"]["outcome"]["resourceType"] == "OperationOutcome"
