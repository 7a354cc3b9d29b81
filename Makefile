# One command per chore. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup lab test lint format reference bench clean lock

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(STAMP) ## Create .venv with everything that lab and test need

$(STAMP): pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sptrader_lab needs Python 3.11 or newer; call: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "could not create $(VENV); on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing packages into $(VENV) (once, about two minutes)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' > $(VENV)/share/jupyter/lab/settings/overrides.json
	@touch $@

lab: $(STAMP) ## Open JupyterLab on the quickstart notebook (NO_BROWSER=1 only serves)
	@$(BIN)/jupyter lab $(if $(NO_BROWSER),--no-browser) $(if $(filter 0,$(shell id -u)),--allow-root) \
		--ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks/01_backtest.ipynb

test: $(STAMP) ## Run all tests
	@$(BIN)/python -m pytest -n auto --dist loadgroup

lint: $(STAMP) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP) ## Put the code into its usual layout
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

reference: $(STAMP) ## Write docs/reference.md and the JSON Schema of strategies anew
	@$(BIN)/sptrader-lab strategy reference > docs/reference.md
	@$(BIN)/sptrader-lab strategy schema > sptrader_lab/strategy/schema/strategy.schema.json

bench: $(STAMP) ## Measure speed and memory, also against a peer (installs vectorbt into .venv-bench)
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet -e '.[bench]'
	@.venv-bench/bin/python benchmarks/backtest.py
	@echo; .venv-bench/bin/python benchmarks/sweep.py
	@for each in portfolio leak lookahead cold components; do echo; $(BIN)/python benchmarks/$$each.py || exit 1; done

lock: ## Choose new versions of all packages (needs uv); the lock holds versions and hashes, no addresses
	@uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate --no-emit-index-url -o $(LOCK)

clean: ## Remove environments and caches; data stays
	@rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
