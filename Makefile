# `make figures` runs the default study; `make test` runs the checks. Both set up .venv by themselves.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
REPORT := results/snakemake-report.html
SHOWN := results/figures results/tables results/claims.json workflow/report

.PHONY: help figures unlock test test-all test-conda test-slurm test-faults reproduce reliability lint docs clean
.DELETE_ON_ERROR:

help:
	@echo "make figures   run the default study: figures, tables, claims and a report in results/"
	@echo "make unlock    after a run was killed: let the next one in"
	@echo "make test      lint, and the tests on a miniature study"
	@echo "make test-all  the same with the slow tests"
	@echo "make lint      only the linters"
	@echo "make docs      put the figures and numbers of the default study into the README"
	@echo "make clean     delete the results (the environment stays)"

figures: .venv/pipeline.installed
	@$(BIN)/snakemake --profile profiles/local
	@if [ ! -f $(REPORT) ] || [ -n "$$(find $(SHOWN) -newer $(REPORT) | head -n 1)" ]; then \
	    echo "Writing the report"; \
	    $(BIN)/snakemake --profile profiles/local --report results/unfinished-report.html > results/logs/report.log 2>&1 \
	        || { cat results/logs/report.log; exit 1; }; \
	    mv results/unfinished-report.html $(REPORT); \
	fi
	@echo
	@echo "Report:  $(REPORT)"
	@echo "Claims:  results/claims.md (and claims.json)"
	@echo "Figures: results/figures/ (PNG, PDF, and the CSV that each one plots)"
	@echo "Tables:  results/tables/ (CSV, Markdown, LaTeX, HTML)"

# a run that was killed leaves its lock behind; unlock only when no other run is going on here
unlock: .venv/pipeline.installed
	$(BIN)/snakemake --unlock

test: lint
	$(BIN)/pytest -m "not slow"

test-all: lint
	$(BIN)/pytest

# what is tried and survived goes into docs/reliability.md by `make reliability`
test-conda test-slurm test-faults: .venv/dev.installed
	$(BIN)/pytest -m $(@:test-%=%) --junitxml=results/reliability/$(@:test-%=%).xml

reproduce: .venv/dev.installed
	$(BIN)/pytest -m reproduce --junitxml=results/reliability/reproduce.xml

reliability:
	$(BIN)/python docs/refresh.py --reliability results/reliability

lint: .venv/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: figures
	$(BIN)/python docs/refresh.py

clean:
	find results -mindepth 1 ! -name .gitkeep -delete

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null \
	    || { echo "Python 3.11 to 3.13 is needed; found '$(PYTHON)'. Name one: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/%.installed: pyproject.toml | .venv/bin/python
	@echo "Installing into .venv: about 6.5 GB, some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[pipeline$(addprefix $(comma),$(filter-out pipeline,$*))]"
	@touch $@

comma := ,
