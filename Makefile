# make demo   the main job on a small graph, about four minutes after installing
# make test   the test suite
# make bench DATA=folder   all measurements on the data sets there, one after another, and one table with targets met and missed
# They make their own virtual environment in .venv and install what they need, once.

PYTHON ?= python3
VENV ?= .venv
LIMIT ?= 900
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check bench clean

demo: $(STAMP)
	$(BIN)/python -m kplm.demo

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	@test -n "$(DATA)" || (echo "make bench needs the folder of the data sets: make bench DATA=folder" && exit 2)
	$(BIN)/python -m benchmarks "$(DATA)" --limit $(LIMIT)

$(STAMP): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --progress-bar on -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
