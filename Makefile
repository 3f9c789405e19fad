# Everything a developer or a CI machine runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test coverage check format definitions models lock bench chaos clean

PYTHON ?= python3
# Many tests wait for a program or for a pause, so two cores have work for three.
WORKERS ?= 3
PROJECTS := $(wildcard taps/*/pyproject.toml plugins/*/pyproject.toml)
PACKAGES := $(patsubst %/,%,$(dir $(PROJECTS)))
SET_UP := .venv/.set-up

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-16s %s\n' "$$name" "$$text"; done

setup: $(SET_UP) ## Install everything into .venv (again only if a requirement changed)

$(SET_UP): requirements.lock pyproject.toml $(PROJECTS) scripts/setup scripts/uv-path
	@PYTHON='$(PYTHON)' scripts/setup
	@touch $@

demo: $(SET_UP) ## Run the whole pipeline once on made-up data
	@.venv/bin/crm demo

test: $(SET_UP) ## Run all tests
	@.venv/bin/pytest -n $(WORKERS)

coverage: $(SET_UP) ## Run all tests and tell which lines none of them ran (takes twice as long)
	@rm -f .coverage .coverage.*
	@.venv/bin/pytest -n $(WORKERS) --cov --cov-report=term

check: $(SET_UP) ## Check format, style and types, then run all tests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@scripts/check-types
	@$(MAKE) --no-print-directory test

format: $(SET_UP) ## Format all code and repair what ruff can repair
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .

definitions: $(SET_UP) ## Write the Meltano definitions of the taps and the loader anew
	@.venv/bin/python -m crm_cli.definitions

models: $(SET_UP) ## Write the staging models of the taps' streams anew
	@.venv/bin/python -m crm_cli.transform_models

lock: ## Compile requirements.lock anew (UPGRADE=--upgrade takes newer versions)
	@UV_PYTHON_DOWNLOADS=never "$$(scripts/uv-path '$(PYTHON)')" pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		$(foreach package,$(notdir $(PACKAGES)),--no-emit-package $(package)) $(UPGRADE) \
		--group dev requirements.in --output-file requirements.lock >/dev/null

bench: $(SET_UP) ## Measure speed and memory, and write benchmarks/RESULTS.md
	@.venv/bin/python benchmarks/mysql_to_postgres.py --write benchmarks/RESULTS.md
	@for script in rest_rates hubspot_rates; do echo "== $$script"; .venv/bin/python "benchmarks/$$script.py" || exit 1; done

chaos: $(SET_UP) ## Crash every part of the pipeline at 200 points (POINTS=, SEED=, CHAIN=) and check what is left
	@PYTHONPATH=tests .venv/bin/python -m crash --points $(or $(POINTS),200) --seed $(or $(SEED),1) $(if $(CHAIN),--chain $(CHAIN))

clean: ## Stop our servers and delete everything that was made, their data too
	@if [ -x .venv/bin/python ] && [ -d .crm ]; then .venv/bin/python -m crm_cli.servers destroy .crm; fi
	rm -rf .venv .tools .crm .meltano .cache .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
