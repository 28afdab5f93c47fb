# `make help` lists the targets; each works as the first command in a fresh clone.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DBC := .venv-dbc
DBT := .venv-dbt
KILLS ?= 20

.DEFAULT_GOAL := help
.PHONY: help setup demo claims-demo iot-demo e2e test test-systems quick soak test-servers test-claims test-iot check parity format bench clean pins setup-dbc check-dbc check-dbt

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv, install the pinned packages, fetch the jars, prepare Java

$(READY): requirements-pyspark.txt pyproject.toml src/headwater/machine/jars.py
	@echo "[1/4] Python: $$($(PYTHON) --version 2>&1)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: Python 3.10 to 3.13 is needed"; echo "  fix: make PYTHON=python3.12 setup"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: the venv module is missing"; echo "  fix: install python3-venv"; exit 2; }
	@echo "[2/4] installing the pinned packages (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-pyspark.txt
	@echo "[3/4] installing headwater itself, editable"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@echo "[4/4] jars and Java"
	@$(BIN)/headwater setup
	@touch $(READY)

demo: setup ## three waves of hospital events, an update after each, and what came of it
	@$(BIN)/python scratch/demo.py

claims-demo: setup ## three deliveries of claims, an update after each, and what they cost
	@$(BIN)/python scratch/claims_demo.py

iot-demo: setup ## three waves of devices' events, models and tests after each, reconciled
	@$(BIN)/python scratch/iot_demo.py

e2e: setup ## events from a real broker through Blob storage to gold, every one accounted for
	@$(BIN)/python scratch/e2e.py

test: setup ## the tests of the runtime, in two processes with a Spark session each
	@$(BIN)/python -m pytest -m "not servers and not systems" -n 2 --dist loadfile --no-loadscope-reorder \
	  --durations 10

test-systems: setup ## the tests of patient flow, claims, IoT and metadata-driven jobs
	@$(BIN)/python -m pytest -m "systems and not servers and not claims and not iot" -n 2 --dist loadfile \
	  --durations 10

quick: setup ## format, lint, types and the tests that need no Spark: before each commit
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	@$(BIN)/python -m pytest tests/unit -q -n 2

soak: setup ## kill a running update at KILLS random moments (20), then compare its tables
	@$(BIN)/python -m pytest tests/e2e/test_killed_updates.py --kills $(KILLS)

test-servers: setup ## the tests that start a Kafka broker, Azurite or another emulator
	@$(BIN)/python -m pytest -m servers -n 2 --dist loadscope --durations 10

test-claims: setup ## the tests that run the jobs of claims: full and incremental loads, kills
	@$(BIN)/python -m pytest -m claims -n 2 --dist loadfile --durations 10

test-iot: setup ## the tests that build the models of IoT, and its jobs
	@$(BIN)/python -m pytest -m iot -n 2 --dist loadfile --durations 10

check: setup ## format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

parity: setup ## write docs/parity-reference.md from tests/parity.py
	@$(BIN)/python tests/parity.py

format: setup ## rewrite the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## updates against the same work written by hand; landing and job plans against their limits
	@$(BIN)/python benchmarks/compare.py
	@$(BIN)/python benchmarks/small_updates.py
	@$(BIN)/python benchmarks/landing.py
	@$(BIN)/python benchmarks/job_meta.py

clean: ## delete what runs and builds left here; caches in the home folder stay
	rm -rf $(VENV) $(DBC) $(DBT) .headwater .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build

pins: setup ## work out both requirements files again
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --universal --python-version 3.10 --no-header --no-annotate -q \
	  --group dev --extra build pyproject.toml -o .pins && \
	  { sed -n '/^#/p' requirements-pyspark.txt; cat .pins; } > .pins.new && mv .pins.new requirements-pyspark.txt
	@echo "databricks-connect>=16" | $(BIN)/uv pip compile --universal --python-version 3.10 \
	  --no-header --no-annotate -q - -o .pins && \
	  { sed -n '/^#/p' requirements-dbc.txt; cat .pins; } > .pins.new && mv .pins.new requirements-dbc.txt
	@echo "dbt-databricks>=1.11,<1.12" | $(BIN)/uv pip compile --universal --python-version 3.10 \
	  --no-header --no-annotate -q - -o .pins && \
	  { sed -n '/^#/p' requirements-dbt-databricks.txt; cat .pins; } > .pins.new && \
	  mv .pins.new requirements-dbt-databricks.txt
	@rm -f .pins

setup-dbc: ## databricks-connect in an environment of its own, .venv-dbc
	@$(PYTHON) -m venv $(DBC)
	@$(DBC)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dbc.txt
	@echo "databricks-connect is in $(DBC)"

check-dbc: ## whether requirements-dbc.txt resolves; installs nothing
	@$(PYTHON) -m venv $(DBC)
	@$(DBC)/bin/python -m pip install --quiet --disable-pip-version-check --dry-run -r requirements-dbc.txt
	@echo "requirements-dbc.txt resolves"

check-dbt: setup ## whether dbt/ parses under both adapters, that of a workspace in .venv-dbt
	@$(BIN)/headwater dbt parse
	@$(PYTHON) -m venv $(DBT)
	@$(DBT)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dbt-databricks.txt
	@DATABRICKS_HOST=none DATABRICKS_HTTP_PATH=none DATABRICKS_TOKEN=none DBT_CATALOG=none DBT_TARGET=dev \
	  DBT_SEND_ANONYMOUS_USAGE_STATS=false $(DBT)/bin/dbt parse --project-dir dbt --profiles-dir dbt \
	  --target-path $(CURDIR)/$(DBT)/target --log-path $(DBT)/logs
	@echo "dbt/ parses under dbt-spark and dbt-databricks"
