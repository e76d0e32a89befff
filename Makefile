# `make demo` and `make test` need nothing before them but Python 3.11 or newer, make and git.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

# One torch thread a worker: more of them than cores only wait for each other.
PYTEST := SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: demo test lint slow bench format clean
.DELETE_ON_ERROR:

demo: .venv/.installed
	MPLBACKEND=Agg $(BIN)/python examples/plot_quickstart.py demo

test: lint
	$(PYTEST) --cov --cov-report=term --cov-fail-under=95

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(git ls-files 'mmsk/*.py')

slow: .venv/.installed-test
	$(PYTEST) -m slow

# Alone on the machine, or the ratios mean little.
bench: .venv/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

format: .venv/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo build dist *.egg-info .coverage* .cache .mypy_cache .pytest_cache .ruff_cache

# The stamps let a second call start at once; a changed dependency installs again.
.venv/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.installed-test: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch .venv/.installed $@

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mmsk needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) comes without venv or ensurepip. On Debian and Ubuntu: apt install python3-venv; or name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
