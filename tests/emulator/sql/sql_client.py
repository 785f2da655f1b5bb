"""An emulator in this process with a clock that stands still, and a client of its SQL endpoints."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from gateway.emulator.app import create_emulator
from gateway.emulator.settings import EmulatorSettings, Variants
from gateway.emulator.sites import SYDNEY
from gateway.emulator.state import EmulatorState

BY_POLLS = Variants(sql_progress="polls")
UNKNOWN_ID = "00000000-0000-4000-8000-0000000000ff"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 6, 24, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def query(text: str = "SELECT 1", **command: Any) -> dict[str, Any]:
    return {"command": {"text": text, **command}}


def filing(content: str, **parameter: Any) -> dict[str, Any]:
    """A stored procedure that files a document; `content` in base64."""
    return query(
        "dbo.FileDocument",
        type="storedProcedure",
        parameters=[
            {"name": "@PatientId", "type": "Int", "value": "1"},
            {"name": "@Title", "type": "NVarChar", "value": "Letter"},
            {"name": "@Content", "type": "VarBinary", "value": content, **parameter},
            {"name": "@DocumentId", "type": "Int", "direction": "output"},
        ],
    )


def registration(text: str = "SELECT 1", **fields: Any) -> dict[str, Any]:
    registered = {"name": "Test", "registeredQueryType": "query", "frequency": 60, "duration": 120}
    return registered | {"registerCommand": query(text)} | fields


class SqlClient:
    """Sends requests to the SQL endpoints of a site."""

    def __init__(self, variants: Variants = BY_POLLS, **settings: Any) -> None:
        self.clock = Clock()
        app = create_emulator(EmulatorSettings(patients=5, variants=variants, **settings), self.clock)
        self.state: EmulatorState = app.state.emulator
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://halo")

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        site: str = SYDNEY,
        key: str = "demo-key",
        **options: Any,
    ) -> httpx.Response:
        url = f"/integrator/sites/{site}/queries/{path}".rstrip("/")
        content = {} if body is None else {"json": body}
        headers = {"Ocp-Apim-Subscription-Key": key}
        return await self.http.request(method, url, headers=headers, **content, **options)

    async def submit(self, path: str, body: Any, **options: Any) -> Any:
        response = await self.send("POST", path, body, **options)
        assert response.is_success, response.text
        return response.json()

    async def read(self, path: str) -> Any:
        response = await self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    async def statuses(self, query_id: str) -> list[str]:
        """The states that polls see until nothing changes."""
        seen: list[str] = []
        while (status := (await self.read(query_id))["status"]) not in seen:
            seen.append(status)
        return seen

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        response = await self.http.request(method, f"/_emulator/{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def bill(self) -> tuple[int, int]:
        bill = await self.control("GET", "bill")
        return bill["queries"], bill["free"]
