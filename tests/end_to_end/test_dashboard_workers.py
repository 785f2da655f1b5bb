"""The dashboard of a gateway with two workers shows both as one."""

import re
from pathlib import Path

import httpx
import pytest
from conftest import Pair
from support.secrets import SECRET
from support.workers import WorkersGateway, workers_gateway

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are read from /proc")


def sign_in(gateway: WorkersGateway) -> dict[str, str]:
    """Cookie of a session."""
    form = httpx.get(f"{gateway.url}/admin/sign-in", trust_env=False).text
    token = re.findall(r'name="form-token" value="([0-9a-f]+)"', form)[0]
    fields = {"token": SECRET, "form-token": token}
    headers = {"origin": gateway.url}
    response = httpx.post(f"{gateway.url}/admin/sign-in", data=fields, headers=headers, trust_env=False)
    return {"cookie": response.headers["set-cookie"].partition(";")[0]}


def test_pages_sum_up_all_workers(pair: Pair, tmp_path: Path) -> None:
    with workers_gateway(pair.emulator.url, tmp_path, ADMIN__TOKEN=SECRET) as gateway:
        with gateway.clients() as clients:
            for client in clients:
                assert client.get("/Nonsense/1").status_code == 404
            rejected = [line for line in gateway.lines("request") if line.get("code") == "type-unknown"]
            workers = {line["worker"] for line in rejected}
        cookie = sign_in(gateway)
        for _ in range(6):  # each connection may reach another worker, and each opens every session
            page = gateway.ask_all("/admin/", **cookie)
            assert page.status_code == 200
            row = re.findall(r"<code>type-unknown</code></th><td class=\"right\">(\d+)</td>", page.text)
            assert row == [str(len(clients))]
            assert f"Failures: <strong>{len(clients)}</strong>" in page.text
    assert workers == {1, 2}
