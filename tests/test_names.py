"""Names: retired words stay retired, and functions say what they do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

#: Names of the first design, each with the field's term that replaced it. None may be defined again.
RETIRED = {
    "Answered": "ErrorHandler", "Arrivals": "SlidingWindow", "Bounded": "Bulkhead",
    "Cached": "ResponseCache", "Claimant": "QueueTicket", "Counted": "UpstreamMeter",
    "Credited": "SavingsMeter", "Departure": "SentRequest", "Delivered": "WriteTimeout",
    "Doubling": "ExponentialBackoff", "Engines": "EngineVersions", "Explained": "ExplainOperation",
    "Flights": "SingleFlight", "Gathered": "SearchExecutor", "Generations": "InvalidationCounters",
    "Guarded": "LimitedConnection", "Hits": "FastPathCache", "Informed": "DeclaredParameters",
    "Metered": "RateLimitRecheck", "Normalised": "RequestRepairs", "Observed": "AccessLog",
    "Operated": "Operations", "Paced": "RateLimiter", "Paged": "PageLinks", "Paused": "PauseGate",
    "Polled": "AsyncStatusUrls", "Recognised": "EngineDetector", "Relocated": "SiteRelocation",
    "Remembered": "ReplicatedValues", "Repaired": "ResponseRepairs", "Resized": "PageSizer",
    "Rest": "Circuit", "Rested": "CircuitBreaker", "Rests": "CircuitRegistry", "Retried": "Retry",
    "Seal": "TokenCipher", "Spending": "RetryBudget", "Tallied": "CacheOutcomeCounter",
    "Turns": "FairQueue", "Uncached": "CacheBypass", "Waiting": "deadline", "Wanted": "RequestDirectives",
    "asked": "request", "here": "local", "kept": "stored", "nowhere": "no_status_check", "said": "message",
    "told": "count", "trust_etags": "nothing: reads never go upstream with conditions",
}  # fmt: skip
#: Words of the first design in settings, metrics, log events, error codes, commands and endpoints.
RETIRED_PUBLIC = {
    "rest.start", "rest.longest", "rest.concurrency", "rest.queue", "retry.patience", "retry.unanswered",
    "pages.keys", "pages.lifetime", "page_size.limit", "page_size.probe", "cache.lease", "cache.orphans",
    "cache.downstream", "cache.trust_etags", "server.site", "upstream.rate", "ledger.keep_days",
    "halo_gateway_site_resting", "halo_gateway_exchanges_total", "halo_gateway_upstream_seconds",
    "halo_gateway_failures_total", "halo_gateway_store_away", "halo_gateway_cache_flights",
    "halo_gateway_key_rate", "site-rests", "site-well", "rate-lowered", "store-away", "store-back",
    "operators-listen", "ledger-not-written", "practice-resting", "filter-budget", "date-rewrite-defect",
    "halo-gateway lift", "/admin/pauses/lift", "stop_batch", "show_times",
    "site-moved", "cap-near", "usedShare", "stopsBatch", "halo_gateway_site_queue",
    "halo_gateway_site_retries",
}  # fmt: skip
_IRREGULAR = {
    "begun", "bound", "broken", "built", "chosen", "done", "drawn", "found", "given", "held", "hidden",
    "kept", "known", "laid", "led", "left", "lent", "lost", "made", "meant", "met", "paid", "said", "seen",
    "sent", "shown", "sold", "sought", "spent", "stood", "taken", "taught", "thrown", "told", "torn",
    "understood", "won", "worn", "written",
}  # fmt: skip
#: Words that end like a participle and are nouns or verbs.
_NOT_PARTICIPLES = {"feed", "need", "seed", "speed", "embed", "string", "thing", "ping", "ring", "setting",
                    "warning", "heading", "encoding", "mapping", "listing"}  # fmt: skip
_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "openapi" / "gateway.yaml"]
_MODULES = sorted((ROOT / "gateway").rglob("*.py"))
_DEPLOYMENT = [
    *(ROOT / "compose.yaml", ROOT / "Dockerfile"),
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
]


def definitions(path: Path) -> Iterator[str]:
    """Names of all classes, functions and fields that a module defines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def string_constants(path: Path) -> Iterator[str]:
    """Texts in a module, those of docstrings and f-strings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def retired_public_names(text: str) -> list[str]:
    """Retired public names in a text; those of settings also as environment variables."""
    variables = {name: f"HALO_GATEWAY_{name.upper().replace('.', '__')}" for name in RETIRED_PUBLIC}
    return sorted(name for name in RETIRED_PUBLIC if name in text or variables[name] in text)


def is_participle(name: str) -> bool:
    word = name.strip("_")
    if "_" in word or word in _NOT_PARTICIPLES or name.startswith("__"):
        return False
    return word in _IRREGULAR or re.fullmatch(r"[a-z]{2,}(ed|ing)", word) is not None


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_retired_name_is_not_defined_again(path: Path) -> None:
    retired = sorted(RETIRED.keys() & {name.strip("_") for name in definitions(path)})
    assert not retired, [f"{name}: say {RETIRED[name]}" for name in retired]


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_function_is_not_named_by_a_lone_participle(path: Path) -> None:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [node.name for node in tree if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [name for name in functions if is_participle(name)]


@pytest.mark.parametrize("page", [*_PAGES, *_DEPLOYMENT], ids=lambda page: page.name)
def test_retired_public_name_is_in_no_page_or_deployment(page: Path) -> None:
    assert not retired_public_names(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_retired_public_name_is_in_no_text_of_code(path: Path) -> None:
    assert not retired_public_names("\n".join(string_constants(path)))


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.name)
def test_name_of_a_test_has_at_most_ten_words(path: Path) -> None:
    names = [name for name in definitions(path) if name.startswith("test_")]
    assert not [name for name in names if len(name.removeprefix("test_").split("_")) > 10]
