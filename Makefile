# make demo | test | attack | bench | accuracy | lessons | reference | vendor | check | setup. Everything lives in .venv;
# nothing else on the machine is touched.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# whatever a machine says otherwise: the tests start hundreds of processes, each of which would compile everything anew
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo test check attack bench accuracy lessons reference vendor clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@echo 'Installing into .venv: some minutes the first time, while pip says what it fetches.'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --editable . --group dev
	@touch $(STAMP)
	@echo 'Done: everything is in .venv, the commands in $(BIN).'

demo: setup
	$(BIN)/fedglmm demo

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# BLAS on one thread: the tests keep all cores busy by themselves, and its threads would wait for each other
test: check
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

# runs every attack and prints docs/attacks.md
attack: setup
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.attacks

bench: setup
	$(BIN)/python -m benchmarks

accuracy: setup
	$(BIN)/python -m tests.reference.accuracy > docs/accuracy.md.new && mv docs/accuracy.md.new docs/accuracy.md

# docs/reference.md, from the commands, settings and interfaces themselves
reference: setup
	$(BIN)/python -m tests.unit.reference_page > docs/reference.md.new && mv docs/reference.md.new docs/reference.md

lessons: setup
	$(BIN)/python -m benchmarks.lessons

# takes the scripts of others that the pages and their tests need anew, by npm, and checks their hashes
vendor: setup
	$(BIN)/python -m coordinator.dashboard.vendored coordinator/dashboard/static/vendor tests/browser/vendor

clean:
	rm -rf .venv
