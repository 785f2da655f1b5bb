"""Scopes: the setting, the switch of a site, and what an engine version has shown."""

import pytest
from support.requests import GUID
from support.scripted_upstream import Clock

from gateway.repairs.conversion_scopes import ConversionScopes, RewriteMode, wider_scope
from gateway.sites.issue_states import IssueStates
from gateway.sql.rewrite import Scope
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio


class Case:
    """Scopes of two sites of which one has the repair switched off."""

    def __init__(self, mode: RewriteMode = "large", engine: str = "26.619") -> None:
        self.engine = engine
        clock = Clock()
        self.states = IssueStates(MemoryStore(clock=clock), clock, self._version)
        self.scopes = ConversionScopes(mode, self.states, lambda guid: guid != "off")

    async def state(self) -> str:
        return (await self.states.site_issues(GUID, ["sql-parameter-conversion"])).states[0].state

    async def _version(self, _: str) -> str:
        return self.engine


@pytest.mark.parametrize("mode", ["large", "binary-always"])
async def test_setting_is_the_scope_of_an_unknown_site(mode: RewriteMode) -> None:
    assert await Case(mode).scopes.scope_at(GUID) == mode


async def test_setting_off_or_repair_off_gives_no_scope() -> None:
    assert await Case("off").scopes.scope_at(GUID) is None
    assert await Case().scopes.scope_at("off") is None


async def test_learned_scope_is_used_at_its_site_only() -> None:
    case = Case()
    await case.scopes.confirm_text(GUID)
    await case.scopes.learn(GUID, "binary-always")
    assert await case.scopes.scope_at(GUID) == "binary-always"
    assert await case.scopes.scope_at("another") == "large"
    await case.scopes.learn(GUID, "all")
    assert await case.scopes.scope_at(GUID) == "all"


async def test_nothing_is_learned_before_a_text_has_run() -> None:
    case = Case()
    await case.scopes.confirm_text("another")
    await case.scopes.learn(GUID, "binary-always")
    assert await case.scopes.scope_at(GUID) == "large"


async def test_text_that_has_run_shows_no_state_of_the_issue() -> None:
    case = Case()
    await case.scopes.confirm_text(GUID)
    assert await case.state() == "unknown"


async def test_another_engine_version_has_learned_nothing() -> None:
    case = Case()
    await case.scopes.confirm_text(GUID)
    await case.scopes.learn(GUID, "binary-always")
    case.engine = "26.800"
    assert await case.scopes.scope_at(GUID) == "large"


async def test_nothing_learned_is_used_while_the_engine_is_unknown() -> None:
    case = Case(engine="")
    await case.scopes.confirm_text(GUID)
    await case.scopes.learn(GUID, "binary-always")
    assert await case.scopes.scope_at(GUID) == "large"


async def test_learned_scope_shows_as_a_broken_issue() -> None:
    case = Case()
    await case.scopes.confirm_text(GUID)
    await case.scopes.learn(GUID, "binary-always")
    assert await case.state() == "broken"


@pytest.mark.parametrize(
    ("scope", "is_rewritten", "expected"),
    [
        ("large", False, "binary-always"),
        ("large", True, "binary-always"),
        ("binary-always", False, "all"),
        ("binary-always", True, None),
        ("all", False, None),
        ("all", True, None),
    ],
)
def test_wider_scope_is_that_which_a_refusal_shows(scope: Scope, is_rewritten: bool, expected: str) -> None:
    assert wider_scope(scope, is_rewritten=is_rewritten) == expected
