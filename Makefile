.PHONY: help install demo test lint format clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin

help: ## say what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-9s %s\n", $$1, $$2 }'

install: .venv/installed ## make .venv and install aectl into it

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: install ## train a VAE denoiser on embedded digits, then eval, sample and plot-latent
	$(BIN)/aectl train model=vae task=denoise
	$(BIN)/aectl eval latest
	$(BIN)/aectl sample latest
	$(BIN)/aectl plot-latent latest
	@echo "pictures to look at:"
	@find "$$(ls -td outputs/denoise/vae-digits/*/ | head -1)" -name '*.png' -not -path '*/projector/*' | sort | sed 's/^/  /'

test: install ## run the tests
	$(BIN)/pytest

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was built, but no run
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
