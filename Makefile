# The commands of this repository; `make help` lists them. Every recipe is a plain command that can
# be typed as well: the logic lives in xtask and in the binaries, not here. Kept to what GNU make
# 3.81 knows, the one that macOS ships.

CARGO ?= cargo
# Options for `make serve`, e.g. ARGS="--http 127.0.0.1:9000".
ARGS ?=
# ONNX Runtime sends usage data to its maker unless this is set; Python loads it as well.
export ORT_DISABLE_TELEMETRY := 1

TARGET := $(or $(CARGO_TARGET_DIR),target)
XTASK := $(TARGET)/release/xtask
CATALOGUE := .cache/features/catalogue.jsonl
USERS := .cache/features/users.jsonl
STORE := .cache/features/ml100k.redb
PYTHON ?= python3
VENV := .cache/venv
CLIENTS := gateway/tests/python
BENCH_MODELS := bench/models
BENCH_VENV := .cache/venv-bench
# The criterion benches; the others measure whole processes.
CRITERION := -p breaker -p gateway -p inference-actor --bench gate --bench parsing --bench arena --bench mailbox

# Servers that tests start for real, by their Debian packages.
TEST_PACKAGES := prometheus redis-server

.DEFAULT_GOAL := help
# Steps build on each other, and cargo uses all cores by itself.
.NOTPARALLEL:
.PHONY: help serve build test test-benches test-clients test-openapi attack attack-quick bench bench-hot-path \
	bench-models bench-protection fetch lint tools fetch-first test-packages
SCHEMATHESIS := 4.32.5
OPENAPI_VENV := .cache/venv-openapi

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

serve: build ## fetch and build what is missing, start the gateway with the shipped model
	@exec $(TARGET)/release/gateway $(ARGS)

build: fetch-first ## the release binaries and the fetched files they need
	@$(CARGO) build --release -p xtask -p gateway -p loadtest
	@$(XTASK) fetch
	@$(XTASK) features
	$(call import,release)

test: fetch test-packages ## every test; fetches what is missing first
	@$(XTASK) features
	@$(XTASK) tidy
	@# Builds all that the tests start. That the gateway has tests of its own in gateway/tests makes
	@# cargo put its binary in place, which then fills the store that the tests read.
	@$(CARGO) test --workspace --no-run
	$(call import,debug)
	@$(CARGO) test --workspace
	@$(MAKE) --no-print-directory test-benches
	@$(MAKE) --no-print-directory attack-quick
	@$(MAKE) --no-print-directory test-openapi
	@$(MAKE) --no-print-directory test-clients

# Root installs what is missing. Anyone else is told what the tests leave out and how to get it.
# RUNLEVEL=1 keeps the packages from starting their servers: tests start their own on free ports.
test-packages:
	@missing=""; for package in $(TEST_PACKAGES); do \
		dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "installing the servers that tests start:$$missing" && \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
				apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else \
			echo "left out: the tests that need$$missing; install them with" \
				"\`sudo apt-get install$$missing\`"; \
		fi; \
	}

# Without --bench, criterion runs each once and measures nothing.
test-benches: ## every criterion bench, once
	@$(CARGO) test --quiet $(CRITERION)

# About 45 s of generated requests, legal and illegal, against what /openapi.json promises.
test-openapi: ## schemathesis against /openapi.json
	@$(CARGO) build --quiet -p gateway
	@$(OPENAPI_VENV)/bin/schemathesis --version 2>/dev/null | grep -q $(SCHEMATHESIS) || { \
		python3 -m venv $(OPENAPI_VENV) && \
		$(OPENAPI_VENV)/bin/pip install --quiet --disable-pip-version-check schemathesis==$(SCHEMATHESIS); \
	}
	@gateway/tests/schemathesis.sh $(OPENAPI_VENV)/bin/schemathesis $(TARGET)/debug/gateway

# Standard library only. About a minute; latency and memory are judged by `make attack`.
attack-quick: ## small attacks on the debug gateway: ends of connections, statuses, leaks
	@$(CARGO) build --quiet -p gateway
	@$(PYTHON) -B gateway/tests/attack/attack.py $(TARGET)/debug/gateway --quick

attack: build ## attacks on the release gateway, family by family: about six minutes
	@$(PYTHON) -B gateway/tests/attack/attack.py $(TARGET)/release/gateway $(ARGS)

