# Everything runs from a virtual environment in .venv that these targets make themselves.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
READY := .venv/.ready

.PHONY: help demo test test-only bench chaos fuzz picture lab lab-stop run check format generate lock sbom scan release-check clean setup

help: ## Explain each target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { \
	    line = sprintf("  make %-13s", $$1); \
	    words = split($$2, word, " "); \
	    for (at = 1; at <= words; at++) { \
	        if (length(line word[at]) >= 80) { print line; line = sprintf("%20s", "") } \
	        line = line " " word[at] \
	    } \
	    print line \
	}' $(MAKEFILE_LIST)

demo: $(READY) ## Start the real service, play the two products' stories through it, print who got what and why (DEMO=--tls: over TLS)
	@$(BIN)/python deploy/examples/demo.py $(DEMO)

test: check test-only ## Check the code, then pass all tests

test-only: $(READY) ## Pass all tests (TESTS=path narrows them)
	@$(BIN)/python -m pytest -q -n auto --dist worksteal $(TESTS)

bench: $(READY) ## Measure how fast it is, side by side, in ten minutes (BENCH="--quick --row NAME" for less)
	@$(BIN)/python tests/bench/bench.py $(BENCH)

chaos: $(READY) ## Attack three replicas and their Redis, and judge every answer, for half an hour (CHAOS="--seeds N --minutes M" for less)
	@$(BIN)/python tests/chaos/chaos.py $(CHAOS)

fuzz: $(READY) ## Send it a million odd requests, in ten minutes (FUZZ="--inputs N --seed N" for others)
	@$(BIN)/python tests/fuzz/fuzz.py $(FUZZ)

picture: $(READY) ## Draw the dashboards by Grafana's own components into .picture, and those of the README (needs prometheus, chromium, node, npm; 4 minutes)
	@for one in prometheus chromium node npm; do command -v $$one >/dev/null || { echo "make picture needs $$one, and it is not on PATH" >&2; exit 1; }; done
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r deploy/requirements/picture.txt
	@$(BIN)/python deploy/grafana/picture/picture.py

lab: ## Start a Docker engine, with images, for the tests that want one (root, Debian; a minute at first)
	@tests/lab/engine.sh start

lab-stop: ## End it
	@tests/lab/engine.sh stop

run: $(READY) ## Start the service on 127.0.0.1:50051 with its own Redis in .evenhand, and stay
	@$(BIN)/evenhand serve --data-dir .evenhand

check: $(READY) ## Format and lint, types, the contract, the direction of imports, and that all is locked
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python deploy/supply/check_lock.py
	@$(BIN)/deptry service strategies --no-ansi >$(READY).imports 2>&1 || { cat $(READY).imports >&2; exit 1; }
	@$(BIN)/deptry . --no-ansi --ignore DEP002,DEP004 >$(READY).imports 2>&1 || { cat $(READY).imports >&2; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports --no-cache | tail -n 3
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python protos/check.py

format: $(READY) ## Write the code the way `check` wants it
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

generate: $(READY) ## Write what is made of other files: dashboards, and the operator's copy of the alerts
	@$(BIN)/python deploy/grafana/generate.py
	@$(BIN)/python deploy/kubernetes/generate.py

setup: $(READY) ## Make .venv: pinned, hashed packages and this project

$(READY): pyproject.toml protos/pyproject.toml deploy/requirements/development.txt protos/generate.py $(wildcard protos/evenhand/v1/*.proto)
	@echo "Setting up .venv ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Evenhand needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv 2>/dev/null || { $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip -q --python .venv install pip; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r deploy/requirements/development.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e protos -e .
	@touch $@

lock: $(READY) ## Pin the newest allowed packages, with hashes and without index addresses
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile pyproject.toml --extra embedded --extra jwt --extra tracing --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-emit-package evenhand-protos --no-header -q -o deploy/requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml --extra embedded --extra jwt --extra tracing --group dev --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-emit-package evenhand-protos --no-header -q -o deploy/requirements/development.txt
	@$(BIN)/uv pip compile --group picture -c deploy/requirements/development.txt --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header -q -o deploy/requirements/picture.txt

sbom: $(READY) ## Write what the wheel and the image are made of, as CycloneDX, into .sbom (wants a Docker engine, or IMAGE=name)
	@$(BIN)/python deploy/supply/sbom.py $(if $(IMAGE),--image $(IMAGE))

scan: $(READY) ## Look up known vulnerabilities of the packages that the service runs on
	@$(BIN)/python deploy/supply/scan.py

release-check: $(READY) ## Say what stands in the way of tagging this commit as a version
	@$(BIN)/python deploy/release_check.py

clean: ## Remove .venv, caches and what was generated
	@rm -rf .venv .evenhand .bench .picture .sbom .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f protos/evenhand/v1/*_pb2*
