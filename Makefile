# Everything a developer does here. `make` alone lists it. Needs only python3 (3.11 or later) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CLIENTS := tests/clients/node_modules/.package-lock.json
# The emulator of AWS, apart because its packages differ from ours, and what deploys serverless.yml to it or to AWS.
MINISTACK := build/serverless/ministack/.installed
OSLS := devstack/serverless/node_modules/.package-lock.json
# The packages of cloud functions for this machine's Python.
FUNCTIONS := build/lambda/local/.built
ARGS ?=
# Each file in one process, which shares its fixtures; in the order of tests/conftest.py.
IN_PARALLEL := -n auto --dist loadfile --no-loadscope-reorder
UV_COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock" --quiet

.DEFAULT_GOAL := help
.PHONY: help install up down test check lint types imports schema schema-check settings test-fast bench bench-scoring \
	bench-jobs bench-accounts bench-texts fuzz schedules permissions package-lambda serverless-local bench-lambda serverless-tools lock clean

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# pip is told to want hashes: what is installed is what was locked, byte for byte, and nothing else.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Whybuy needs Python 3.11 or later; name one with: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "The venv module is missing; on Debian and Ubuntu: sudo apt-get install -y python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(INSTALLED)  ## Install everything into .venv

# The official clients of docs/clients.md, for those of the tests that run them. Without npm these are left out.
$(CLIENTS): tests/clients/package-lock.json
	@if command -v npm >/dev/null; then cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
		else echo "npm is not here: the tests of JavaScript clients are left out"; fi

$(MINISTACK): devstack/serverless/ministack.lock
	$(PYTHON) -m venv build/serverless/ministack
	build/serverless/ministack/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

$(OSLS): devstack/serverless/package-lock.json
	@if command -v npm >/dev/null; then cd devstack/serverless && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
		else echo "npm is not here: serverless.yml cannot be deployed, and the tests of that are left out"; fi

$(FUNCTIONS): requirements-lambda-texts.lock requirements-lambda-training.lock devstack/serverless/package.py \
		$(shell find scoring shop workers -name '*.py' -o -name '*.json') | $(INSTALLED)
	$(BIN)/python -m devstack.serverless.package --local
	@touch $@

package-lambda: $(INSTALLED)  ## Build the zips of cloud functions, e.g. ARGS="--arch x86_64"
	$(BIN)/python -m devstack.serverless.package $(ARGS)

serverless-local: $(INSTALLED) $(MINISTACK) $(OSLS) $(FUNCTIONS)  ## Deploy to an emulator of AWS and run a list through it
	$(BIN)/python -m devstack.serverless $(ARGS)

bench-lambda: $(INSTALLED) $(FUNCTIONS)  ## Measure cold starts, calls and memory of cloud functions
	$(BIN)/python -m devstack.bench.functions $(ARGS)

serverless-tools: $(MINISTACK) $(OSLS)  ## Install the emulator of AWS and the deployer

up: $(INSTALLED)  ## Start everything here; options go through ARGS, e.g. make up ARGS="--sample 200"
	@$(BIN)/whybuy up $(ARGS)

down: $(INSTALLED)  ## Stop what `make up` has started
	@$(BIN)/whybuy down

# The tests fill each core with a process of their own: BLAS threads beside them would wait for each other.
test test-fast: export OPENBLAS_NUM_THREADS ?= 1

test: $(INSTALLED) $(CLIENTS) $(MINISTACK) $(OSLS) $(FUNCTIONS)  ## Run the whole test suite, on real MongoDB and Valkey
	$(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

test-fast: $(INSTALLED) $(MINISTACK)
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "not slow" $(ARGS)

check: lint types imports schema-check test-fast  ## Lint, types, imports, schema, quick tests

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports
	$(BIN)/lint-imports --config imports-at-run-time.toml

schema: $(INSTALLED)  ## Print the GraphQL schema into schema.graphql
	$(BIN)/python -m graphql_api.print_schema > schema.graphql.new
	@mv schema.graphql.new schema.graphql

schema-check: $(INSTALLED)
	@$(BIN)/python -m graphql_api.print_schema | diff -u schema.graphql - || \
		{ echo "schema.graphql is stale: run make schema and review the difference"; exit 1; }

settings: $(INSTALLED)  ## Write .env.example and docs/settings.md from shop.settings
	$(BIN)/python -m devstack.settings_docs

permissions: $(INSTALLED)  ## Write docs/permissions.md from the table
	$(BIN)/python -m graphql_api.permissions

schedules: $(INSTALLED)  ## Write deploy/schedules.json from the registry
	$(BIN)/python -m devstack.serverless.schedules > deploy/schedules.json

bench: $(INSTALLED)  ## Measure requests per second and latency
	$(BIN)/python -m devstack.bench.serving $(ARGS)

bench-accounts: $(INSTALLED)  ## Measure what tokens cost, and lists beside sign-ins
	$(BIN)/python -m devstack.bench.accounts $(ARGS)

bench-scoring: $(INSTALLED)  ## Measure training and lists, e.g. ARGS="--products 1000000"
	$(BIN)/python -m devstack.bench.scoring $(ARGS)

bench-jobs: $(INSTALLED)  ## Measure a worker's speed and memory, e.g. ARGS="--jobs 10000"
	$(BIN)/python -m devstack.bench.jobs $(ARGS)

bench-texts: $(INSTALLED)  ## Measure texts under lists, e.g. ARGS="faults" (or latency, grounding)
	$(BIN)/python -m devstack.bench.texts $(or $(ARGS),--help)

fuzz: $(INSTALLED)  ## Attack an API process with random operations and bombs, e.g. ARGS="--cases 2000"
	$(BIN)/python -m devstack.fuzz $(ARGS)

lock: $(INSTALLED)  ## Renew the locked requirements from pyproject.toml
	$(UV_COMPILE) pyproject.toml --all-extras --output-file requirements.lock
	$(UV_COMPILE) pyproject.toml --output-file requirements-prod.lock
	for package in texts training; do $(UV_COMPILE) --group pyproject.toml:lambda-$$package \
		--constraints requirements-prod.lock --output-file requirements-lambda-$$package.lock || exit 1; done
	$(UV_COMPILE) devstack/serverless/ministack.in --output-file devstack/serverless/ministack.lock

clean:  ## Delete the virtual environment and caches; the stack's data stays
	rm -rf $(VENV) tests/clients/node_modules devstack/serverless/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
