# make demo   environment, then the main job on what the project ships
# make test   the whole test suite
# Each target makes the environment that it needs in .venv when there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench evaluate train-demo pose-env clean

demo: $(VENV)/.core
	$(BIN)/magicpose demo --out output/demo

test: $(VENV)/.dev
	$(BIN)/pytest
	$(BIN)/python tests/nodes/run.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.core
	$(BIN)/magicpose bench

$(VENV)/.core: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# MediaPipe needs numpy < 2 and Python 3.9 to 3.12, so it has an environment of its own.
pose-env:
	test -x .venv-pose/bin/python || $(PYTHON) -m venv .venv-pose
	.venv-pose/bin/python -m pip install --quiet 'mediapipe==0.10.21' 'numpy<2'

clean:
	rm -rf $(VENV) output build *.egg-info