# The environment is made anew when the list of clients changes.
test-clients: ## the gateway against public clients and ONNX's operator tests, in Python
	@$(CARGO) build -p gateway --bin gateway --example rank
	@if ! cmp -s $(CLIENTS)/requirements.txt $(VENV)/requirements.txt; then \
		echo "installing the clients into $(VENV)"; \
		$(PYTHON) -m venv $(VENV) && \
		$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $(CLIENTS)/requirements.txt && \
		cp $(CLIENTS)/requirements.txt $(VENV)/requirements.txt; \
	fi
	@FUSEBOX_GATEWAY=$(abspath $(TARGET))/debug/gateway \
		$(VENV)/bin/python -m pytest -q -p no:cacheprovider -W ignore::RuntimeWarning $(CLIENTS)

# A bar that is missed in one part must not keep the others from being measured.
bench: ## every bench: over an hour, on a machine that does nothing else
	@status=0; \
	$(MAKE) --no-print-directory bench-protection || status=1; \
	$(MAKE) --no-print-directory bench-hot-path || status=1; \
	exit $$status

# ARGS="--quick" makes its last part, the gateway against its bars, a look of a minute.
bench-hot-path: build bench-models ## what a request costs beyond its model, capacity, memory: 25 minutes
	@$(CARGO) build --release -p bench
	@mkdir -p .cache/bench
	@status=0; \
	$(CARGO) bench $(CRITERION) || status=1; \
	$(TARGET)/release/bench --json .cache/bench/bench.json $(ARGS) || status=1; \
	exit $$status

# Written anew when the list of packages or what writes them changes.
bench-models: ## the models and request bodies of the floor comparison, by Python
	@if ! cmp -s $(BENCH_MODELS)/requirements.txt $(BENCH_VENV)/requirements.txt; then \
		echo "installing onnx into $(BENCH_VENV)"; \
		$(PYTHON) -m venv $(BENCH_VENV) && \
		$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check \
			-r $(BENCH_MODELS)/requirements.txt && \
		cp $(BENCH_MODELS)/requirements.txt $(BENCH_VENV)/requirements.txt; \
	fi
	@if [ ! -f .cache/bench-models/bodies/bodies.json ] || \
		[ -n "$$(find $(BENCH_MODELS) models/ml100k_din -type f -newer .cache/bench-models/bodies/bodies.json)" ]; then \
		$(BENCH_VENV)/bin/python -B $(BENCH_MODELS)/make_models.py .cache/bench-models; \
	fi

bench-protection: build ## the breaker simulated with every seed; self-protection, supervision, load generator live
	@status=0; \
	$(CARGO) run --release -p breaker --example detection_table || status=1; \
	$(CARGO) bench --no-fail-fast -p gateway --bench self_protection --bench supervision || status=1; \
	$(CARGO) bench -p loadtest --bench checks || status=1; \
	exit $$status

fetch: tools ## ONNX Runtime and MovieLens 100K into .cache/, each checked by sha256
	@[ -x $(XTASK) ] || echo "building the set-up tool first (about a minute)"
	@$(CARGO) build --quiet --release -p xtask
	@$(XTASK) fetch

lint: tools ## formatting, clippy, the architecture's invariants, dependencies
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(CARGO) xtask tidy
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check; \
	else \
		echo "dependencies not checked: cargo-deny is not installed (cargo install cargo-deny)"; \
	fi

# On a fresh machine the fetch comes before the long build, so that a missing network or pip shows
# within a minute. Later on it would only cost a second start of cargo.
fetch-first: tools
	@if [ ! -f .cache/ml-100k/.stamp ] || ! ls .cache/onnxruntime/*/.stamp >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory fetch; \
	fi

tools:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
		echo "error: cargo is missing: install Rust with rustup (https://rustup.rs), open a new" \
			"shell and run make again" >&2; exit 69; }
	@command -v cc >/dev/null 2>&1 || { \
		echo "error: cc is missing, which Rust links with: install a C compiler (Debian and" \
			"Ubuntu: apt-get install build-essential; macOS: xcode-select --install)" >&2; \
		exit 69; }
	@$(CARGO) --version >/dev/null || { \
		echo "error: cargo cannot start the toolchain that rust-toolchain.toml names:" \
			"run rustup toolchain install" >&2; exit 69; }

# $(call import,PROFILE): the feature store, where an input or the importer itself is newer. The
# gateway writes it beside and renames it, so a running gateway keeps the one it has open.
define import
@if [ ! -f $(STORE) ] || \
	[ -n "$$(find $(CATALOGUE) $(USERS) $(TARGET)/$(1)/gateway -newer $(STORE))" ]; then \
	$(TARGET)/$(1)/gateway import --catalogue $(CATALOGUE) --users $(USERS) --out $(STORE); \
fi
endef
