# Each target does its own set-up: on a fresh machine with Python, git and make, `make train` and `make test` are enough.
# A stamp in the virtual environment says what is installed; a second call starts at once, without touching pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help train test check soak bench clean

help:  ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

train: $(VENV)/.all  ## train the MNIST ConvNet with its hooks live on screen; ARGS="..." is passed on
	@$(BIN)/hooktrace train $(ARGS)

test: $(VENV)/.test  ## run the whole test suite; ARGS="..." goes to pytest
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/cli/test_imports.py

soak: $(VENV)/.test  ## the slow proofs
	@$(BIN)/python -m pytest -m soak $(ARGS)

bench: $(VENV)/.test  ## print the figures of benchmarks/
	@$(BIN)/python -m benchmarks.spans
	@$(BIN)/python -m benchmarks.training
	@$(BIN)/python -m benchmarks.reading

clean:  ## remove the virtual environment and what tools leave behind
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hooktrace needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing hooktrace and what it needs (PyTorch is several GB; once only) ..."
	$(INSTALL) --editable '.[all]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing hooktrace, what it needs and the tools for its tests (PyTorch is several GB; once only) ..."
	$(INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/.all
