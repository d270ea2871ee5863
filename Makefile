# The only door to the tools. `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= auto
OUT ?= dist

.PHONY: help demo serve-demo demo-slack demo-replicas test test-peers check audit reference images requirements bench dist install dev packages peers clean
help:
	@echo "make demo    see it work: seeds an embedded registry and promotes through it"
	@echo "make serve-demo  a page with a past, to look at and to approve on"
	@echo "make demo-slack  a Slack workspace with the bot in it, to try every command"
	@echo "make demo-replicas  two servers with a database: each is killed once, and nothing is lost"
	@echo "make install  install floe into .venv"
	@echo "make test    run the tests, on a real registry"
	@echo "make test-peers  run the tests against cosign, judges of logs and helm, which are built first"
	@echo "make check   style, types, import contracts, file sizes, plain English"
	@echo "make dev     prepare a checkout for work: tools, editable install, commit hook"
	@echo "make audit   ask an advisory service about every locked version (exit 3: none answered)"
	@echo "make requirements  which tests show which numbered requirement"
	@echo "make bench   measure, compare with bounds, and write bench.json"
	@echo "make dist KEY=release.key  build the wheel and floe.pyz, with checksums and attestations"

demo: $(INSTALLED)
	@$(BIN)/python -m demo.run

serve-demo: $(INSTALLED)
	@$(BIN)/python -m demo.serve

# The workspace is a package of npm.
demo-slack: $(INSTALLED)
	@.ci/packages npm
	@$(BIN)/python -m demo.slack

demo-replicas: $(INSTALLED)
	@.ci/packages docker-registry npm postgresql
	@$(BIN)/python -m demo.replicas

# A test file runs in one process, so that it starts its servers once. WORKERS=0: one by one.
test: $(INSTALLED) packages peers
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not peers"

# The tests against programs that take minutes to build: cosign, judges of logs, and helm.
test-peers: $(INSTALLED) packages
	@.ci/peers cosign fsck litewitness helm handoff
	$(BIN)/python -m pytest -q -m peers

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.architecture.guard
	$(BIN)/python -m tests.architecture.prose
	$(BIN)/python -m tests.architecture.requirements --gaps

# Needs the network and nothing else of ours, so it is no part of check.
audit:
	@.ci/audit

# Pages of docs/ that are made from the code; the tests fail where they are behind it.
reference: $(INSTALLED)
	@$(BIN)/python -m docs.reference

# Of a platform with a past, in a real browser; sharpest with Debian's fonts-inter.
images: $(INSTALLED)
	@.ci/packages chromium
	@$(BIN)/python -m docs.images

requirements: $(INSTALLED)
	@$(BIN)/python -m tests.architecture.requirements

# BENCH=--full takes the largest sizes, BENCH=Promote one measurement. Ends with 1 if a bound is missed.
bench: $(INSTALLED) packages peers
	$(BIN)/python -m bench $(BENCH)

# The same commit gives the same bytes of the wheel and floe.pyz; each signature is new.
dist: $(INSTALLED)
	@$(BIN)/python -m deploy.release --key "$(KEY)" --out "$(OUT)"

install: $(INSTALLED)
	@echo "floe is $(CURDIR)/$(BIN)/floe. To type only floe: export PATH=\"$(CURDIR)/$(BIN):\$$PATH\""

# Tools and an editable install, and git runs the quick checks before each commit.
dev: $(INSTALLED)
	git config core.hooksPath .ci/hooks
	@echo "floe is $(CURDIR)/$(BIN)/floe; make check test runs everything."

# One environment for running and testing, from locked and hashed versions.
$(INSTALLED): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "floe needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=python3.11 …"; exit 1; }
	@# --clear would empty the folder behind a link.
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a symbolic link, and installing would empty the folder" \
	  "it points to: rm $(VENV) (only the link goes), and make again" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "$(PYTHON) -m venv failed: see above" >&2; exit 1; }
	@echo "Installing into $(VENV): once, and for a minute or two …"
	@# The lock is complete. Resolving it again would stumble over the next release of any of it.
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The tests talk to real servers, and push with a foreign client.
packages:
	@.ci/packages docker-registry skopeo chromium npm jq postgresql pgbouncer haproxy prometheus

# Built once into a cache outside the tree; without Go the tests that need them are skipped.
peers:
	@.ci/peers

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
