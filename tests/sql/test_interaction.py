"""Interactions of SQL Passthrough: who answers, what waits, and what may change data."""

import pytest
from support.requests import GUID

from gateway.fhir.interaction import Interaction
from gateway.sql.interaction import MAX_READ_BYTES, sql_interaction

BASE = f"integrator/sites/{GUID}/queries"
SELECT = b'{"command":{"type":"text","text":"SELECT 1"}}'


@pytest.mark.parametrize(
    ("method", "path", "name", "asks_practice", "is_queued"),
    [
        ("POST", "immediate", "sql-immediate", True, False),
        ("POST", "async", "sql-async", True, True),
        ("POST", "registered", "sql-register", True, True),
        ("POST", "status", "sql-read-many", False, False),
        ("GET", GUID, "sql-read", False, False),
        ("GET", f"{GUID}/results/1", "sql-page", False, False),
        ("GET", f"{GUID}/results/1/stream", "sql-stream", False, False),
        ("GET", "registered", "sql-list-registered", False, False),
        ("GET", f"registered/{GUID}/results", "sql-registered-result", False, False),
        ("DELETE", f"registered/{GUID}", "sql-delete-registered", False, False),
        ("POST", "unheard-of", "sql-other", True, False),
    ],
)
def test_only_submissions_ask_the_practice(
    method: str, path: str, name: str, asks_practice: bool, is_queued: bool
) -> None:
    interaction = sql_interaction(method, f"{BASE}/{path}")
    assert (interaction.name, interaction.asks_practice) == (name, asks_practice)
    assert interaction.is_queued is is_queued


@pytest.mark.parametrize(
    ("method", "path", "body", "only_reads"),
    [
        ("POST", "immediate", SELECT, True),
        ("POST", "async", SELECT, True),
        ("POST", "registered", SELECT, False),
        ("POST", "immediate", SELECT.replace(b"SELECT 1", b"DELETE t"), False),
        ("POST", "immediate", SELECT.replace(b'"text",', b'"storedProcedure",'), False),
        ("POST", "immediate", b'{"command":{"text":"SELECT 1"}}', True),
        ("POST", "immediate", b'{"command":{"text":"SELECT 1","type":null}}', False),
        ("POST", "immediate", b"[", False),
        ("POST", "immediate", SELECT + b" " * MAX_READ_BYTES, False),
        ("POST", "status", b"{}", True),
        ("GET", GUID, b"", True),
        ("DELETE", f"registered/{GUID}", b"", False),
        ("POST", "unheard-of", SELECT, False),
    ],
)
def test_only_a_proved_select_reads(method: str, path: str, body: bytes, only_reads: bool) -> None:
    assert sql_interaction(method, f"{BASE}/{path}", body).only_reads is only_reads


def test_other_interactions_keep_their_code_as_name() -> None:
    assert Interaction("read", "Patient", "1").name == "read"
