.PHONY: help install demo test test-lowest lint format bench faults tables first-impression presets sweeps codes zoo results photos show-photos measure clean
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
TSC := .venv/node_modules/.bin/tsc

help: ## say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

install: .venv/installed ## make .venv and install aectl into it

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@npm install --silent --no-audit --no-fund --prefix .venv typescript@5.9.3 2>/dev/null || echo "no npm: make lint leaves out the types of aectl/explorer/web"
	@command -v npm >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --editable '.[explore]'
	@$(BIN)/python -m aectl.explorer.fetch_runtime || echo "the pages of aectl explore will show pictures decoded beforehand"
	@touch $@

demo: install ## train two VAEs on embedded digits: eval the one that denoises, sample and plot-latent the other
	$(BIN)/aectl train model=vae task=denoise
	$(BIN)/aectl eval latest
	$(BIN)/aectl train model=vae
	$(BIN)/aectl sample latest
	$(BIN)/aectl plot-latent latest
	$(BIN)/aectl explore latest
	@echo "pictures to look at:"
	@find $$(ls -td outputs/denoise/vae-digits/*/ | head -1) $$(ls -td outputs/reconstruct/vae-digits/*/ | head -1) \
		\( -name '*.png' -o -name index.html \) -not -path '*/projector/*' | sort | sed 's/^/  /'

test: install ## run the tests
	$(BIN)/pytest

test-lowest: install ## run the tests with the lowest supported versions of the dependencies
	$(BIN)/uv venv --quiet --seed --allow-existing --python $(PYTHON) .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct --editable '.[test]'
	.venv-lowest/bin/pytest

lint: install ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if [ -x $(TSC) ]; then $(TSC) -p aectl/explorer/web/jsconfig.json; fi

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: install ## write the table of choices in docs/ from the configs
	$(BIN)/python -m docs.tables

bench: install ## measure the speed beside hand-written loops and pythae, by turns: forty minutes on a quiet machine
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m docs.tables bench

faults: install ## inject the faults of docs/reliability.md, twenty times as often as the tests do: six minutes
	AECTL_FAULTS=20 $(BIN)/python -m tests.faults
	$(BIN)/python -m docs.tables faults

RESULTS := outputs/results
TRAIN := $(BIN)/aectl train hydra.run.dir=$(RESULTS)

first-impression: install ## train and evaluate the defaults of every task that restores: six hours on two cores
	$(BIN)/python -m docs.first_impression

presets: install ## train the presets of the lesson and of the Keras blog on Fashion-MNIST: five hours on two cores
	$(BIN)/python -m docs.published_presets

sweeps: install ## run the grid and the search of docs/sweeps.md with one worker and with two: twenty minutes on two cores
	$(BIN)/python -m docs.sweep_example

codes: install ## train a VQ-VAE on clothes and a prior over its codes, and draw its samples: ten minutes on two cores
	$(BIN)/python -m docs.code_samples

zoo: install ## train, measure and draw every model of docs/zoo.md that has no row yet: forty minutes on two cores
	$(BIN)/python -m docs.zoo

results: install ## train, measure and draw docs/results.md on Fashion-MNIST: an hour on two cores
	rm -rf $(filter-out %/zoo %/presets %/sweeps %/codes %/first_impression,$(wildcard $(RESULTS)/*))
	for k in 2 8 16 32 64; do $(TRAIN)/ae-$$k experiment=reconstruct model.latent_dim=$$k || exit; done
	$(TRAIN)/ae-32-digits experiment=reconstruct dataset=digits_28
	for name in vae latent_2d denoise_light denoise bottleneck super_res super_res_x4; do \
	    $(TRAIN)/$$name experiment=$$name || exit; done
	$(MAKE) measure

HELD_OUT := $(RESULTS)/held_out

photos: install ## train a denoiser and an enlarger of photographs and show them on one held out: 25 minutes
	rm -rf $(RESULTS)/photos_denoise $(RESULTS)/photos_super_res $(HELD_OUT)
	for name in photos_denoise photos_super_res; do $(TRAIN)/$$name experiment=$$name || exit; done
	$(MAKE) show-photos

show-photos: install
	$(BIN)/python -m docs.photos prepare
	for name in photos_denoise photos_super_res; do \
	    $(BIN)/aectl eval $(RESULTS)/$$name && \
	    $(BIN)/aectl predict $(RESULTS)/$$name input=$(HELD_OUT)/$$name output=$(HELD_OUT)/$$name-restored \
	        overwrite=true compare=true reference=$(HELD_OUT)/truth || exit; done
	$(BIN)/python -m docs.photos show

measure: install
	for run in $(filter-out denoise photos_% held_out zoo presets sweeps codes first_impression,$(notdir $(wildcard $(RESULTS)/*))); do $(BIN)/aectl eval $(RESULTS)/$$run || exit; done
	$(BIN)/aectl eval -m $(RESULTS)/denoise task=denoise task.sigma=0.2,0.3,0.5
	$(BIN)/aectl eval $(RESULTS)/ae-32 $(RESULTS)/ae-32-digits dataset=fashion_mnist,digits_28
	$(BIN)/aectl sample $(RESULTS)/vae
	$(BIN)/aectl plot-latent $(RESULTS)/vae
	$(BIN)/aectl plot-latent $(RESULTS)/latent_2d
	$(BIN)/python -m docs.tables results

clean: ## remove what was built, but no run
	rm -rf .venv .venv-lowest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
