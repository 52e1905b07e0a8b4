# `make demo` and `make test` work on a fresh clone: they need Python 3.11–3.14 and a Rust toolchain,
# no root and no Docker, and make their own .venv. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# Build back ends and protoc plug-ins are found on PATH by name.
export PATH := $(CURDIR)/$(BIN):$(PATH)

CARGO := cargo
MANIFEST := --manifest-path native/Cargo.toml
RUST_SOURCES := $(shell find native \( -path native/target -o -path native/fuzz \) -prune -o \
	\( -name '*.rs' -o -name 'Cargo.*' \) -print) .cargo/config.toml

# TenSEAL has wheels for these versions of Python and no others.
PYTHON = $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help demo test faults queries attacks check fuzz sanitize proto docs bench bench-psi kernels memory wheelhouse audit lock clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.built ## run a whole federation and compare its result with the clear answer (ARGS="--size mini")
	$(BIN)/mihe demo $(ARGS)

test: $(VENV)/.built $(VENV)/.dev ## run every Python test (ARGS="-k psi" goes to pytest; "-n 0 -s" to watch one)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

faults: $(VENV)/.built $(VENV)/.dev ## every fault there is a test for, then 100 at random (MIHE_FAULTS=500 more, MIHE_FAULTS_SEED=… again)
	MIHE_FAULTS=$${MIHE_FAULTS:-100} $(BIN)/python -m pytest --timeout 0 -s -m "long or not long" tests/faults $(ARGS)

queries: $(VENV)/.built $(VENV)/.dev ## 2000 random queries against DuckDB, cell by cell (QUERIES=10000 more, SEED=7 others)
	MIHE_RANDOM_QUERIES=$${QUERIES:-2000} $(BIN)/python -m pytest --timeout 0 tests/property/test_{query,union}_plan.py \
		$${SEED:+--hypothesis-seed=$$SEED} $(ARGS)

attacks: $(VENV)/.built $(VENV)/.dev ## play the attacks of docs/threat-model.md, with and without what stands against them
	$(BIN)/python -m tests.attacks.laboratory

check: $(VENV)/.built $(VENV)/.dev ## lint, types, stubs, import contracts, Rust
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest native._core
	$(BIN)/lint-imports
	$(CARGO) fmt $(MANIFEST) --all --check
	$(CARGO) clippy $(MANIFEST) --workspace --all-targets --locked -- -D warnings
	$(CARGO) test $(MANIFEST) --workspace --locked --quiet

# The compiler's own flags for sanitizers are not stable yet; this variable opens them on a stable compiler.
UNSTABLE = RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=native/target/$@
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
COVERAGE := -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares
SECONDS = 60
FUZZED = $(basename $(notdir $(wildcard native/fuzz/fuzz_targets/*.rs)))

fuzz: ## search for a message that brings a party down, SECONDS=60 for each target (needs a C++ compiler)
	$(UNSTABLE) RUSTFLAGS="-Zsanitizer=address --cfg fuzzing $(COVERAGE)" $(CARGO) build --release \
		--locked --manifest-path native/fuzz/Cargo.toml --target $(HOST)
	for target in $(FUZZED); do \
		mkdir -p native/target/fuzz/corpus/$$target; \
		native/target/fuzz/$(HOST)/release/$$target -max_total_time=$(SECONDS) -max_len=4096 -len_control=0 \
			-artifact_prefix=native/target/fuzz/$$target- native/target/fuzz/corpus/$$target; \
	done

sanitize: ## run the Rust tests under AddressSanitizer
	$(UNSTABLE) RUSTFLAGS=-Zsanitizer=address $(CARGO) test $(MANIFEST) --workspace \
		--exclude mihe-native --locked --lib --tests --target $(HOST)

proto: $(VENV)/.dev ## regenerate the stubs beside protos/*.proto
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. \
		--mypy_out=. --mypy_grpc_out=. protos/*.proto

docs: $(VENV)/.built ## write the pages of docs/ that are generated from the code
	$(BIN)/python docs/generate.py

bench: $(VENV)/.built ## print figures, each as a ratio inside one run
	$(BIN)/python -m benchmarks.psi_ecdh $(ARGS)
	$(BIN)/python -m benchmarks.query_dials

bench-psi: $(VENV)/.built ## compare intersections with other engines, installed into .peers (ARGS="--size 2^20 --rounds 1")
	$(BIN)/python -m benchmarks.psi $(ARGS)

KERNELS := mihe-gf128 mihe-fixed-key-aes mihe-group mihe-okvs mihe-vole

kernels: ## time the kernels on one core (ARGS="decode" takes those with that in the name)
	for crate in $(KERNELS); do RAYON_NUM_THREADS=1 $(CARGO) bench $(MANIFEST) --locked --quiet \
		-p $$crate --bench kernels -- --warm-up-time 0.5 --measurement-time 2 $(ARGS); done

memory: $(VENV)/.built ## print what a job costs each process by key (ARGS="--keys 1000000")
	$(BIN)/python -m benchmarks.run_memory $(ARGS)

WHEELHOUSE := dist/wheelhouse

wheelhouse: $(VENV)/.run ## what a machine without network installs mihe from, in dist/wheelhouse
	rm -rf $(WHEELHOUSE)
	$(BIN)/python -m pip download --quiet --require-hashes --only-binary :all: \
		--dest $(WHEELHOUSE) -r locks/run.lock
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(WHEELHOUSE) .
	cp locks/run.lock $(WHEELHOUSE)
	cd $(WHEELHOUSE) && sha256sum * > SHA256SUMS

audit: $(VENV)/.dev ## look the locked packages up in the vulnerability database (needs the network)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r locks/dev.lock

COMPILE := pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --custom-compile-command "make lock" --quiet

lock: $(VENV)/.dev ## pin the declared dependencies again (ARGS="--upgrade" moves them)
	$(BIN)/uv $(COMPILE) --group dev --all-extras $(ARGS) -o locks/dev.lock
	$(BIN)/uv $(COMPILE) --group build --constraint locks/dev.lock -o locks/run.lock

clean: ## remove everything that a build made
	rm -rf $(VENV) native/target native/_core*.so dist .mypy_cache .pytest_cache .ruff_cache \
		.hypothesis .import_linter_cache .peers
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@[ -n "$(PYTHON)" ] || { echo "mihe needs Python 3.11 to 3.14, and found none on PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1; }
	@command -v $(CARGO) >/dev/null || { echo "mihe needs a Rust toolchain (cargo), and found none" \
		"on PATH. https://rustup.rs installs one without root." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: locks/run.lock $(VENV)/.made
	$(BIN)/python -m pip install --quiet --require-hashes -r locks/run.lock
	@touch $@

$(VENV)/.dev: locks/dev.lock $(VENV)/.made
	$(BIN)/python -m pip install --quiet --require-hashes -r locks/dev.lock
	@touch $@

$(VENV)/.built: $(VENV)/.run pyproject.toml $(RUST_SOURCES)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
