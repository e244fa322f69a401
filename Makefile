# Each target does its own set-up: on a fresh machine with Python, git and make, `make train` and `make test` are enough.
# A stamp in the virtual environment says what is installed; a second call starts at once, without touching pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help train test test-oldest check soak bench pictures docs docs-check clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

train: $(VENV)/.all  ## train the MNIST ConvNet with its hooks live on screen; ARGS="..." is passed on
	@$(BIN)/hooktrace train $(ARGS)

# Two processes, each with one thread for torch: torch's own threads spin while they wait for one another, which makes
# two trainings at once ten times slower.
test: $(VENV)/.test  ## run the whole test suite; ARGS="..." goes to pytest
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

# The oldest Lightning that pyproject.toml allows, in an environment that borrows everything else from $(VENV).
OLDEST := .venv-oldest
OLDEST_LIGHTNING := 2.5.0
OLDEST_TESTS := tests/record tests/analyze/test_why.py

test-oldest: $(OLDEST)/.test  ## run what Lightning can break on the oldest Lightning that is supported
	@$(OLDEST)/bin/python -c 'import lightning; assert lightning.__version__ == "$(OLDEST_LIGHTNING)"'
	@$(OLDEST)/bin/python -m pytest $(OLDEST_TESTS) $(ARGS)

check: $(VENV)/.test  ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/cli/test_imports.py

soak: $(VENV)/.test  ## the slow proofs
	@$(BIN)/python -m pytest -m soak $(ARGS)

bench: $(VENV)/.bench  ## measure (ARGS="NAME ..." only some of benchmarks/), and make docs/performance.md of it
	@$(BIN)/python -m benchmarks.suite $(ARGS)
	@$(BIN)/python -m benchmarks.render

pictures: $(VENV)/.all  ## train the demo and make the pictures of docs/images; ARGS="..." goes to the demo
	@$(BIN)/python docs/pictures.py $(ARGS)

docs: $(VENV)/.test  ## run all commands of the tutorial and the questions, and put their output there
	@$(BIN)/python docs/build.py $(ARGS)

docs-check: $(VENV)/.test  ## say whether `make docs` would change more than times
	@$(BIN)/python docs/build.py --check $(ARGS)

clean:  ## remove the virtual environment and what tools leave behind
	rm -rf $(VENV) $(OLDEST) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

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

$(VENV)/.bench: $(VENV)/.test
	$(INSTALL) --editable '.[bench]'
	@touch $@

SITE := import sysconfig; print(sysconfig.get_path("purelib"))

$(OLDEST)/.test: $(VENV)/.test
	$(BIN)/python -m venv --clear $(OLDEST)
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" \
		> "$$($(OLDEST)/bin/python -c '$(SITE)')/borrowed.pth"
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-installed \
		lightning==$(OLDEST_LIGHTNING) pytorch-lightning==$(OLDEST_LIGHTNING)
	@touch $@
