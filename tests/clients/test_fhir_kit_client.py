"""fhir-kit-client (npm) fetches every page of a search with `_include`."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import gettempdir

import pytest
from clients.truth import LINKS, SearchContent, content_of_pages, expected_content
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
let error = {};
try {
  await client.read({ resourceType: "Patient", id: "999999" });
} catch (failure) {
  error = { status: failure.response.status, outcome: failure.response.data };
}
console.log(JSON.stringify({ pages, read, error }));
"""

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def client_folder() -> Path:
    """Folder outside the project with the client; without it, skip, or fail if REQUIRE_EVERYTHING=1."""
    if not (shutil.which("node") and shutil.which("npm")):
        _skip_or_fail("node or npm is not installed")
    path = Path(gettempdir()) / VERSION.replace("@", "-")
    path.mkdir(exist_ok=True)
    if not (path / "node_modules" / "fhir-kit-client").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(path), VERSION]
        completed = subprocess.run(
            command, cwd=path, capture_output=True, text=True, check=False, timeout=100
        )
        if completed.returncode:
            _skip_or_fail(f"npm cannot install {VERSION}: {completed.stderr[-300:]}")
    (path / "walk.mjs").write_text(PROGRAM, encoding="utf-8")
    return path


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("REQUIRE_EVERYTHING") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.mark.parametrize("links", LINKS, ids=lambda links: "-".join(links.values()))
def test_all_pages_have_every_match_and_include(
    pair: Pair, client_folder: Path, links: dict[str, str]
) -> None:
    pair.settings(variants=links)
    (header, key), *_ = KEY.items()
    command = ["node", "walk.mjs", pair.base(), header, key]
    completed = subprocess.run(
        command, cwd=client_folder, capture_output=True, text=True, check=False, timeout=100
    )
    assert completed.returncode == 0, completed.stderr
    output = json.loads(completed.stdout)
    content: SearchContent = content_of_pages(output["pages"])
    assert content.pages > 2
    assert content == expected_content(pair, SYDNEY, content.pages)
    assert output["read"]["name"][0]["family"] == "Zzyzx"
    assert output["error"]["status"] == 404
    assert output["error"]["outcome"]["resourceType"] == "OperationOutcome"
