# Two commands for everyone: `make demo` and `make test`. Both create what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: demo test check bench chaos docs lock clean

demo: $(READY)  ## start emulator and gateway, show every repair, keep serving (ARGS=--once ends)
	$(BIN)/halo-gateway demo $(ARGS)

test: $(READY)  ## everything that needs no extra server, in under 3 minutes
	$(BIN)/pytest -n auto -m "not node and not bench" $(ARGS)

check: $(READY)  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## measure against nginx and others; skipped with a word where they are absent
	$(BIN)/pytest -m bench -s tests/bench $(ARGS)

docs: $(READY)  ## write the generated pages
	$(BIN)/python -m gateway.documentation

chaos: $(READY)  ## half an hour of everything going wrong, six times as fast; docs/resilience.md (needs redis-server)
	CHAOS_SECONDS=300 CHAOS_FACTOR=6 $(BIN)/pytest -n 0 -s tests/end_to_end/test_chaos.py $(ARGS)

lock: $(READY)  ## pin the newest allowed versions of everything
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra dev pyproject.toml -o requirements-dev.lock --upgrade
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra emulator pyproject.toml -o requirements.lock -c requirements-dev.lock

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:  ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
