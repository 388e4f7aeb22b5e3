# From nothing but Python >= 3.11: `make demo`, `make test`. Everything is installed into $(VENV), nowhere else.
#
#   make demo DEMO_ARGS="--for 30"      make test PYTEST_ARGS="-k meter"
#   make test PYTHON=python3.13 VENV=.venv-3.13
#   make lock LOCK_ARGS=--upgrade       newer versions of everything; plain `make lock` keeps the pins it can

PYTHON ?= python3
VENV ?= .venv
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?=
FAULTS_ARGS ?=
SOAK_ARGS ?=
FUZZ_PROFILES_ARGS ?=
LOCK_ARGS ?=

BIN := $(VENV)/bin
JUDGE := tests/conformance/judge
BROWSER := tests/browser
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header $(LOCK_ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo test check judge axe screenshots bench fuzz faults soak conformance lock clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo    simulated chargers, the gateway with its dashboard and a test central system, on this machine'
	@echo 'make test    the whole test suite'
	@echo 'make check   ruff, mypy --strict, the import-direction test, hadolint'
	@echo 'make judge   installs the central system of another author for the tests; needs node'
	@echo 'make axe     installs the rules of accessibility that the pages are held to; needs npm'
	@echo 'make screenshots   pictures of the dashboard for the documentation, from a demo; needs chromium'
	@echo 'make bench   what a poll, a message and a limit cost'
	@echo 'make fuzz    100,000 sets of charging profiles against a slow reckoning; FUZZ_PROFILES_ARGS="--seed 7 --sets 1000"'
	@echo '             and a million hostile OCPP frames at a running gateway; FUZZ_ARGS="--seed 7 --frames 1000"'
	@echo 'make soak    a month of faults, profiles and restarts in virtual time, each write judged; SOAK_ARGS="--seed 7 --days 2";'
	@echo '             then a year of sessions, outages and power cuts, judged at both ends; YEAR_ARGS="--seed 7 --days 30";'
	@echo '             then forty minutes of real time under a mix of faults; REAL_TIME_ARGS="--minutes 5"'
	@echo 'make faults  the fault catalogue, injected, as a table; FAULTS_ARGS="--quick" or "--only K --seed 7"; more as root'
	@echo 'make conformance   what OCPP asks, and which test shows it: docs/conformance.md and its counts'
	@echo 'make lock    the lock files in requirements/, made again from pyproject.toml'
	@echo 'make clean   removes $(VENV) and all caches'

demo: $(VENV)/.runtime
	@trap : INT; $(BIN)/ocpp-gateway demo $(DEMO_ARGS) || test $$? -eq 130  # Ctrl-C is how a demo ends

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/unit/test_architecture.py
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/.dev
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark $(BENCH_ARGS) || exit 1; done

fuzz: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m property.campaign $(FUZZ_PROFILES_ARGS)
	@PYTHONPATH=tests $(BIN)/python -m fuzz.campaign $(FUZZ_ARGS)

soak: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m soak.campaign $(SOAK_ARGS)
	@PYTHONPATH=tests $(BIN)/python -m soak.year $(YEAR_ARGS)
	@PYTHONPATH=tests $(BIN)/python -m soak.real_time $(REAL_TIME_ARGS)

faults: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m faults $(FAULTS_ARGS)

conformance: $(VENV)/.dev
	@$(BIN)/python tests/conformance/report.py

judge: $(JUDGE)/node_modules/.package-lock.json

# npm writes this file last.
$(JUDGE)/node_modules/.package-lock.json: $(JUDGE)/package-lock.json
	@command -v npm >/dev/null || { echo 'make judge needs npm and node 18 or newer, for the independent judge of OCPP' >&2; exit 1; }
	@cd $(JUDGE) && npm ci --prefer-offline --loglevel=error >/dev/null || { \
		echo 'make judge: npm could not install the independent judge of OCPP; why stands above' >&2; exit 1; }
	@touch $@

axe: $(BROWSER)/node_modules/.package-lock.json

$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package-lock.json
	@command -v npm >/dev/null || { echo 'make axe needs npm, for the rules that the pages are held to' >&2; exit 1; }
	@cd $(BROWSER) && npm ci --prefer-offline --loglevel=error >/dev/null || { \
		echo 'make axe: npm could not install axe-core; why stands above' >&2; exit 1; }
	@touch $@

screenshots: $(VENV)/.dev
	@PYTHONPATH=tests $(BIN)/python -m browser.screenshots docs/screenshots

# The stamps say what $(VENV) holds. The second depends on the first, so that pip never runs twice at once under `make -j`.
$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "ocpp-gateway needs Python 3.11 or newer, and $(PYTHON) is not; name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/pip || { echo 'Installing into $(VENV), once'; $(PYTHON) -m venv --clear $(VENV); }
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# dev.txt holds all of the other two, at the same versions.
lock: $(VENV)/.runtime
	@$(PIP) install 'uv>=0.13'
	$(UV_COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(UV_COMPILE) --group build --constraint requirements/runtime.txt --output-file requirements/build.txt
	$(UV_COMPILE) pyproject.toml --group dev --constraint requirements/runtime.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt

clean:
	rm -rf $(VENV) $(JUDGE)/node_modules $(BROWSER)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
