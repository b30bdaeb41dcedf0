.PHONY: help install demo test lint format tables results measure clean
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

tables: install ## write the README's table of models, tasks and data sets from the configs
	$(BIN)/python docs/tables.py

results: install ## train, measure and draw what the README shows on Fashion-MNIST: half an hour on two cores
	rm -rf outputs/results
	$(BIN)/aectl train experiment=latent_2d hydra.run.dir=outputs/results/latent_2d
	$(BIN)/aectl train -m experiment=reconstruct,denoise,super_res model=ae,vae hydra.sweep.dir=outputs/results
	$(MAKE) measure

measure: install
	for run in outputs/results/*/checkpoints; do $(BIN)/aectl eval $${run%/checkpoints} || exit; done
	$(BIN)/aectl sample outputs/results/1-reconstruct-vae-fashion_mnist
	$(BIN)/aectl plot-latent outputs/results/1-reconstruct-vae-fashion_mnist
	$(BIN)/aectl plot-latent outputs/results/latent_2d
	$(BIN)/python docs/tables.py results

clean: ## remove what was built, but no run
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
