"""What only stands in prose erodes: layers, the mirror of tests, sizes, and where files may be."""

import ast
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

GATEWAY = ROOT / "gateway"
TESTS = ROOT / "tests"
MODULES = sorted(path.relative_to(GATEWAY) for path in GATEWAY.rglob("*.py") if path.name != "__init__.py")
LINES = 300

#: Modules without a test of their own name, and why. Shorten this list; never lengthen it without a reason.
EXCUSED = {
    "__main__.py": "tests/cli/test_commands.py runs it",
    "app.py": "wiring only: tests/end_to_end/ runs all of it",
    "upstream_routes.py": "wiring only: tests/end_to_end/ runs all of it",
    "cache_validity.py": "the shape: tests/cache/test_response_cache.py",
    "cli/emulate.py": "tests/cli/test_commands.py runs every command",
    "cli/operators.py": "tests/admin/test_client.py and tests/cli/test_commands.py run them",
    "cli/options.py": "tests/cli/test_commands.py runs every command",
    "search_handlers.py": "wiring only: tests/search/test_explain.py and tests/end_to_end/ run it",
    "errors/catalog.py": "a table: tests/web/test_error_codes.py prints and judges every row",
    "fhir/resource_types.py": "R4's list of names: tests/fhir/test_interaction.py",
    "demo/stops.py": "tests/demo/test_tour.py stops at each",
    "packs/file.py": "the shape: tests/packs/test_load.py",
    "packs/refusals.py": "a row: tests/packs/test_request_verbs.py",
    "repairs/extensions.py": "the shape: tests/repairs/test_repairs.py",
    "repairs/repair.py": "the shape: tests/repairs/test_repairs.py",
    "sql/batch.py": "the shape: tests/sql/test_proof.py",
    "server/serve.py": "a process: tests/cli/test_commands.py; in a thread: all end-to-end tests",
    "stores/base.py": "an interface without code",
    "upstreams/limits.py": "the shape: tests/settings/test_upstreams.py",
}
#: Modules that do I/O, wait, log, or read a clock or chance, and by what. All others are pure.
#: This table may only shrink.
IMPURE = {
    "admin/activity.py": "starlette",
    "cli/key_rotation.py": "secrets",
    "cli/keys.py": "clock",
    "admin/advice.py": "starlette",
    "admin/allowed_hosts.py": "starlette",
    "admin/cache.py": "starlette structlog",
    "admin/client.py": "httpx",
    "admin/dashboard/door.py": "secrets starlette",
    "admin/dashboard/frame.py": "starlette",
    "admin/dashboard/operators_api.py": "starlette",
    "admin/dashboard/routes.py": "asyncio starlette",
    "admin/endpoints.py": "starlette",
    "admin/health.py": "starlette",
    "admin/landing.py": "starlette",
    "admin/ledger.py": "asyncio sqlite3 starlette",
    "admin/reach.py": "starlette",
    "admin/requests.py": "starlette",
    "admin/sites.py": "starlette structlog",
    "admin/today.py": "sqlite3 starlette",
    "admin/wrong_tokens.py": "structlog time",
    "advice/recorder.py": "structlog",
    "advice/shape_log.py": "secrets",
    "app.py": "httpx starlette",
    "upstream_routes.py": "starlette",
    "batch/executor.py": "asyncio",
    "builders.py": "httpx random time",
    "cache/invalidation.py": "secrets",
    "cache/response_cache.py": "asyncio",
    "chain.py": "random time",
    "cli/check.py": "asyncio",
    "cli/explain.py": "asyncio clock secrets",
    "cli/ledger.py": "sqlite3",
    "ledger/app_usage.py": "structlog threading",
    "cli/serve_workers.py": "secrets socket structlog",
    "ledger/counts.py": "threading",
    "ledger/daily_usage.py": "structlog threading",
    "ledger/file_mode.py": "structlog",
    "ledger/ledger.py": "clock sqlite3 structlog threading",
    "ledger/metering.py": "time",
    "ledger/outbox.py": "sqlite3 uuid",
    "ledger/recorder.py": "clock",
    "ledger/redis_ledger.py": "redis structlog",
    "ledger/redis_reader.py": "redis",
    "ledger/sqlite_ledger.py": "clock sqlite3",
    "ledger/sqlite_reader.py": "sqlite3",
    "mount_handlers.py": "time",
    "own_thread.py": "asyncio threading",
    "paging/page_sizer.py": "structlog uuid",
    "probe/run.py": "asyncio clock",
    "repairs/handlers.py": "asyncio",
    "repairs/return_values.py": "asyncio",
    "repairs/rewrite_queue.py": "asyncio structlog",
    "repairs/sql_parameters.py": "asyncio",
    "resilience_handlers.py": "random time",
    "resilience/bulkhead.py": "asyncio",
    "resilience/circuit_breaker.py": "asyncio structlog uuid",
    "resilience/credential_failure_limit.py": "asyncio",
    "resilience/pauses.py": "structlog",
    "resilience/rate_limiter.py": "asyncio",
    "resilience/rate_limits.py": "structlog",
    "resilience/retry.py": "asyncio structlog",
    "runtime.py": "asyncio clock httpx secrets starlette structlog time",
    "server/admin_port.py": "asyncio socket starlette structlog uvicorn",
    "server/connection.py": "asyncio uvicorn",
    "server/draining_server.py": "asyncio socket time uvicorn",
    "server/ending_connection.py": "uvicorn",
    "server/exit_stacks.py": "asyncio structlog",
    "server/fast_path_protocol.py": "time uvicorn",
    "server/last_connections.py": "asyncio socket",
    "server/joined_writes.py": "asyncio",
    "server/local_channel.py": "structlog",
    "server/serve.py": "asyncio socket starlette threading uvicorn",
    "server/rejection.py": "starlette",
    "server/siblings.py": "asyncio socket",
    "server/upgrade_offer.py": "uvicorn",
    "server/worker.py": "asyncio socket",
    "server/write_timeout.py": "asyncio",
    "server/worker_group.py": "structlog time",
    "settings/redis_url.py": "redis",
    "sites/relocation.py": "asyncio structlog uuid",
    "sql/held_polls.py": "asyncio",
    "store_builders.py": "secrets",
    "stores/fallback.py": "asyncio structlog time",
    "stores/lock.py": "asyncio secrets time",
    "stores/memory.py": "time",
    "stores/redis.py": "asyncio secrets",
    "stores/redis_channel.py": "asyncio redis secrets structlog time",
    "stores/redis_client.py": "redis",
    "stores/redis_sync_client.py": "redis",
    "stores/replicas.py": "asyncio secrets socket time",
    "stores/replicated.py": "asyncio secrets",
    "stores/single_flight.py": "asyncio",
    "telemetry/access_log.py": "structlog",
    "telemetry/log_config.py": "asyncio clock structlog threading",
    "telemetry/metrics.py": "starlette",
    "telemetry/process_log.py": "structlog threading",
    "telemetry/tracing.py": "asyncio uuid",
    "telemetry/tracing_counts.py": "threading",
    "telemetry/tracing_export.py": "structlog threading",
    "telemetry/tracing_spans.py": "random time",
    "telemetry/tracing_transport.py": "asyncio httpx",
    "thread_switching.py": "asyncio threading",
    "upstreams/client.py": "asyncio httpx structlog",
    "upstreams/site_statements.py": "structlog",
    "upstreams/connection.py": "asyncio httpx",
    "upstreams/aiohttp_errors.py": "aiohttp",
    "upstreams/connection_errors.py": "socket",
    "upstreams/connection_log.py": "structlog time",
    "upstreams/connection_pool.py": "asyncio httpx socket",
    "upstreams/content_codings.py": "asyncio httpx",
    "upstreams/direct_transport.py": "asyncio httpx",
    "upstreams/lazy_messages.py": "httpx",
    "upstreams/name_resolver.py": "asyncio socket threading",  # it looks names up
    "upstreams/transport.py": "aiohttp asyncio httpx",
    "validation/write_validation.py": "asyncio structlog",
    "web/body_budget.py": "starlette",
    "web/browser.py": "starlette",
    "web/client_address.py": "starlette",
    "web/client_connection.py": "asyncio starlette",
    "web/code_system.py": "starlette",
    "web/content_coding.py": "starlette",
    "web/cors_middleware.py": "starlette",
    "web/direct_routes.py": "starlette",
    "web/documents.py": "asyncio starlette",
    "web/endpoint.py": "starlette time",
    "web/errors.py": "starlette structlog uuid",
    "web/fast_path.py": "asyncio starlette structlog time",
    "web/logged_responses.py": "starlette time",
    "web/header_fields.py": "starlette",
    "web/head_table.py": "time",
    "web/hit_records.py": "asyncio",
    "web/mounted_reader.py": "starlette",
    "web/openapi.py": "starlette",
    "web/pages.py": "starlette",
    "web/public_url.py": "starlette",
    "web/rejections.py": "starlette",
    "web/request_checks.py": "starlette",
    "web/request_id.py": "secrets",
    "web/request_reader.py": "clock starlette time",
    "webhooks/budget_messages.py": "asyncio random structlog time uuid",
    "webhooks/forwarder.py": "asyncio httpx structlog",
    "webhooks/receiver.py": "asyncio starlette structlog",
    "webhooks/routes.py": "random starlette time",
    "worker_routes.py": "asyncio httpx starlette",
}
#: What makes a module impure; `clock` is a call of datetime.now or date.today.
_DOORS = {
    "aiohttp", "asyncio", "clock", "contextvars", "httpx", "random", "redis", "secrets", "socket", "sqlite3",
    "starlette", "structlog", "threading", "time", "uuid", "uvicorn",
}  # fmt: skip
#: Tests of the whole: they mirror no module.
_OTHERS = {
    "adversary", "clients", "deploy", "end_to_end", "fuzz", "oracle", "recipes", "test_compose.py",
    "test_doc_commands.py", "test_docs.py",
    "test_layers.py", "test_names.py", "test_requirements.py",
}  # fmt: skip
#: Folders that the table does not cover: programs of their own.
_APART = {"demo", "emulator"}
#: Modules over the limit, and why.
LONG = {"errors/catalog.py": "one table of failures, a row per kind"}
#: What may lie in the project's folder.
TOP = {
    "benchmarks",
    ".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
    "compose.yaml", "deploy", "docs", "gateway", "halo_gateway", "openapi", "pyproject.toml",
    "requirements", "tests",
}  # fmt: skip


