# The two commands are `make demo` and `make test`; each sets up what it lacks.
# A machine needs Python 3.11 or newer and make.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.stamps
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(p))))
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export HARDHAT_DISABLE_TELEMETRY_PROMPT = true

.PHONY: demo test network-test goquorum bench soak setup contracts lock check-python clean

demo: $(STAMP)/run $(STAMP)/npm-run  ## issue, anchor, hold, show, verify, revoke; then serve
	@$(BIN)/python -m samples.demo --directory build/demo $(if $(ONCE),--once)

test: setup goquorum  ## everything: lint, types, architecture, contracts, pytest
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	hardhat test solidity
	pytest -n 3 --dist loadfile --ignore tests/network $(PYTEST_ARGS)
	$(networks)

network-test: setup goquorum  ## a network of validators, its nodes on hosts of their own (needs root)
	$(networks)
networks = pytest -n 2 --dist loadfile tests/network $(PYTEST_ARGS)  # after the rest: blocks keep time

GETH := build/goquorum/geth
goquorum: $(if $(ECERT_GETH)$(filter-out Linux,$(shell uname -s)),,$(GETH))  ## build GoQuorum for tests, \
	unless ECERT_GETH names one that is there
$(GETH): networks/goquorum/go.mod networks/goquorum/go.sum networks/qbft/build.py | $(STAMP)/network
	@echo "Building GoQuorum from its sources (a minute or two)"
	@$(BIN)/python -m networks.qbft.build

bench: setup $(STAMP)/npm-peers  ## the figures of docs/benchmarks.md, beside the peers', in one run
	@$(BIN)/python -m benchmarks

soak: setup  ## 20,000 forged packages, a thousand kills; SOAK_ARGS="--kills N --seed N"
	@$(BIN)/python tests/integration/evidence_soak.py $(EVIDENCE_ARGS)
	@$(BIN)/python tests/integration/soak.py $(SOAK_ARGS)

setup: $(STAMP)/dev $(STAMP)/npm-dev  ## all that tests need

contracts: setup  ## compile the contracts and write ecert/chain/artifacts
	npm run --silent build:contracts

lock: $(STAMP)/dev  ## write the lock files anew from pyproject.toml
	$(call compile,-o requirements/run.lock)
	$(call compile,--extra dev -o requirements/dev.lock)
	$(call compile-only,requirements/network.in -o requirements/network.lock)
compile-only = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links $(1)
compile = $(call compile-only,pyproject.toml requirements/build.in $(1))

clean:
	rm -rf build $(VENV) node_modules benchmarks/peers/node_modules

check-python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found on PATH." \
	  "Install it, or run: make PYTHON=/path/to/python3" >&2; exit 1; }

$(STAMP): | check-python
	@echo "Creating the Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $@

install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
package = $(install) --no-build-isolation --no-deps --editable .

$(STAMP)/run: requirements/run.lock pyproject.toml | $(STAMP)
	@echo "Installing what running needs (pinned, with hashes)"
	@test -e $(STAMP)/dev || $(install) --require-hashes -r requirements/run.lock
	@$(package)
	@touch $@

$(STAMP)/dev: requirements/dev.lock pyproject.toml | $(STAMP)
	@echo "Installing what testing needs (pinned, with hashes)"
	@$(install) --require-hashes -r requirements/dev.lock
	@$(package)
	@touch $@

$(STAMP)/network: requirements/network.lock | $(STAMP)/dev
	@echo "Installing what builds GoQuorum (pinned, with hashes)"
	@$(install) --require-hashes -r requirements/network.lock
	@touch $@

$(STAMP)/npm-run: package-lock.json $(STAMP)/run
	@echo "Installing the embedded chain and the font (pinned, with hashes)"
	@test -e $(STAMP)/npm-dev || npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMP)/npm-dev: package-lock.json $(STAMP)/dev
	@echo "Installing the contract toolchain (pinned, with hashes)"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMP)/npm-peers: benchmarks/peers/package-lock.json $(STAMP)/dev
	@echo "Installing the benchmarks' peers (pinned, with hashes)"
	@npm ci --prefix benchmarks/peers --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
