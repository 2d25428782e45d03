# `make figures` runs the default study; `make test` runs the checks. Both set up .venv by themselves.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RECIPE := results/Dockerfile
WORKFLOW := results/workflow-report.html
# without an accelerator no job has to wait for its turn with it
TURNS := $(shell command -v nvidia-smi > /dev/null || echo --resources gpu=1000)

.PHONY: help figures workflow-report unlock test test-all pytest browser test-browser test-conda test-slurm test-faults \
    reproduce reliability benchmark lint audit container docs site publish-site lock clean
.DELETE_ON_ERROR:

help:
	@echo "make figures   run the default study: figures, tables, claims and a report in results/"
	@echo "make workflow-report  Snakemake's own report on that run: its graph of rules, its code, how long each took"
	@echo "make unlock    after a run was killed: let the next one in"
	@echo "make test      lint, and the tests on a miniature study"
	@echo "make test-all  the same with the slow tests"
	@echo "make test-browser  open the report in a real browser, which is installed if there is none"
	@echo "make lint      only the linters"
	@echo "make test-conda, test-slurm, test-faults, reproduce"
	@echo "               what a long study meets: environments, a cluster, faults, two runs (docs/reliability.md)"
	@echo "make reliability  put the results of those four into docs/reliability.md"
	@echo "make benchmark  how long the library takes beside bare forward passes and other packages, in results/benchmarks"
	@echo "make audit     bandit on the code, pip-audit on the pinned packages; docs/security.md has the answers"
	@echo "make lock      put the versions that fit pyproject.toml's ranges into envs/; make lock UPGRADE=--upgrade the newest"
	@echo "make container a recipe for a container image with the environments, in $(RECIPE)"
	@echo "make docs      put the figures and numbers of the default study into docs/ and the README, and its keys into config/README.md"
	@echo "make site      the documentation as a site in results/site"
	@echo "make clean     delete the results (the environment stays)"

figures: .venv/pipeline.installed
	@$(BIN)/snakemake --profile profiles/local $(TURNS)
	@echo
	@echo "Report:  results/report.html"
	@echo "Claims:  results/claims.md (and claims.json)"
	@echo "Figures: results/figures/ (PNG, PDF, and the CSV that each one plots)"
	@echo "Tables:  results/tables/ (CSV, Markdown, LaTeX, HTML)"

workflow-report: figures
	@$(BIN)/snakemake --profile profiles/local --report results/unfinished.html > results/logs/report.log 2>&1 \
	    || { cat results/logs/report.log; exit 1; }
	@mv results/unfinished.html $(WORKFLOW)
	@echo
	@echo "Snakemake's report: $(WORKFLOW)"

# a run that was killed leaves its lock behind; unlock only when no other run is going on here
unlock: .venv/pipeline.installed
	$(BIN)/snakemake --unlock

# the linters run while the tests do; two files of tests at a time, as most of the time is Snakemake's start on one core
test: .venv/dev.installed
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

test-all: .venv/dev.installed
	@$(MAKE) --no-print-directory --jobs=2 lint pytest CHOSEN=

CHOSEN := -m "not slow"
pytest: .venv/dev.installed
	OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest $(CHOSEN) --numprocesses 2 --dist loadfile --no-loadscope-reorder

# for the tests of the report, which skip without one: Debian's, or where we may not install that, Playwright's
browser: .venv/dev.installed
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get update -qq \
	    && apt-get install -qq --yes --no-install-recommends chromium; } || $(BIN)/playwright install chromium

test-browser: browser
	$(BIN)/pytest -m browser

# with the slow ones; what they say goes into docs/reliability.md by `make reliability`
test-conda test-slurm test-faults: .venv/dev.installed
	$(BIN)/pytest -m $(@:test-%=%) --junitxml=results/reliability/$(@:test-%=%).xml

reproduce: .venv/dev.installed
	$(BIN)/pytest -m reproduce --junitxml=results/reliability/reproduce.xml

reliability:
	$(BIN)/python tools/reliability.py

# ratios of runs in turn: nothing else should run beside it
benchmark: .venv/dev.installed
	$(BIN)/python benchmarks/run.py

lint: .venv/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/lint-imports
	$(BIN)/mypy

# what is installed; strict: a package that could not be looked up is no success
audit: .venv/dev.installed
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src workflow
	@$(BIN)/pip freeze --exclude-editable > .venv/audited.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement .venv/audited.txt \
	    || { echo "The packages have findings or, where a package or a service was not found, were not audited."; exit 1; }

# needs conda; the recipe is printed from envs/*.yaml
container: .venv/pipeline.installed
	$(BIN)/snakemake --containerize > $(RECIPE) || { rm $(RECIPE); exit 1; }
	@echo "Recipe: $(RECIPE) (docs/cluster.md says how to use it)"

# needs no network; its pages are executed, and a warning is an error
site: .venv/dev.installed
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --builder html docs results/site
	@echo "Site: results/site/index.html"

# to GitHub Pages, for those who may push there; nothing runs this by itself
publish-site: site
	$(BIN)/python -m ghp_import --no-jekyll --push --force results/site

docs: figures
	$(BIN)/python tools/refresh.py
	PYTHONPATH=workflow $(BIN)/python -m study.page

clean:
	find results -mindepth 1 ! -name .gitkeep -delete

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null \
	    || { echo "Python 3.11 to 3.13 is needed; found '$(PYTHON)'. Name one: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv

# Exactly what envs/%.txt locks, by its hashes: with uv, or where that does not find the packages (it does not read
# pip's settings) with pip. Compiled here, as pip does: where Python writes no bytecode, every job would compile torch
# anew, for ten seconds. With TORCH_INDEX, an index of PyTorch's builds for processors alone, CUDA stays out.
.venv/%.installed: envs/%.txt pyproject.toml | .venv/bin/python
	@echo "Installing into .venv: about $(if $(TORCH_INDEX),2,6.5) GB, some minutes"
	@$(call entries,$<,uv) > .venv/uv.txt && $(PIP) --require-hashes --requirement .venv/uv.txt
	@cp $< .venv/$*.txt
ifdef TORCH_INDEX
	@$(call entries,$<,$(CUDA),!) > .venv/$*.txt
	@$(PIP) --no-deps --index-url $(TORCH_INDEX) $$(grep --only-matching --extended-regexp '^torch(vision)?==[0-9.]+' $<)
endif
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes \
	    --requirement .venv/$*.txt 2> /dev/null \
	    || $(PIP) --no-deps --require-hashes --requirement .venv/$*.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
CUDA := torch|torchvision|triton|nvidia-.*|cuda-.*
# the packages of a lock file whose names match, or with ! as a third argument do not
entries = awk '/^[^ \#]/ { keep = $(3)/^($(2))==/ } keep' $(1)

lock: .venv/dev.installed
	$(BIN)/python tools/lock.py $(UPGRADE)