def impurities(module: Path) -> set[str]:
    """What a module imports or calls of `_DOORS`."""
    found = set()
    for node in ast.walk(ast.parse((GATEWAY / module).read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {name.name.partition(".")[0] for name in names}
            case ast.ImportFrom(module=str(name)):
                found.add(name.partition(".")[0])
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr="now" | "today"):
                found.add("clock")
    return found & _DOORS


def mirror(module: Path) -> Path:
    return TESTS / module.parent / f"test_{module.name}"


def test_the_contracts_of_the_layers_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    assert read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert code == 0, capfd.readouterr().out


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_a_test_of_its_name(module: Path) -> None:
    assert mirror(module).is_file() or str(module) in EXCUSED, f"{mirror(module)} is missing"


def test_every_test_file_mirrors_a_module() -> None:
    """`test_<module>.py`, or `test_<module>_<aspect>.py` where a module has several."""
    stray = [test for test in TESTS.rglob("test_*.py") if test.relative_to(TESTS).parts[0] not in _OTHERS]
    missing = [str(test.relative_to(TESTS)) for test in stray if not _modules_of(test)]
    assert not missing


def _modules_of(test: Path) -> list[Path]:
    folder, name = test.parent.relative_to(TESTS), test.stem.removeprefix("test_")
    own = [
        module for module in MODULES if module.parent == folder and f"{name}_".startswith(f"{module.stem}_")
    ]
    return [*own, *([folder] if folder.name == name else [])]


@pytest.mark.parametrize("module", [each for each in MODULES if each.parts[0] not in _APART], ids=str)
def test_a_module_outside_the_table_is_pure(module: Path) -> None:
    assert impurities(module) == set(IMPURE.get(str(module), "").split())


def test_the_table_of_impure_modules_names_modules() -> None:
    assert set(map(Path, IMPURE)) <= set(MODULES)


@pytest.mark.parametrize("name", EXCUSED)
def test_excused_module_exists_and_has_no_test(name: str) -> None:
    assert Path(name) in MODULES
    assert not mirror(Path(name)).is_file()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module_has_at_most_300_lines(module: Path) -> None:
    lines = len((GATEWAY / module).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES or str(module) in LONG


def test_package_has_a_docstring() -> None:
    for package in {path.parent for path in GATEWAY.rglob("*.py")}:
        assert (package / "__init__.py").read_text(encoding="utf-8").startswith('"""'), package


def test_project_folder_holds_nothing_else() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {line.partition("/")[0] for line in listed.splitlines()} <= TOP
