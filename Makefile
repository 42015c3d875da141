# Each target is one line to a script or a tool; `make demo` and `make test` bring along what they need.
PY := .venv/bin/python

.PHONY: demo test unit e2e e2e-all check corpus bench corpus-lint corpus-fix docs record format venv clean

demo: .venv/.runtime  ## rewrite the Flask fixture, with an engine of our own if none answers
	$(PY) scripts/engine.py scripts/demo.sh

test: unit e2e  ## everything

unit: .venv/.dev  ## unit and golden tests: no engine
	$(PY) -m pytest -n 2 -m "not engine and not index"

e2e: .venv/.dev  ## end to end, on a real engine
	$(PY) scripts/engine.py --optional $(PY) -m pytest -m "engine or index" -n 2 --dist loadfile

e2e-all: .venv/.dev  ## every fixture, the large ones too, with the table of sizes and behaviours
	SCRATCHIFY_ALL=1 $(PY) scripts/engine.py $(PY) -m pytest tests/e2e/test_fixtures.py -m engine

check: .venv/.dev  ## format, lint, types, layers, dependencies
	.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports && .venv/bin/deptry .

corpus: .venv/.dev  ## our reading of a corpus beside moby's: make corpus CORPUS=DIR
	$(PY) scripts/corpus.py $(CORPUS)

bench: .venv/.dev  ## times and memory of rewrite and of the closure; with CORPUS=DIR the front end and lint too
	$(PY) scripts/engine.py $(PY) scripts/bench_rewrite.py
	$(PY) scripts/engine.py $(PY) scripts/bench_closure.py
	$(if $(CORPUS),$(PY) scripts/bench.py $(CORPUS))
	$(if $(CORPUS),$(PY) scripts/bench_lint.py $(CORPUS))

corpus-lint: .venv/.dev  ## our DL findings beside hadolint's: make corpus-lint CORPUS=DIR
	$(PY) scripts/corpus_lint.py $(CORPUS)

corpus-fix: .venv/.dev  ## what safe fixes do to many Dockerfiles: make corpus-fix CORPUS=DIR
	$(PY) scripts/corpus_fix.py $(CORPUS)

docs: .venv/.dev  ## docs/rules from the table of rules
	$(PY) scripts/rule_pages.py

record: .venv/.dev  ## run the fixtures again and write their recordings and expected rewrites
	$(PY) scripts/engine.py scripts/record.sh

format: .venv/.dev
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

venv: .venv/.dev

.venv/.runtime: pyproject.toml constraints.txt scripts/venv.sh
	scripts/venv.sh && touch $@

.venv/.dev: pyproject.toml constraints.txt scripts/venv.sh
	scripts/venv.sh dev && touch .venv/.runtime $@

clean:  ## not .cache/engine: a daemon may run on it
	rm -rf .venv .cache/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
