# Two commands for everyone: `make demo` and `make test`. Both create what they need in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
# Processes that run tests: two for each core, since most tests wait for servers. A file stays in one of them.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Tests that need no extra server; those marked `alone` count what a busy machine would refuse.
SUITE := not node and not bench and not install
# What to install with, such as PIP=pip==22.3, or PIP=pip for the newest; by default the pip that Python brings.
PIP ?=

# Settings of pip that would install elsewhere, or other releases than the lock's.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PYTHONHOME PYTHONPATH

# An environment whose Python is gone, or whose folder was moved, is made anew.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
$(shell rm -f $(READY))
endif
ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
$(shell rm -f $(READY))
endif

# $(call install,FOLDER,LOCK): a virtual environment with exactly what a lock names, checked.
# --no-deps: pip resolves nothing, so that a release made after the lock cannot change or stop the installation.
define install
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(1)
	$(if $(PIP),$(1)/bin/pip install -q --disable-pip-version-check --no-deps --upgrade $(PIP))
	$(1)/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(2) \
		|| { echo "The installation failed. Does this machine reach a package index? See docs/install.md." >&2; exit 1; }
endef

# Files with tests of a marker: to collect all other tests, too, takes longer than some of these.
marked = $(shell grep -rlw 'mark.$(1)' tests)

.PHONY: demo test test-newest test-install check bench chaos fuzz searches rolling docs images lock dist sbom clean

demo: $(READY)  ## start emulator and gateway, show every repair, keep serving (ARGS=--once ends)
	$(BIN)/halo-gateway demo $(ARGS)

test: $(READY)  ## every test that needs no extra server, in about 12 minutes on two cores
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "$(SUITE) and not alone" $(ARGS)
	$(BIN)/pytest -n 0 -m alone $(or $(ARGS),$(call marked,alone)) || [ $$? -eq 5 ]  # 5: ARGS select none of these

test-newest:  ## the same with the newest releases of all direct dependencies, in .venv-newest
	$(PYTHON) -m venv --clear .venv-newest
	.venv-newest/bin/pip install -q --disable-pip-version-check --upgrade pip
	.venv-newest/bin/pip install -q --disable-pip-version-check --upgrade --upgrade-strategy eager -e '.[dev]'
	.venv-newest/bin/pip check
	@echo "The lock has other releases of:"
	-@.venv-newest/bin/pip install --dry-run --no-deps -r requirements/dev.txt | grep -o "Would install.*"
	.venv-newest/bin/pytest -n $(WORKERS) --dist loadfile -m "$(SUITE) and not alone" --ignore tests/test_requirements.py $(ARGS)
	.venv-newest/bin/pytest -n 0 -m alone $(or $(ARGS),$(call marked,alone)) || [ $$? -eq 5 ]

test-install: $(READY) dist  ## install wheel, sdist and folder, also with pipx; try every command away from here
	$(BIN)/pytest -n 0 -m install $(or $(ARGS),$(call marked,install))

check: $(READY)  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## measure against nginx and others; skipped with a word where they are absent
	$(BIN)/pytest -m bench -s benchmarks $(ARGS)

docs: $(READY)  ## write the generated pages
	$(BIN)/python -m gateway.cli.documentation

images: $(READY)  ## write docs/images: the dashboard in a real browser (needs chromium)
	$(BIN)/pytest -n 0 tests/end_to_end/dashboard_images.py

chaos: $(READY)  ## half an hour of faults, six times as fast, and ten minutes of attacks; docs/resilience.md (needs redis-server)
	CHAOS_SECONDS=300 CHAOS_FACTOR=6 $(BIN)/pytest -n 0 -s tests/end_to_end/test_chaos.py $(ARGS)
	SOAK_SECONDS=600 $(BIN)/pytest -n 0 -s tests/adversary/test_soak.py $(ARGS)
	FAILOVER_CLUSTER=1 $(BIN)/pytest -n 0 -s tests/end_to_end/test_redis_failover.py $(ARGS)

fuzz: $(READY)  ## the property tests with new random examples, ten times as many
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "hypothesis and $(SUITE)" \
		--hypothesis-profile random $(ARGS)

searches: $(READY)  ## 20,000 searches compared with R4's own words, 10,000 random steps over two replicas (needs redis-server)
	DIFFERENTIAL_CASES=20000 STATEFUL_STEPS=10000 $(BIN)/pytest -n 2 tests/end_to_end/test_differential.py \
		tests/end_to_end/test_stateful.py $(ARGS)

rolling: $(READY)  ## restart replicas in turn under load, 5,000 requests for each balancer (needs nginx)
	ROLLING_REQUESTS=5000 $(BIN)/pytest -n 0 -s tests/end_to_end/test_rolling_restarts.py $(ARGS)

lock: $(READY)  ## pin the newest allowed versions of everything
	$(BIN)/pip install -q uv
	$(LOCK) --upgrade --extra dev -o requirements/dev.txt pyproject.toml
	$(LOCK) --extra emulator -c requirements/dev.txt -o requirements/emulator.txt pyproject.toml
	$(LOCK) --extra otel -c requirements/dev.txt -o requirements/otel.txt pyproject.toml
	$(LOCK) -c requirements/dev.txt -o requirements/gateway.txt pyproject.toml
	$(LOCK) --upgrade --group build -c requirements/dev.txt -o requirements/build.txt

LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate

dist: .venv-build/.ready  ## build the sdist and the wheel into dist/
	.venv-build/bin/python -m build --no-isolation --outdir dist .

sbom: .venv-build/.ready  ## list what the gateway's image holds: dist/sbom.cdx.json (CycloneDX)
	mkdir -p dist
	.venv-build/bin/cyclonedx-py requirements requirements/gateway.txt --pyproject pyproject.toml \
		--output-reproducible --output-format JSON -o dist/sbom.cdx.json

.venv-build/.ready: requirements/build.txt
	$(call install,.venv-build,requirements/build.txt)
	.venv-build/bin/pip check
	touch $@

$(READY): requirements/dev.txt pyproject.toml
	$(call install,$(VENV),requirements/dev.txt)
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip check
	echo "$(CURDIR)" >$@

clean:  ## remove what the other targets made
	rm -rf .venv .venv-newest .venv-build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
