# `make` alone prints what it can do. The commands themselves are plain: each recipe is what you would type.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
INSTALLED := .venv/.installed
TESTS ?= tests
PYTEST_ARGS ?=
# Two processes, each on one thread: threads that wait for one another on busy cores cost more than they save.
JOBS ?= 2
CLOCK_ARGS ?=
MUTANTS_ARGS ?=
NIGHT_ARGS ?=
# A file's tests stay in one process, because they share what was made for the file.
IN_JOBS = $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile)
# What the targets of their own run: minutes long, or in need of a machine that not everybody has.
ELSEWHERE := not slow and not slurm and not browser and not gpu and not cluster
SHELL_SCRIPTS = $(shell find .ci launch slurm tests -type f \( -name '*.sh' -o -name '*.sbatch' -o -path '.ci/run' \) | sort)
PROSE = README.md CHANGELOG.md Makefile .ci configs emotalk etl launch slurm tests train.py

.PHONY: help setup demo example-model proof-real reproduce test test-dist test-slow test-gpu test-slurm test-cluster test-browser drill drill-etl drill-slurm clocks fuzz mutants lint type fmt bench bench-scale lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## .venv with everything in it, at the versions of constraints.txt (PYTHON=python3.12 to choose)

$(INSTALLED): pyproject.toml constraints.txt launch/setup.sh
	bash launch/setup.sh
	touch $@

demo: setup ## corpus, shards, training, figures and a video (SOURCE=folder of clips, DEMO_DIR=demo)
	bash launch/demo.sh

example-model: setup ## the model of emotalk/pretrained/example anew, from drawn faces (WORK=demo/example, OUTPUT=DIR)
	bash launch/example_model.sh

reproduce: setup ## the report: shards, both stages, figures of 40 videos (SOURCE=CREMA-D; DRY_RUN=1 says hours and GB)
	bash launch/reproduce.sh

proof-real: setup ## learn one man's half hour of real sentences, an hour's training, and measure it against limits (SOURCE, MORE)
	bash launch/proof_real.sh

test: setup ## all CPU tests (TESTS=tests/unit/losses, PYTEST_ARGS=-x to narrow them; JOBS=1: in one process)
	$(if $(IN_JOBS),OMP_NUM_THREADS=1) $(BIN)/python -m pytest -m "$(ELSEWHERE)" $(IN_JOBS) $(PYTEST_ARGS) $(TESTS)

test-dist: setup ## the tests of several processes on this machine, the long ones too
	$(BIN)/python -m pytest -m "distributed" $(PYTEST_ARGS) $(TESTS)

test-slow: setup ## the tests that take minutes: compiling, whole corpora, servers killed half way
	$(BIN)/python -m pytest -m "slow and not distributed and not slurm and not browser and not gpu and not cluster" $(PYTEST_ARGS) $(TESTS)

drill: setup ## kill trainings at random moments, start them again, compare with undisturbed ones
	$(BIN)/python -m tests.distributed.drill

test-gpu: setup ## the tests that need a CUDA device; writes a dated record to tests/gpu/records
	$(BIN)/python -m pytest -m "gpu" $(PYTEST_ARGS) $(TESTS)

test-slurm: setup ## the tests that need Slurm: on pairs of nodes started on this machine (Debian, root)
	$(BIN)/python -m tests.slurm.side_by_side $(PYTEST_ARGS)

test-cluster: setup ## the ETL on Ray clusters started on this machine: by address, job, ssh, with a node lost
	$(BIN)/python -m pytest -m "cluster" $(PYTEST_ARGS) $(TESTS)

clocks: setup ## picture against sound in some 150 clips of every container and odd way of writing times; prints a table
	$(BIN)/python -m tests.media_matrix.run $(CLOCK_ARGS)

fuzz: setup ## damaged and hostile input at every door of the program; prints a table (FUZZ_ARGS="--only yaml --share 0.1")
	$(BIN)/python -m tests.fuzz.run $(FUZZ_ARGS)

drill-etl: setup ## the ETL with its workers and its driver killed at random moments; prints a table
	$(BIN)/python -m pytest -m "slow" -s $(PYTEST_ARGS) tests/pipeline/test_etl_deaths.py

drill-slurm: setup ## a night on the two nodes: preemptions, deaths, full disk, lost folder (NIGHT_ARGS="--minutes 8 --seed 7")
	bash tests/slurm/lab.sh run $(BIN)/python -m tests.slurm.drill_night $(NIGHT_ARGS)

test-browser: setup ## the tests that need a headless Chromium
	$(BIN)/python -m pytest -m "browser" $(PYTEST_ARGS) $(TESTS)

mutants: setup ## faults set into the code, each against the tests of its module (MUTANTS_ARGS="--seed 1 --packages etl")
	$(BIN)/python -m tests.mutants $(MUTANTS_ARGS)

lint: setup ## ruff, yamllint, shellcheck, hadolint, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint --strict .
	$(BIN)/shellcheck --external-sources $(SHELL_SCRIPTS)
	$(BIN)/hadolint launch/container/Dockerfile
	$(BIN)/codespell $(wildcard $(PROSE))

type: setup ## mypy, strict
	$(BIN)/mypy

fmt: setup ## put the code in ruff's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## every script of tests/benchmarks: speed, with the machine it was measured on
	for script in tests/benchmarks/[a-z]*.py; do
	  name=$$(basename "$$script" .py)
	  echo "== $$name"
	  $(BIN)/python -m "tests.benchmarks.$$name"
	done

bench-scale: setup ## a rank and an ETL driver over a million clips: seconds and memory, by simulation
	$(BIN)/python -m tests.benchmarks.bench_scale
	$(BIN)/python -m tests.benchmarks.bench_scale_etl

lock: setup ## write constraints.txt anew from what .venv holds
	{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+[A-Za-z0-9.]+$$//'; } > constraints.new
	mv constraints.new constraints.txt

clean: ## remove caches (never .venv, runs or demo results)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

.ONESHELL:
