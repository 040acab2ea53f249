# Every verb of the project. `make run` needs only Python 3.11 or newer and make.
PORT ?= 8000
HOST ?= 127.0.0.1
SERVER ?= daphne
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
NODE_STAMP := node_modules/.installed
BIN := node_modules/.bin

.PHONY: run install dev test soak lint lint-scripts bench demo messages lock clean

run: install
	@$(PY) manage.py serve --host $(HOST) --port $(PORT) --server $(SERVER)

install: $(RUN_STAMP)
dev: $(DEV_STAMP)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.lock | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(DEV_STAMP): requirements-dev.lock | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	@touch $@ $(RUN_STAMP)

test: dev
	$(PY) -m pytest $(PYTEST_ARGS)

# One test at a time, each with the machine to itself; SOAK_SECONDS says how long the mixed calls go on.
soak: dev
	$(PY) -m pytest tests/soak -n 0 -o faulthandler_timeout=0 $(PYTEST_ARGS)
	ALL_VARIANTS=1 $(PY) -m pytest

lint: dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check --fail-level WARNING
	$(PY) -m tests.translations
	$(PY) -m tests.commits
	$(VENV)/bin/djlint templates --check --quiet
	$(VENV)/bin/djlint templates --lint --quiet
	@$(MAKE) --no-print-directory lint-scripts

# The tools for scripts and styles come from npm, which only developers and CI need.
lint-scripts:
	@if command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(NODE_STAMP) && $(BIN)/biome ci --error-on-warnings && $(BIN)/tsc; \
	else \
		echo "NOT CHECKED: scripts and styles. npm is missing (Debian: apt-get install npm)."; test "$$CI" != true; \
	fi

$(NODE_STAMP): package-lock.json
	npm ci --no-audit --no-fund --silent
	@touch $@

bench: dev
	$(PY) -m benchmarks $(BENCH_ARGS)
	$(PY) -m benchmarks.pictures

demo: install
	$(PY) manage.py demo

messages: dev
	$(PY) manage.py makemessages --locale zh_Hans --ignore .venv --ignore node_modules --ignore data --ignore tests --ignore benchmarks --no-location
	$(PY) manage.py compilemessages --locale zh_Hans

lock: dev
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile --universal --python-version 3.11 pyproject.toml --extra scale --extra fast --no-header --no-annotate --generate-hashes -o requirements.lock
	$(PY) -m uv pip compile --universal --python-version 3.11 pyproject.toml --all-extras --no-header --no-annotate --generate-hashes -o requirements-dev.lock

clean:
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache staticfiles
