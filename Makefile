# efmweb: `make demo` is the way in, `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
HEADLESS ?=
# Two test processes: more only fight over the learning tests' cores on a small machine.
JOBS ?= 2
GOLDEN := tests/golden/openapi.yaml
OPENAPI := $(BIN)/python manage.py spectacular --custom-settings practice.api.openapi.SETTINGS --validate --fail-on-warn

export PORT
# Containers often say that bytecode is not to be kept. Processes come by the dozen here, and each would compile torch anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo serve test interop check format openapi pins clean install install-dev python system system-tests

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: install system ## fleets that practise, in the browser: LanguageTable, then PointMass (HEADLESS=1: on the terminal; PORT=8000)
	@$(BIN)/python manage.py demo $(if $(filter 1 true yes,$(HEADLESS)),--headless)

serve: install system ## the site alone: services, web, workers (PORT=8000)
	@$(BIN)/python manage.py serve

test: install-dev system-tests ## the whole suite (ARGS="-k words"; DATABASE_URL and REDIS_URL are used when set)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder $(ARGS)

interop: install-dev ## our exports loaded by lerobot 0.4.4, and what it recorded read here; in an environment of its own (8 GB)
	test -x var/interop/venv/bin/python || $(PYTHON) -m venv var/interop/venv
	var/interop/venv/bin/python -m pip install --quiet lerobot==0.4.4
	$(BIN)/python -m tests.interop.write var/interop/sets
	var/interop/venv/bin/python tests/interop/read.py var/interop/sets
	var/interop/venv/bin/python tests/interop/record.py var/interop/recorded
	$(BIN)/python -m tests.interop.check var/interop/recorded

check: install-dev ## linters, types, import contracts, migrations, OpenAPI
	@$(MAKE) --no-print-directory --output-sync=target -j $(JOBS) types style schema

.PHONY: types style schema
types:
	$(BIN)/mypy

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/djlint templates --check --lint --quiet

schema:
	$(BIN)/python manage.py makemigrations --check --dry-run
	@mkdir -p var
	$(OPENAPI) --file var/openapi.yaml
	diff -u $(GOLDEN) var/openapi.yaml || { echo "$(GOLDEN) is out of date: run make openapi" >&2; exit 1; }

format: install-dev ## put code and templates in their one format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet || true

openapi: install-dev ## write the OpenAPI golden file anew
	$(OPENAPI) --file $(GOLDEN)

pins: ## write constraints.txt anew, from the newest versions that go together
	$(PYTHON) -m venv var/pins
	var/pins/bin/python -m pip install --quiet --upgrade -e '.[dev]'
	{ sed -n '/^#/p' constraints.txt; var/pins/bin/python -m pip freeze --exclude-editable \
		| sed -E 's/^(torch==[0-9.]+)\+.*/\1/'; } > var/constraints.new
	mv var/constraints.new constraints.txt
	rm -rf var/pins

clean: ## remove caches and the virtual environment; var/, your data, stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# --- Installing: a stamp in .venv remembers which pins are installed --------------------------------

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "efmweb needs Python 3.11 or newer, and $(PYTHON) is not: install it, or name one with PYTHON=python3.12" >&2; exit 1; }

$(BIN)/python: | python
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment: on Debian or Ubuntu, apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing efmweb in $(VENV); the first time takes a minute or two."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing efmweb and its tools in $(VENV); the first time takes a minute or two."
	@# What is imported is compiled then, once: that is far less than all of torch and transformers.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.runtime

install: $(VENV)/.runtime

install-dev: $(VENV)/.dev

system: $(BIN)/python
	@$(BIN)/python efmweb/system_packages.py

system-tests: $(BIN)/python
	@$(BIN)/python efmweb/system_packages.py --tests
