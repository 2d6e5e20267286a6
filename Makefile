# Every target sets up what it needs; a second run starts at once.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
DEMO_DATA ?= data/synthetic
DEMO_DIR ?= work_dirs/quickstart
# Many threads for tiny tensors only wait for each other.
export OMP_NUM_THREADS ?= 1
# Without compiled files every start takes several times as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install lock demo learn test slow parity lint docs format clean

help:
	@echo "make demo    generate data, train, test and draw a small model (about four minutes on two cores)"
	@echo "make learn   train every method in small for two epochs; fails below the floors of learn.py"
	@echo "make test    the test suite"
	@echo "make slow    the slow tests, but for the exhaustive ones"
	@echo "make parity  every reference case, full-size models too"
	@echo "make lint    style, types, spelling"
	@echo "make docs    the documentation site, in work_dirs/site"
	@echo "make lock    requirements-lock.txt, the versions that .ci/run installs, from the newest ones"
	@echo "make clean   remove the environment, the demo's data and its results"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml setup.py
	bash tools/install.sh $(VENV)
	@touch $@

# PyTorch is left out: which of its builds fits depends on the machine.
lock: $(INSTALLED)
	$(PYTHON) -m uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.10 --upgrade \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	    | grep -vE '^(torch|torchvision|triton|(nvidia|cuda)-[a-z0-9-]+)==' > requirements-lock.txt

demo: $(INSTALLED)
	$(PYTHON) tools/demo.py --out work_dirs/answer.png
	@echo "The shipped model's answer, until yours is trained: work_dirs/answer.png"
	$(PYTHON) tools/data/make_synthetic.py --out $(DEMO_DATA)
	$(PYTHON) tools/train.py configs/quickstart/sentence_encoder.py --work-dir $(DEMO_DIR) --resume \
	    --cfg-options data_root=$(DEMO_DATA) split_root=$(DEMO_DATA)/splits
	$(PYTHON) tools/test.py --load-from $(DEMO_DIR)/best.pth --work-dir $(DEMO_DIR)/test
	$(PYTHON) tools/analysis/draw_predictions.py $(DEMO_DIR)/test/predictions.json --split test --num 16 \
	    --out $(DEMO_DIR)/predictions.png
	@echo "The image: $(DEMO_DIR)/predictions.png"

learn: $(INSTALLED)
	$(PYTHON) tools/analysis/sweep.py configs/comparisons/learn.py --jobs 2

test: $(INSTALLED)
	$(PYTHON) -m pytest -n 2 --dist worksteal

slow: $(INSTALLED)
	SOAK_MINUTES=2 SOAK_KILLS=5 $(PYTHON) -m pytest -n 2 --dist worksteal -m "slow and not exhaustive"

parity: $(INSTALLED)
	$(PYTHON) tests/parity/run.py --brief tests/parity/cases/*/*.json

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

docs: $(INSTALLED)
	$(VENV)/bin/mkdocs build --strict  # with --quiet, warnings do not count

format: $(INSTALLED)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) $(DEMO_DATA) $(DEMO_DIR) build *.egg-info
