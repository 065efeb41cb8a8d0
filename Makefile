# Every target works in a clean clone: the first one called creates .venv and installs what constraints.txt pins.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread for each numerical library: on few cores more threads are slower, and results repeat.
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test test-all check bench docs notebooks starter clean
help:
	@echo "make setup     create .venv and install everything, pinned by constraints.txt"
	@echo "make demo      route and answer a dozen queries, offline"
	@echo "make test      every feature once, under 5 minutes"
	@echo "make test-all  also what is marked slow"
	@echo "make check     ruff and mypy"
	@echo "make bench     speed beside other ways, about ten minutes (BENCH=--quick: two)"
	@echo "make docs      write the generated documents again: JSON schema, command-line reference, picture of the graph"
	@echo "make notebooks run the notebooks of examples/, store their outputs, and write scripts of the same cells"
	@echo "make starter   rebuild the starter router (DATA=folder of train.jsonl, ENCODER=folder of all-MiniLM-L6-v2)"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[all,dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-all: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.bench $(BENCH)

docs: $(STAMP)
	$(BIN)/python -m routerkit.cli.reference

notebooks: $(STAMP)
	$(BIN)/python -m tests.notebooks

starter: $(STAMP)
	$(BIN)/python -m routerkit_training.starter --data "$(DATA)" --encoder "$(ENCODER)" --output-dir router_model/starter

clean:
	rm -rf $(VENV) build dist router_model .mypy_cache .ruff_cache .pytest_cache
