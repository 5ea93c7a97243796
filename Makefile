# Redrive. `make demo` and `make test` need nothing but Python 3.11 or newer and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.demo
UV := $(shell command -v uv 2>/dev/null)

ifdef UV
MAKE_VENV = $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = $(UV) pip install --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check
endif
QUIET = $$([ -t 1 ] || echo --quiet)  # on a terminal, its lines show that it is alive

# One sentence, before pip says it in fifty lines.
define PYTHON_IS_NEW
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
  echo "error: Redrive needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
  echo "hint: Name a newer one, as in: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
endef

# A bench writes its section of the document, and fails when it misses its goal.
BENCH = PYTHONPATH=tests $(BIN)/python bench/into.py docs/performance.md $(@:bench-%=%) -- $(BIN)/python bench/$(@:bench-%=%).py
BENCHES := bench-cost bench-throughput bench-latency bench-million bench-filter bench-cold bench-rate

# Without npm, the suite skips what asks the evaluator, and says so.
EVALUATOR := $(if $(shell command -v npm 2>/dev/null),tests/iam/node_modules/.ready)
PAGE_TOOLS := $(if $(shell command -v npm 2>/dev/null),report/node_modules/.ready)

.PHONY: demo package test test-all test-lambda test-iam test-browser faults lint format picture report-page requirements clean help $(BENCHES)

help:
	@echo "make demo      the main job, on an embedded AWS on this machine: two minutes"
	@echo "make package   build/package, which sam deploy takes as it is"
	@echo "make test      lint, types, and the fast suites"
	@echo "make test-all  make test, and the slow suites"
	@echo "make test-lambda  the package as Lambda runs it: Python 3.13, a sandbox, the function's memory"
	@echo "make test-iam  trace every call to AWS, and prove its permission; the table in docs/permissions.md (needs node)"
	@echo "make test-browser  the report, and a stranger's page, in a real browser (needs Chromium; node for axe)"
	@echo "make faults    kill a run at every call it makes; the table in docs/faults.md"
	@echo "make bench-NAME  cost, throughput, latency, million, filter, cold, rate: the tables in docs/performance.md"
	@echo "make lint      ruff, mypy, cfn-lint, import-linter"
	@echo "make format    write code, the machine's file and the table of the request as lint and tests want them"
	@echo "make picture   the run in the README, anew"
	@echo "make report-page  the page of a report, anew: after a change of report/ or of the machine (needs node)"
	@echo "make clean     remove what the others made"

# All that the other targets need, and so what the demo needs too.
$(READY): requirements.txt pyproject.toml
	$(PYTHON_IS_NEW)
	@echo "Installing Redrive and its tools into $(VENV), once: it takes a minute or two ..."
	@$(MAKE_VENV)
	@$(INSTALL) $(QUIET) -r requirements.txt
	@$(INSTALL) $(QUIET) --no-deps -e .
	@touch $(DEMO_READY) $@

$(DEMO_READY): embedded/requirements.txt pyproject.toml
	$(PYTHON_IS_NEW)
	@echo "Installing what the demo needs into $(VENV), once: it takes up to a minute ..."
	@$(MAKE_VENV)
	@$(INSTALL) $(QUIET) -r embedded/requirements.txt
	@$(INSTALL) $(QUIET) --no-deps -e .
	@touch $@

demo: $(DEMO_READY)
	@$(BIN)/redrive demo

# What Lambda runs. Needs no more than Python and pip, and so not the environment.
package:
	$(PYTHON_IS_NEW)
	rm -rf build/package
	PYTHONPATH=cli $(PYTHON) -m redrive_cli.stack.folder build/package

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/python statemachine/format.py
	$(BIN)/python docs/request.py

test: lint
	$(BIN)/pytest -n 4 --dist worksteal -m "not slow and not sandbox"

test-all: lint
	$(BIN)/pytest -n 4 -m "not sandbox" --dist worksteal

# One at a time: they measure. It says what it skipped, and why.
test-lambda: $(READY)
	$(BIN)/pytest tests/lambda -m sandbox -rs

test-iam: $(READY) $(EVALUATOR)
	$(BIN)/pytest tests/iam -rs --permissions-table docs/permissions.md

tests/iam/node_modules/.ready: tests/iam/package-lock.json
	cd tests/iam && npm ci --silent --no-audit --no-fund
	@touch $@

# Without a browser it says what it skipped; and also holds the page of a report to its source.
test-browser: $(READY) $(VENV)/.browser $(PAGE_TOOLS)
	$(BIN)/pytest tests/browser tests/unit/report/test_page.py -rs

# Only these tests need what drives a browser, and it is large.
$(VENV)/.browser: tests/browser/requirements.txt $(READY)
	$(INSTALL) --quiet -r tests/browser/requirements.txt
	@touch $@

report/node_modules/.ready: report/package-lock.json
	cd report && npm ci --silent --no-audit --no-fund
	@touch $@

report-page: report/node_modules/.ready
	cd report && npm run --silent build

faults: $(READY)
	$(BIN)/pytest tests/faults -n 2 --dist worksteal --faults-table docs/faults.md

$(BENCHES): $(READY)
	$(BENCH)

bench-latency: $(VENV)/.plots

# Only the plot needs this, and it is large.
$(VENV)/.plots: bench/requirements.txt $(READY)
	$(INSTALL) --quiet -r bench/requirements.txt
	@touch $@

# The run that the README shows.
picture: $(READY)
	$(BIN)/python docs/picture.py

# The pins. No index address may stand in them.
requirements: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 -c requirements.txt --extra local pyproject.toml -o embedded/requirements.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 -c requirements.txt functions/requirements.in -o functions/requirements.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.13 -c requirements.txt tests/lambda/requirements.in -o tests/lambda/requirements.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 -c requirements.txt bench/requirements.in -o bench/requirements.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-emit-find-links --no-header --no-annotate --universal --python-version 3.11 -c requirements.txt tests/browser/requirements.in -o tests/browser/requirements.txt

clean:
	rm -rf $(VENV) tests/iam/node_modules report/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
