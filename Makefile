# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OUT    := examples/retina/out

.PHONY: demo test check bench clean

demo: $(VENV)/.run
	@tools/system pdf
	@$(BIN)/python -m examples.retina.demo

test: $(VENV)/.test
	@tools/system pdf browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal  # threads of two processes wait for each other

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules audit

# The fast forms, in minutes; benchmarks/speed.md has the commands of the long ones and their figures.
bench: $(VENV)/.bench
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed.overhead --cases 4 --lime 64 --networks resnet18
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed.peers --pictures 8 --rounds 2 --smoothgrad 5 --lime 32
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.speed.scale --measure --cases 50 500

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pfungst needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) -e '.[torch]'
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e '.[torch,torchvision,timm,examples,test,check]'
	@touch $@

$(VENV)/.bench: $(VENV)/.test
	$(PIP) -e '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist
