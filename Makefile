# Every target sets up what it needs in .venv, from nothing; a second call finds the stamp and is quick.
#   PYTHON=python3.11   the interpreter for a new .venv (3.11 or newer)
#   JOBS=2              test processes
#   TABLE=name          make bench: only benchmarks/name.py
#   BENCH=--quick       make bench: options of the scripts (--quick, --rounds 3, --no-peers)

PYTHON ?= python3
JOBS ?= 2
TABLE ?=
BENCH ?=

BIN := .venv/bin
STAMP := .venv/.spikedistill-setup
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
DEMO := runs/digits-sastc
HOUSE := tests/test_layering.py tests/test_conventions.py tests/test_public_names.py

# Without this pyright asks the network whether there is a newer one.
export PYRIGHT_PYTHON_IGNORE_WARNINGS ?= 1
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test check bench clean lint types house browser test-plain test-typed

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## the package and its tools in .venv
	@echo "set up: $(BIN)/spikedistill"

demo: $(STAMP) ## the main job: distil a spiking digit classifier, in 90 seconds; again: show it, or go on
	@if [ -e $(DEMO)/config.yaml ]; then $(BIN)/spikedistill resume $(DEMO); \
	else $(BIN)/spikedistill run digits-sastc --out $(DEMO); fi
	@echo "The digits after the point differ with the processor and the number of threads."

# The type-checked pass comes last: its summary is the last line, also in CI.
test: $(STAMP) browser ## all that CI runs: style, types, layers, tests, doctests
	@$(MAKE) -k lint types test-plain; earlier=$$?; \
	[ $$earlier = 0 ] || echo "A step above failed; the remaining tests run all the same."; \
	$(MAKE) test-typed && exit $$earlier

check: $(STAMP) ## the fast part: style, types, layers, conventions
	@$(MAKE) -k lint types house

bench: $(STAMP) ## the measurements of benchmarks/, in docs/performance.md (TABLE=name for one)
	@failed=; for table in $(or $(TABLE:%=benchmarks/%.py),$(wildcard benchmarks/[a-z]*.py)); do \
	  echo "== $$table"; $(BIN)/python $$table $(BENCH) || failed="$$failed $$table"; done; \
	$(BIN)/python benchmarks/_page.py || failed="$$failed docs/performance.md"; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

clean: ## remove caches and builds; runs/ and .venv stay
	@rm -rf build dist src/*.egg-info .pytest_cache .ruff_cache
	@find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

lint: $(STAMP) ## ruff: style and formatting
	@status=0; $(BIN)/ruff check --quiet . || status=1; \
	$(BIN)/ruff format --quiet --check . || { status=1; echo "run: $(BIN)/ruff format ."; }; \
	exit $$status

types: $(STAMP) ## pyright, strict, on functional, core and methods
	@$(BIN)/pyright --pythonpath $(BIN)/python

house: $(STAMP) ## layers, conventions, public names
	@$(BIN)/python -m pytest --quiet $(HOUSE)

# Some tests look at the report in a browser. Without root or packages they are skipped and say so.
browser: ## Chromium from the distribution's packages, where it is missing and can be installed
	@for name in chromium chromium-browser google-chrome; do \
	  command -v $$name >/dev/null && exit 0; done; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; } || { \
	  echo "no chromium: the tests that need a browser are skipped"; exit 0; }; \
	echo "set-up of the tests: chromium, from the distribution's packages"; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ timeout 120 apt-get -qq -o Acquire::Retries=1 update && \
	  timeout 600 apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null 2>&1 || \
	  echo "chromium could not be installed: the tests that need a browser are skipped"

test-plain: $(STAMP) ## the tests that cannot run under run-time type checks: those that compile
	@$(PYTEST) -m "compiled or wrong_types" tests

test-typed: $(STAMP) ## all other tests and the doctests, every signature checked as it is called
	@SPIKEDISTILL_TYPECHECK=1 $(PYTEST) -m "not compiled and not wrong_types" --doctest-modules src tests

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "set-up, 1 of 2: torch (the large one)"
	@$(PIP) torch
	@echo "set-up, 2 of 2: spikedistill, what it needs, and the tools of its tests"
	@$(PIP) --editable '.[dev]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "spikedistill needs Python 3.11 or newer, and '$(PYTHON)' is not that ($$($(PYTHON) --version 2>&1)). Name another one: make PYTHON=python3.11"; exit 1; }
	@echo "set-up: a new environment in .venv, from $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "'$(PYTHON) -m venv' failed (on Debian and Ubuntu it is a package of its own: python3-venv)"; exit 1; }
