# pssp: what can be done with this checkout. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
# Where demo and load tool find the command.
PSSP := target/debug/pssp
API_TOOLS := target/tools/api
DENY_TOOLS := target/tools/deny
PAGE_TOOLS := target/tools/page
EXAMPLE := examples/third-party-backend

include docker/images.mk kubernetes/kubernetes.mk infra/aws.mk

.PHONY: help setup setup-test setup-lint build test check-api check-example check-page e2e matrix promises lint check-crates third-party demo up lambda bench load train docs clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

setup: ## Check that what the build needs is there; installs nothing that is
	@scripts/setup.sh

build: setup ## Build the command `pssp` (development profile, predictor optimised)
	$(CARGO) build --locked -p pssp

setup-test:
	@scripts/setup.sh test

# Many tests wait for servers and clocks, so twice as many run at a time as there are processors.
test e2e matrix: export RUST_TEST_THREADS ?= $(shell expr 2 '*' $$(nproc))

test: setup-test check-manifests check-alerts check-aws aws-local-stack check-api $(PAGE_TOOLS)/installed ## Run every test
	$(CARGO) test --locked --workspace
	@$(MAKE) --no-print-directory check-example

# It is a workspace of its own, as a crate of somebody else would be. The versions of its dependencies are ours.
check-example: ## Check that the example of a backend of somebody else builds
	cp Cargo.lock $(EXAMPLE)/Cargo.lock
	$(CARGO) check --manifest-path $(EXAMPLE)/Cargo.toml --target-dir target

# Once; afterwards the check works without a network.
$(API_TOOLS)/installed: scripts/api/requirements.txt
	rm -rf $(API_TOOLS)
	python3 -m venv $(API_TOOLS)
	$(API_TOOLS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

promises: setup-test ## Run the contract on every backend, and write the README's table of promises
	$(CARGO) build --locked -p pssp -p pssp-local-postgres -p pssp-aws-local -p pssp-api -p pssp-worker
	scripts/promises.py target/debug

# Once; what checks the pages: the types of their script, and their accessibility.
$(PAGE_TOOLS)/installed: scripts/page/package.json scripts/page/package-lock.json
	@scripts/setup.sh page
	rm -rf $(PAGE_TOOLS)
	mkdir -p $(PAGE_TOOLS)
	cp $^ $(PAGE_TOOLS)
	cd $(PAGE_TOOLS) && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

check-page: $(PAGE_TOOLS)/installed ## Check the types in the script of the pages
	@$(PAGE_TOOLS)/node_modules/.bin/tsc --project scripts/page/tsconfig.json

check-api: setup-test $(API_TOOLS)/installed ## Check a running service against openapi.json, also with a client made from it
	$(CARGO) build --locked -p pssp
	@scripts/api/check.sh $(PSSP) $(API_TOOLS)/bin

e2e: setup-test $(PAGE_TOOLS)/installed ## Run the end-to-end suite on every platform
	$(CARGO) build --locked --workspace --bins
	$(CARGO) test --locked -p pssp-e2e

matrix: setup-test $(PAGE_TOOLS)/installed ## The same, and write the README's table of it
	$(CARGO) build --locked --workspace --bins
	scripts/matrix.py $(CARGO) test --locked -p pssp-e2e --test it -- --skip matrix::

# Once; afterwards the check works without a network, apart from the database of known faults.
$(DENY_TOOLS)/installed: scripts/deny/requirements.txt
	rm -rf $(DENY_TOOLS)
	python3 -m venv $(DENY_TOOLS)
	$(DENY_TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

setup-lint:
	@scripts/setup.sh lint

check-crates: setup-lint $(DENY_TOOLS)/installed ## Check the crates of others: licences, known faults, doubles, sources; and their notices
	@scripts/deny/check.sh $(DENY_TOOLS)/bin/cargo-deny
	@scripts/third-party/notices.py --check

third-party: ## Write THIRD-PARTY.txt anew, after a change of Cargo.lock
	@scripts/third-party/notices.py

lint: setup-lint check-crates check-page ## Check format, lints, crates of others, documentation, and that generated pages are current
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet
	@scripts/docs.sh --check

demo: build ## Predict real proteins through the service and set them beside known structures
	@scripts/demo.sh $(PSSP)

up: build ## Run the service on http://127.0.0.1:5000 until Ctrl-C; jobs stay in pssp.db
	@exec $(PSSP) serve

lambda: setup ## Run both functions as Lambda would, on http://127.0.0.1:5000, until Ctrl-C; jobs are not kept
	@scripts/aws-stand-ins.sh
	$(CARGO) build --locked -p pssp-api -p pssp-worker -p pssp-aws-local
	@exec target/debug/pssp-aws-local

bench: ## Measure parsing, prediction, formats, group commit, and drains through Redis and PostgreSQL
	@scripts/setup.sh test
	$(CARGO) bench --locked -p pssp-bench -p pssp-backend-sqlite -p pssp-backend-redis -p pssp-backend-postgres

load: setup ## Measure the service under load: submits, finishes, p50 and p99
	$(CARGO) build --locked --release -p pssp -p pssp-bench
	target/release/pssp-load --server target/release/pssp

train: ## Train the model anew (see training/README.md; DATA=folder of the training sets)
	@test -d "$(DATA)" || { echo "train: give the folder of the training sets: make train DATA=path" >&2; exit 2; }
	$(MAKE) -C training model DATA="$(abspath $(DATA))"

docs: build ## Write the generated pages of docs/ and openapi.json anew
	@scripts/docs.sh

clean: ## Remove what was built
	$(CARGO) clean
