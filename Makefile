PYTHON ?= python3
# The processors that make may use itself, which are fewer than the machine's under a batch system.
CORES ?= $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
# One seed takes minutes; the variance between seeds takes more, for example SEEDS="0 1 2".
SEEDS ?= 0
# How many runs of `make paper` go at the same time, each on a GPU of its own.
GPUS ?= 1
# A Snakemake profile for a Slurm cluster, filled in: SLURM=profiles/slurm. Without it, runs go on this machine.
SLURM ?=
# All datasets, or those named here: DATASETS=market1501.
DATASETS ?=
SWEEP = seeds="$(SEEDS)" $(if $(DATASETS),datasets="$(DATASETS)")
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# uv is faster than pip, but does not read pip's configuration: `make UV= test` installs with pip all the same.
UV ?= $(shell command -v uv)
INSTALL = $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check)
# --nolock: after a kill -9 the lock of the dead run would stay, and the command would not go on by itself.
SNAKEMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --nolock --rerun-incomplete --keep-going --quiet rules

# The real annotation files and lists of images for a rehearsal, where they lie beside the checkout.
ANNOTATIONS ?= $(wildcard ../shared/annotations)

.PHONY: reproduce sweep compare results has_data paper rehearse choices backbones strength hardness recovery book test format clean

# Trains and recomputes everything into runs/ and compares it with what is committed, which stays as it is.
reproduce: sweep compare book

sweep: $(STAMP)
	$(SNAKEMAKE) --cores $(CORES) --config $(SWEEP)

compare: $(STAMP)
	$(BIN)/mosaicreid compare

# Replaces the committed results and executed notebooks by this machine's: on purpose only.
results: $(STAMP)
	$(SNAKEMAKE) --cores $(CORES) --config $(SWEEP) results=results executed=book/executed

# Asked for before minutes of installing.
has_data:
	@test -n "$(DATA)" || { echo "make paper needs DATA=DIR with DIR/market1501 and DIR/dukemtmc"; exit 1; }

# Ends in the book, which shows runs/paper/results beside the committed results. GPUS=4 fills four cards of this machine.
paper: has_data $(STAMP)
	$(SNAKEMAKE) $(if $(SLURM),--workflow-profile "$(SLURM)",--cores $(CORES) --resources gpu=$(GPUS)) \
	  --config profile=paper $(SWEEP) data="$(DATA)"
	@$(MAKE) --no-print-directory book

# The same in small, on drawn images and random weights, into runs/rehearse: whether `make paper` will run to its end.
rehearse: $(STAMP)
	$(BIN)/mosaicreid rehearse --cores $(CORES) $(if $(ANNOTATIONS),--annotations "$(ANNOTATIONS)")

# Every open choice and control that is no part of the sweep, beside the usual run; then what each of them changes.
CHOICES_ON = market1501
choices: $(STAMP)
	$(SNAKEMAKE) --cores $(CORES) --config seeds="$(SEEDS)" datasets=$(CHOICES_ON) variants=$(CHOICES_ON) only=choices
	$(BIN)/mosaicreid choices --runs runs/tiny --dataset $(CHOICES_ON) --results runs/tiny/results

# Table 3 on three encoders (the sweep's own, one with rotary positions and gated feed-forward networks, one alone without
# a text tower or pretraining), and whether they rank attributes alike. Takes about as long as three sweeps.
BACKBONES = runs/backbones
backbones: $(STAMP)
	$(SNAKEMAKE) --cores $(CORES) --config $(SWEEP) only=table3 runs=$(BACKBONES)/tiny
	$(SNAKEMAKE) --cores $(CORES) --config $(SWEEP) only=table3 runs=$(BACKBONES)/eva settings="model.architecture=tiny-eva"
	$(SNAKEMAKE) --cores $(CORES) --config $(SWEEP) only=table3 runs=$(BACKBONES)/alone \
	  settings="model.text=none model.weights=random"
	$(BIN)/mosaicreid backbones --runs tiny=$(BACKBONES)/tiny eva=$(BACKBONES)/eva alone=$(BACKBONES)/alone \
	  --data data/tiny $(if $(DATASETS),--datasets $(DATASETS))

# Every process draws and trains its part of the worlds; those that are there already are kept.
worlds = pids=; for part in $$(seq $(CORES)); do \
  OMP_NUM_THREADS=1 $(BIN)/mosaicreid $(1) run --part $$part/$(CORES) & pids="$$pids $$!"; \
done; status=0; for pid in $$pids; do wait $$pid || status=1; done; exit $$status

# Draws some hundred worlds and trains in each: a night. Whatever worlds there are go into results/.
strength: $(STAMP)
	@$(call worlds,strength)
	$(BIN)/mosaicreid strength collect
	$(BIN)/mosaicreid strength coverage

# Draws worlds that differ in one option each and trains a baseline in each: half an hour of two cores.
hardness: $(STAMP)
	@$(call worlds,hardness)
	$(BIN)/mosaicreid hardness collect

# Draws worlds in which chance deals what attributes are worth, and trains Table 3 in each: two to three hours of two cores.
recovery: $(STAMP)
	@$(call worlds,recovery)
	$(BIN)/mosaicreid recovery collect
	$(BIN)/mosaicreid recovery coverage

book: $(STAMP)
	$(BIN)/jupyter-book build book/
	@echo "The book is at $(CURDIR)/_build/html/index.html"

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version), expected Python 3.11 or newer; name another with: make PYTHON=python3.12"; \
	  exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); torch is large, so the first time takes minutes ..."
	@$(INSTALL) --quiet -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

clean:
	rm -rf _build
