"""What the pages say exists: commands, targets, links, settings, repairs."""

import json
import re
import shlex
from base64 import b64encode
from pathlib import Path

import pytest
from click import Group
from conftest import ROOT

from gateway.cli.commands import main
from gateway.cli.documentation import configuration_page
from gateway.emulator.sites import SITES
from gateway.repairs import REPAIRS
from gateway.settings import load
from gateway.sql.reasons import EXPLANATIONS
from gateway.sql.rewrite import Rewritten, rewrite_query

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OURS = ("halo-gateway", "make", "python -m gateway")


def commands(page: Path) -> list[list[str]]:
    """The words of every command of ours in a page's code blocks."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    shell = "\n".join(text for language, text in blocks if language in {"", "sh"}).replace("\\\n", " ")
    lines = [line.strip() for line in shell.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith(OURS)]


def mentioned(page: Path) -> set[str]:
    """The commands of `halo-gateway` that the running text names."""
    return set(re.findall(r"`halo-gateway ([a-z-]+)", page.read_text(encoding="utf-8")))


def command_of(words: list[str]) -> str:
    start = 1 if words[0] == "halo-gateway" else 3
    return words[start]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_in_a_code_block_exists(page: Path) -> None:
    for words in commands(page):
        if words[0] == "make":
            assert set(words[1:2]) <= TARGETS, words
        else:
            assert isinstance(main, Group)
            command = main.commands[command_of(words)]
            known = {name for each in command.params for name in each.opts}
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_text_exists(page: Path) -> None:
    assert isinstance(main, Group)
    assert mentioned(page) <= set(main.commands)


def test_pages_contain_commands() -> None:
    assert {"make demo", "make test"} <= {" ".join(words) for words in commands(ROOT / "README.md")}
    assert {"serve", "check-config"} <= {
        command_of(words) for words in commands(ROOT / "README.md") if words[0] != "make"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_link_inside_the_project_has_a_target(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8"))]
    inside = [target for target in targets if target and "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_link_to_a_heading_has_a_target(page: Path) -> None:
    links = [target.partition("#") for target in LINK.findall(page.read_text(encoding="utf-8"))]
    named = [(path, name) for path, _, name in links if name and "://" not in path]
    missing = [
        (path, name) for path, name in named if name not in anchors(page.parent / path if path else page)
    ]
    assert missing == []


def test_every_page_is_reachable_from_the_readme() -> None:
    linked = {target for target in LINK.findall(README) if target.startswith("docs/")}
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) < 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    rows = re.findall(r"^\| `([^`]+)`", configuration_page(), re.MULTILINE)
    sections = "|".join(sorted({row.partition(".")[0] for row in rows}))
    found = re.findall(rf"`((?:{sections})\.[a-z_.<>]+)`", page.read_text(encoding="utf-8"))
    named = [name.replace("sites.default", "sites.<guid>") for name in found if not name.endswith(".py")]
    prefixes = {row[: match.start()] for row in rows for match in re.finditer(r"\.|$", row)}
    assert [name for name in named if name.removesuffix(".<id>") not in prefixes] == []


def test_sql_page_shows_what_is_sent_for_its_example() -> None:
    blocks = dict(BLOCK.findall((ROOT / "docs" / "sql-passthrough.md").read_text(encoding="utf-8")))
    content = b"%PDF-1" + bytes(9_000)
    query = blocks["json"].replace("JVBERi0x…", b64encode(content).decode())
    rewriting = rewrite_query(query.encode(), "large")
    assert isinstance(rewriting, Rewritten)
    command = json.loads(rewriting.body)["command"]
    assert command["text"].replace(content.hex(), "255044462d31…") == blocks["sql"].removesuffix("\n")
    assert command["type"] == "text"
    by_name = {each["name"]: each for each in json.loads(query)["command"]["parameters"]}
    returned = {**by_name["@returnValue"], "direction": "output"}
    assert command["parameters"] == [
        by_name["@PatientId"],
        by_name["@Title"],
        by_name["@DocumentId"],
        returned,
    ]


def test_sql_page_names_every_reason_to_leave_a_query_alone() -> None:
    page = (ROOT / "docs" / "sql-passthrough.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", page, re.MULTILINE))
    assert {name: text for name, text in rows.items() if name in set(EXPLANATIONS)} == {
        reason.value: text for reason, text in EXPLANATIONS.items()
    }


def test_sql_page_switches_the_repair_off(tmp_path: Path) -> None:
    blocks = dict(BLOCK.findall((ROOT / "docs" / "sql-passthrough.md").read_text(encoding="utf-8")))
    (tmp_path / "gateway.toml").write_text(blocks["toml"])
    (site,) = load(tmp_path / "gateway.toml").sites.values()
    assert site.repairs == {"sql-parameter-conversion": False}


def test_the_configuration_in_the_readme_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "gateway.toml"
    file.write_text(block)
    zones = [site.time_zone for site in load(file).sites.values()]
    assert zones == ["Australia/Perth", "Australia/Sydney"]


def test_curl_of_the_readme_names_a_site_of_emulator() -> None:
    assert set(re.findall(r"00000000-0000-4000-8000-[0-9a-f]{12}", README)) <= set(SITES)


def test_changelog_has_unreleased_changes() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_known_issues_page_names_every_repair() -> None:
    page = (ROOT / "docs" / "known-issues.md").read_text(encoding="utf-8")
    assert [repair.issue.id for repair in REPAIRS if f"`{repair.issue.id}`" not in page] == []
