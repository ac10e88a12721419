# make demo: the default experiment and its report. make test: the checks for every change, in minutes. make test-all: every
# check that needs no Slurm. make test-cluster: those that need one, which they start on this machine (root and Debian's
# slurm-wlm and munge; else they are skipped). make schema: config/schema.json, for editors. make reference: the library's
# public names. All set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo lint test test-all test-cluster format architecture schema reference clean

demo: $(VENV)/installed
	$(BIN)/snakemake report
	@echo "The report: results/digits/report/report.html"

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/snakemake --lint

test: lint
	$(BIN)/python -m pytest -m "not slow" --ignore=tests/cluster

test-all: lint
	$(BIN)/python -m pytest --ignore=tests/cluster

test-cluster: $(VENV)/installed
	$(BIN)/python -m pytest --numprocesses=0 -rs tests/cluster

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile rules

architecture: $(VENV)/installed
	$(BIN)/python docs/draw_architecture.py

schema: $(VENV)/installed
	$(BIN)/python docs/write_schema.py

reference: $(VENV)/installed
	$(BIN)/python docs/write_reference.py
	@echo "The reference: docs/reference/index.html"

# One environment for everything; made anew when the pins change.
$(VENV)/installed: envs/requirements.txt envs/constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit(f"Python 3.11, 3.12 or 3.13 is needed, found {v[0]}.{v[1]}; make PYTHON=python3.12 ...")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement envs/requirements.txt --constraint envs/constraints.txt
	touch $@

clean:
	rm -rf $(VENV) results .snakemake docs/reference build workflow_scripts/*.egg-info
