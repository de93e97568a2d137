# A newcomer needs `make run` and `make test`; both need Python 3.11+ and make, nothing else.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install run test check format soak sim bench schema lock clean

help:
	@echo "make run     start a server on this machine"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import contracts, tests"
	@echo "make soak    the long forms of the race, kill and fuzz tests"
	@echo "make sim     a shop's random life; SEED=7 STEPS=300 lives one again"
	@echo "make bench   the benchmarks"
	@echo "make schema  draw schema.sql anew from the migrations"
	@echo "make lock    draw the lock files anew from pyproject.toml"

install: .venv/.run

.venv/.run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: .venv/.run
	$(BIN)/largesse serve

# Two processes, each with a server of its own. `.venv/bin/pytest PATH` runs some tests in one.
TESTS := $(BIN)/pytest --numprocesses 2 --dist loadfile

test: .venv/.dev
	$(TESTS)

check: .venv/.dev
	$(BIN)/ruff format --check src tests bench examples
	$(BIN)/ruff check src tests bench examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TESTS)

format: .venv/.dev
	$(BIN)/ruff format src tests bench examples
	$(BIN)/ruff check --fix src tests bench examples

soak: .venv/.dev
	LARGESSE_SOAK=1 $(BIN)/pytest -m soak

sim: .venv/.dev
	SEED=$(SEED) STEPS=$(STEPS) $(BIN)/pytest tests/simulation

bench: .venv/.dev
	$(BIN)/python -m bench $(BENCH)

schema: .venv/.dev
	$(BIN)/python -m tests.schema > src/largesse/store/schema.sql.new
	mv src/largesse/store/schema.sql.new src/largesse/store/schema.sql

lock: .venv/.dev
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --constraint requirements/run.txt --output-file requirements/dev.txt

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
