# The first Python fit for driftline; `make PYTHON=/path/to/python3` overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# What a developer's environment holds. Reports (evidently) and Spark are large, and nothing here needs them yet.
GROUPS := collector dashboard grpc dev

RUN := .venv/bin/python
BIN := .venv/bin
STAMP := .venv/installed

# A worker more than there are cores: many a test waits, for a disk, a browser or another process.
WORKERS := $(shell getconf _NPROCESSORS_ONLN | awk '{print $$1 + 1}')
# Tests start hundreds of processes, and each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-lts lint format bench soak proof screenshots lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with the pinned dependencies and driftline, editable

$(STAMP): pyproject.toml constraints.txt scripts/install.py scripts/pins.py
	@test -n '$(PYTHON)' || { echo 'driftline needs Python 3.11 or newer: install it, or make install PYTHON=/path/to/it' >&2; exit 1; }
	@$(PYTHON) -m scripts.install $(GROUPS)
	@touch $@

demo: install ## run the main job on real images: a fleet, a collector, drift, alerts; ends with Ctrl-C
	@$(RUN) -m examples.digits_fleet

test: install ## run all tests but the long ones
	@$(RUN) -m scripts.system_packages
	@$(RUN) -m scripts.duckdb_lts
	@$(RUN) -m pytest -n $(WORKERS) --dist worksteal -m 'not alone and not soak and not proof and not peers'
	@$(RUN) -m pytest -n 2 --dist loadfile -m alone $$(grep -rl --include='test_*.py' mark.alone tests)

test-lts: install ## run the tests of the store on DuckDB's long-term release
	@$(RUN) -m scripts.duckdb_lts -m pytest -n auto tests/store

lint: install ## check style, types and who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## let ruff lay out the code and mend what it can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: install ## measure each figure that the README claims, beside a peer
	@for name in $$(cd benchmarks && ls [a-z]*.py | sed 's/\.py$$//'); do $(RUN) -m benchmarks.$$name --json || exit 1; done

soak: install ## run the tests that load a collector for many minutes
	@$(RUN) -m pytest -m soak --timeout 0

# PEERS names Pythons that have Evidently or NannyML, as tests/analysis/peer_scores.py tells how to make them.
proof: install ## run the tests that prove statistical claims and compare with peers (PEERS="python ...")
	@$(RUN) -m pytest -n auto -m 'proof or peers' --timeout 0

screenshots: install ## take the pictures of the dashboard in README and docs again
	@$(RUN) -m tests.browser.screenshots docs/images

lock: ## bring constraints.txt in line with pyproject.toml (needs uv; UPGRADE=--upgrade for newer versions)
	@uv pip compile pyproject.toml --extra collector --extra dashboard --extra grpc --extra reports --group dev \
		--universal --python-version 3.11 --generate-hashes --no-emit-index-url --annotation-style line \
		--custom-compile-command 'make lock' $(UPGRADE) --quiet --output-file constraints.txt
	@echo 'duckdb==1.5.5' | uv pip compile - --no-deps --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command 'make lock' $(UPGRADE) --quiet --output-file constraints-lts.txt

clean: ## remove .venv and what the tools leave behind
	@rm -rf .venv build dist .*_cache .hypothesis .coverage
	@find . -name __pycache__ -prune -exec rm -rf {} +
