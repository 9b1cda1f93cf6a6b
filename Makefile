# Everything that one does with a checkout. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests that come one by one, ahead of all others at the processor: they measure waiting times or drive a browser.
ALONE := $(wildcard tests/db/test_peers.py tests/engine/judges/test_faults.py tests/e2e)

# What is compiled once is kept, whatever a machine's image says, for the tests alone start some hundred processes.
export PYTHONDONTWRITEBYTECODE :=

# uv reads no pip configuration, so pip's variables are handed on. Where uv cannot install, pip does.
UV := UV_FIND_LINKS="$$(echo "$$PIP_FIND_LINKS" | tr ' ' ',')" UV_HTTP_TIMEOUT=180 \
	$${PIP_INDEX_URL:+env UV_DEFAULT_INDEX="$$PIP_INDEX_URL"} $(BIN)/uv
install = $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '$(1)' \
	|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'
# Runs a command and says how long it took.
timed = @start=$$(date +%s); $(2); status=$$?; echo "== $(1): $$(($$(date +%s) - start)) s"; exit $$status
# Shows what a command said at its end, so that two commands at a time can be told apart.
held = said=$$($(1) 2>&1); status=$$?; printf '%s\n' "$$said"; (exit $$status)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench subject-model screenshots environment environment-dev test-system tests constraints clean
.PHONY: tests-alone tests-side-by-side

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' Makefile

demo: environment ## Run the bundled study end to end and open the dashboard.
	@$(BIN)/lensgap demo

test: environment-dev test-system ## All that CI runs: checks, tests, browser tests; two things at a time.
	@$(MAKE) --no-print-directory -k -j2 tests-alone check tests-side-by-side

check: environment-dev ## Format, lint, types, import contracts, Dockerfile.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(YIELDING) $(BIN)/mypy
	$(YIELDING) $(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

bench: environment-dev ## Measure against peers, side by side, in one table.
	@$(BIN)/python -m bench

subject-model: environment-dev ## Train the bundled subject model anew (WordNet needed; takes long).
	$(BIN)/python -m engine.bundled.training

screenshots: environment-dev test-system ## Photograph every screen for the docs.
	$(BIN)/python docs/screenshots.py

environment: $(VENV)/.installed ## Install Lensgap into .venv.

environment-dev: $(VENV)/.installed-dev ## The same with what checks and tests need.

test-system: ## Install chromium and WordNet from Debian where they are missing.
	@sh .ci/test-system

tests: environment-dev test-system ## The tests without the checks.
	@$(MAKE) --no-print-directory -k -j2 tests-alone tests-side-by-side

# One that hangs ends, for nothing of it is seen before.
tests-alone:
	$(call timed,tests one by one,$(call held,$(TEST_ENV) $(BIN)/pytest -o faulthandler_exit_on_timeout=true $(ALONE)))

tests-side-by-side:
	$(call timed,tests side by side,$(TEST_ENV) $(YIELDING) $(BIN)/pytest -n 2 --dist worksteal $(ALONE:%=--ignore=%))

constraints: environment-dev ## Resolve all dependencies anew into constraints.txt.
	@sed -n '/^#/p' constraints.txt > $(VENV)/constraints.txt
	@$(UV) pip compile --quiet --no-header --no-annotate --extra dev --extra ray --extra auth pyproject.toml | \
		sed 's/+cpu$$//' >> $(VENV)/constraints.txt
	@$(BIN)/uv pip freeze --python $(BIN)/python | grep '^uv==' >> $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt

clean: ## Remove environment, caches and builds; studies stay.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Two workers on two cores: each keeps to one thread. No test may ask a model hub.
TEST_ENV := OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
# Takes what the tests one by one leave of the processor.
YIELDING := nice -n 5

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lensgap needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
		{ echo "This Python makes no environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing Lensgap into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv || true
	@$(call install,.)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what checks and tests need"
	@$(call install,.[dev])
	@touch $@
