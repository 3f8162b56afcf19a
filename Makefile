# Everything runs in .venv, which is built from requirements.lock when it is missing or out of date.

# python3.11 if there is one that starts, else python3, which must then be a 3.11
PYTHON ?= $(if $(shell python3.11 -c 'print(1)' 2>/dev/null),python3.11,python3)
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
UV  := uv==0.13.9

.DEFAULT_GOAL := help
.PHONY: help run test test-slow data lint study tensorboard venv lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: venv  ## run the quickstart experiment; more overrides through ARGS="seed=1 ..."
	$(BIN)/python -m tfrec.run +experiment=quickstart $(ARGS)

test: venv data  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: venv data  ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

# No stamp: the folder ($TFREC_DATA, or ~/.cache/tfrec/data) outlives .venv and serves every checkout, and fetching what
# is there does nothing.
data: venv  ## fetch the datasets that tests read (4 MB)
	@$(BIN)/python -m tfrec.data.fetch movielens_100k open_bandit

lint: venv  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

study: venv  ## go on with a study: make study STUDY=experiments/forgetting/screening.yaml
	$(BIN)/python -m tfrec.study $(STUDY) $(ARGS)

tensorboard: venv  ## look at runs/ in TensorBoard
	$(BIN)/tensorboard --logdir runs

venv: .venv/installed  ## build .venv, or bring it up to date

# Two stamps: a changed lock rebuilds the environment from nothing, a changed setup.cfg only installs tfrec again.
# Each stamp is written last, so an interrupted install is started over by the next call.
.venv/locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "tfrec needs Python 3.11, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)." \
	    "Name one with: make PYTHON=path/to/python3.11 ..." >&2; exit 1; }
	@echo "Installing requirements.lock into .venv (once, takes a few minutes) ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@# Packages without a wheel are built with the locked setuptools too, so that one goes in first.
	@sed -n '/^setuptools==/,/[^\\]$$/p; /^wheel==/,/[^\\]$$/p' requirements.lock > .venv/build.lock
	@$(PIP) --require-hashes --no-deps -r .venv/build.lock
	@$(PIP) --require-hashes --no-deps --no-build-isolation -r requirements.lock
	@touch $@

.venv/installed: .venv/locked setup.cfg pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

lock:  ## resolve setup.cfg anew into requirements.lock
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip install -qq --disable-pip-version-check $(UV)
	build/uv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --all-extras \
	  --generate-hashes --no-annotate --no-emit-index-url --custom-compile-command "make lock" \
	  --output-file requirements.lock setup.cfg

clean:  ## remove .venv and everything else that can be made again (runs/ stays)
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
