# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is made lies in .venv and build/. `make` alone tells what there is.

PYTHON ?= python3.11
DEMO ?= build/demo

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Messages of compilers, servers and Ansible are the same on every machine; settings of the user's own do not count here.
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export ANSIBLE_HOME := $(CURDIR)/build/ansible
export ANSIBLE_REMOTE_TMP := $(CURDIR)/build/ansible/tmp
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

REQUIREMENTS := tests/requirements
PIP_INSTALL := -m pip install --quiet --quiet --requirement
VENV := .venv/bin
VERSION := $(shell sed -n 's/^version: *//p' galaxy.yml)
ARTEFACT := build/courier-filedrop-$(VERSION).tar.gz
LINKED := build/tree/ansible_collections/courier/filedrop
TYPED := module_utils._engine module_utils._sandbox module_utils._build module_utils._apply_plan module_utils._respawn plugin_utils action

# Tests wait for servers more than they work: more of them than cores.
AT_ONCE := -n 4 --dist worksteal
COLLECTION := build/collections/ansible_collections/courier/filedrop
SHIPPED := $(shell find galaxy.yml LICENSE requirements.txt bindep.txt *.md changelogs docs meta playbooks plugins roles -type f -not -name '*.pyc')

# The engine's own tests run in each of these as well, with neither Ansible nor anything else in it: day by day those of
# what can differ there (the connection, keys, and files on their way; not the transport openssh), and with FULL or ARGS
# all of them. Python 3.9 has paramiko 2.12 as well: day by day that release alone is tried only where the machine has no
# Python 3.9.
ENGINE_VENVS := python-3.9 paramiko-2.12 paramiko-3.5
TRIED_VENVS = $(if $(FULL)$(ARGS),$(ENGINE_VENVS),$(if $(shell $(PYTHON) tests/tools/find_python.py 3.9),python-3.9,paramiko-2.12) paramiko-3.5)
ENGINE_UNIT := tests/unit/plugins/module_utils/_engine
ENGINE_INTEGRATION := tests/integration/engine
# Of paramiko alone, only connections differ.
OLDER_UNIT = $(if $(FULL)$(ARGS),$(ENGINE_UNIT),$(addprefix $(ENGINE_UNIT)/,$(if $(filter paramiko-3.5,$*),remote/ssh remote/sftp,keys remote)))
OLDER_INTEGRATION := $(if $(FULL)$(ARGS),$(ENGINE_INTEGRATION),$(addprefix $(ENGINE_INTEGRATION)/test_,$(addsuffix .py, \
    bad_connection cuts keypair many_files move ssh)) -k 'not openssh')
# The other releases of ansible-core. The newer ones need Python 3.12.
OLDER_RELEASES := 2.16.14 2.18.19
NEWER_RELEASES := 2.20.10 2.21.5
# Day by day the oldest and the newest are tried, beside the one of all other tests.
RELEASES = $(if $(FULL)$(ARGS),$(OLDER_RELEASES) $(NEWER_RELEASES),$(firstword $(OLDER_RELEASES)) $(lastword $(NEWER_RELEASES)))
# All of these share one drop box server: they run in one process.
SERVER := tests/integration/server
INTEGRATION_BESIDE = $(TRIED_VENVS:%=integration-on-%) $(RELEASES:%=integration-on-ansible-%) empty-host integration-of-server
PLAYBOOKS := tests/integration/playbooks$(if $(FULL)$(ARGS),,/test_jobs.py)

##@ To see it work

.PHONY: demo
demo: $(COLLECTION)/MANIFEST.json ## from nothing to a delivered file, against a local provider (no root, files under build/demo)
	$(VENV)/ansible-playbook courier.filedrop.quickstart --extra-vars '{"filedrop_quickstart_folder": "$(abspath $(DEMO))"}'

##@ To test it

.PHONY: test
test: .venv/test.stamp $(COLLECTION)/MANIFEST.json $(TRIED_VENVS:%=build/venvs/%.stamp) ## everything below but what takes hours, and at the end what failed
	@tests/tools/run-parts --beside "hosts sanity $(INTEGRATION_BESIDE)" lint gates unit crashes power storms fuzz integration-on-paramiko-5.1

.PHONY: lint lint-python lint-imports lint-types lint-yaml lint-ansible lint-shell lint-changelog lint-prose
lint: ## formatter, linters and the strict type checker
	@tests/tools/run-parts lint-python lint-imports lint-types lint-yaml lint-ansible lint-shell lint-changelog lint-prose
lint-python: .venv/test.stamp
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
lint-imports: .venv/test.stamp $(LINKED)
	PYTHONPATH=build/tree $(VENV)/lint-imports --no-cache pyproject.toml
# pytest's own source needs a newer Python than the engine; and tests replace what a module of the engine has imported.
TYPES_OF_TESTS := --python-version 3.11 --implicit-reexport
PARTNER_CHECK := tests/faults/partner_check
lint-types: .venv/test.stamp $(LINKED)
	$(VENV)/mypy $(TYPED:%=--package ansible_collections.courier.filedrop.plugins.%)
	$(VENV)/mypy $(TYPES_OF_TESTS) --exclude ^$(PARTNER_CHECK)/ tests
	MYPYPATH=plugins/module_utils:$(PARTNER_CHECK):tests/support $(VENV)/mypy $(TYPES_OF_TESTS) $(PARTNER_CHECK)
lint-yaml: .venv/test.stamp
	$(VENV)/yamllint --strict .
lint-ansible: .venv/test.stamp $(LINKED)
	PATH="$(CURDIR)/$(VENV):$$PATH" ANSIBLE_COLLECTIONS_PATH="$(CURDIR)/build/tree" $(VENV)/ansible-lint
lint-shell: | packages-lint
	git ls-files -co --exclude-standard -z .ci extensions tests ':!*.j2' | xargs -0 grep -lZ '^#!.*sh$$' | xargs -0 shellcheck
lint-changelog: .venv/test.stamp
	$(VENV)/antsibull-changelog lint
PAGES := $(shell git ls-files '*.md' ':!CHANGELOG.md' ':!docs/development/mutations.md' ':!docs/development/benchmarks.md')
DOCUMENTED := $(wildcard plugins/modules/*.py plugins/doc_fragments/*.py roles/*/meta/argument_specs.yml)
lint-prose: .venv/test.stamp
	$(VENV)/mdformat --check $(PAGES)
	$(VENV)/codespell $(PAGES) changelogs extensions playbooks plugins roles
	$(VENV)/python tests/tools/check_prose.py $(PAGES) $(DOCUMENTED)

.PHONY: sanity
sanity: .venv/test.stamp | packages-lint ## ansible-test sanity, on every Python from 3.9 that the machine has (ARGS='--test pylint')
	$(VENV)/python tests/tools/sanity.py $(ARGS)
# On each other release as well: with `make faults`, and before a publication.
SANITY_RELEASES := $(addprefix sanity-on-ansible-,$(OLDER_RELEASES) $(NEWER_RELEASES))
.PHONY: $(SANITY_RELEASES)
$(SANITY_RELEASES): sanity-on-ansible-%: build/venvs/ansible-%.stamp | packages-lint
	! test -d build/venvs/ansible-$* || build/venvs/ansible-$*/bin/python tests/tools/sanity.py $(ARGS)

.PHONY: gates
gates: build/venvs/publish.stamp $(COLLECTION)/MANIFEST.json ## what Galaxy, execution environments and the documentation site ask of the artefact
	build/venvs/publish/bin/python -m pytest tests/gates $(ARGS)

.PHONY: unit integration
unit: ## unit tests; those of connections on three releases of paramiko (ARGS='-k ledger')
	@tests/tools/run-parts $(TRIED_VENVS:%=unit-on-%) unit-on-paramiko-5.1
integration: ## tests against OpenSSH, on the same releases, and of the installed artefact
	@tests/tools/run-parts $(INTEGRATION_BESIDE) integration-on-paramiko-5.1

.PHONY: empty-host integration-of-server unit-on-paramiko-5.1 integration-on-paramiko-5.1 integration-over-openssh $(patsubst %,integration-on-ansible-%,$(OLDER_RELEASES) $(NEWER_RELEASES)) $(ENGINE_VENVS:%=unit-on-%) $(ENGINE_VENVS:%=integration-on-%)
unit-on-paramiko-5.1: .venv/test.stamp | packages-tests
	$(VENV)/python -m pytest $(AT_ONCE) tests/unit $(ARGS)
integration-on-paramiko-5.1: .venv/test.stamp | packages-tests packages-browser
	$(VENV)/python -m pytest $(AT_ONCE) tests/integration --ignore $(SERVER) $(FULL) $(ARGS)
integration-of-server: .venv/test.stamp | packages-tests
	$(VENV)/python -m pytest $(SERVER) $(FULL) $(ARGS)
$(OLDER_RELEASES:%=integration-on-ansible-%): integration-on-ansible-%: build/venvs/ansible-%.stamp $(COLLECTION)/MANIFEST.json | packages-tests
	build/venvs/ansible-$*/bin/python -m pytest $(AT_ONCE) $(PLAYBOOKS) $(ARGS)
$(NEWER_RELEASES:%=integration-on-ansible-%): integration-on-ansible-%: .venv/test.stamp $(COLLECTION)/MANIFEST.json
	HOSTS="$(HOSTS)" tests/tools/in-debian13 $* $(AT_ONCE) $(PLAYBOOKS) $(ARGS)
empty-host: .venv/test.stamp $(COLLECTION)/MANIFEST.json build/0.1.0 ## from an empty Debian 13 host to a first delivered file, and an upgrade
	for each in first_exchange upgrade command_page variables; do \
	    HOSTS="$(HOSTS)" tests/tools/in-debian13 $(lastword $(NEWER_RELEASES)) tests/empty_host/test_$$each.py $(ARGS); \
	done
# python-3.9 may be missing.
$(ENGINE_VENVS:%=unit-on-%): unit-on-%: build/venvs/%.stamp | packages-tests
	! test -d build/venvs/$* || build/venvs/$*/bin/python -m pytest $(AT_ONCE) $(OLDER_UNIT) $(ARGS)
$(ENGINE_VENVS:%=integration-on-%): integration-on-%: build/venvs/%.stamp | packages-tests
	! test -d build/venvs/$* || build/venvs/$*/bin/python -m pytest $(AT_ONCE) $(OLDER_INTEGRATION) $(ARGS)

integration-over-openssh: .venv/test.stamp | packages-tests
	$(VENV)/python -m pytest $(AT_ONCE) $(ENGINE_INTEGRATION) --over-openssh $(ARGS)

.PHONY: crashes power storms fuzz faults mutations
crashes: .venv/test.stamp | packages-tests ## kill runs at every step, cut their connections, and run again (ARGS='-k pickup')
	tests/faults/in_three $(VENV)/python -m pytest tests/faults/test_crashes.py tests/faults/test_import_crashes.py $(FULL) $(ARGS)
power: .venv/test.stamp | packages-tests ## cut the power after every system call of a run, and run again (ARGS='-k pickup')
	tests/faults/in_three $(VENV)/python -m pytest tests/faults/power $(FULL) $(ARGS)
storms: .venv/test.stamp | packages-tests ## random storms of crashes, cuts and faults, every byte accounted for (ARGS='--storms 5000')
	tests/faults/in_three $(VENV)/python -m pytest tests/faults/storms $(FULL) $(ARGS)
fuzz: build/venvs/fuzz.stamp .venv/test.stamp ## fuzz what a server can send, led by coverage (FUZZ='--seconds 3600 --target servers')
	$(VENV)/python -m pytest tests/faults/fuzz
	build/venvs/fuzz/bin/python tests/faults/fuzz/fuzz.py $(if $(FULL),--seconds 60) $(FUZZ)
faults: ## the four above for every variant, every recovery, thousands of storms, 100,000 files, all on older releases, on each ansible-core, over openssh, and 500 kills of imports (2 hours)
	@FULL=--full tests/tools/run-parts crashes power storms fuzz $(SANITY_RELEASES) $(ENGINE_VENVS:%=unit-on-%) $(ENGINE_VENVS:%=integration-on-%) $(patsubst %,integration-on-ansible-%,$(OLDER_RELEASES) $(NEWER_RELEASES)) integration-over-openssh integration-of-server integration-on-paramiko-5.1
mutations: .venv/test.stamp | packages-tests ## take syncs, checks and commits out of the engine one by one, into docs/development/mutations.md (hours)
	$(VENV)/python tests/faults/mutations --whole --write docs/development/mutations.md $(ARGS)

.PHONY: molecule hosts
# Molecule runs scenarios by name, whatever the order asked for; `default` needs hosts that have never seen the role, so those after `--all` get new ones.
molecule: build/venvs/molecule.stamp $(COLLECTION)/MANIFEST.json | packages-hosts ## the role on hosts of its own: Debian 12 and 13 with systemd (root, podman; ARGS='-s default')
	@PATH="$(CURDIR)/build/venvs/molecule/bin:$$PATH"; \
	molecule destroy --scenario-name default >build/molecule.log 2>&1 || { cat build/molecule.log; exit 1; }; \
	$(if $(ARGS),molecule test $(ARGS),molecule test --all --exclude api --exclude billit --exclude exchange && for each in api billit exchange; do molecule test -s $$each || exit; done)
hosts: ## the same, where this machine can run such hosts; else it says why not
	@reason=$$(tests/tools/no-hosts $(HOSTS)); \
	if [[ -n $$reason ]]; then echo "LEFT OUT: make molecule, for $$reason"; else $(MAKE) --no-print-directory molecule; fi

##@ To compare it

.PHONY: bench
bench: build/venvs/bench.stamp $(LINKED) | packages-bench ## ours and the peers side by side, into docs/development/benchmarks.md (15 minutes; root; ARGS='--only put-1000* --rounds 1')
	build/venvs/bench/bin/python tests/bench/bench.py $(or $(ARGS),--write docs/development)
.PHONY: bench-ftps
bench-ftps: .venv/test.stamp $(LINKED) | packages-tests ## 1,000 files over FTPS at 20 ms, ours and lftp (root; ARGS='--rounds 3')
	PYTHONPATH=build/tree $(VENV)/python tests/bench/ftps.py $(ARGS)
.PHONY: bench-api
bench-api: .venv/test.stamp $(LINKED) ## 1,000 small files through a files API, ours and curl; and 500 MiB (ARGS='--rounds 5')
	PYTHONPATH=build/tree $(VENV)/python tests/bench/files_api.py $(ARGS)

.PHONY: bench-ledger
bench-ledger: .venv/test.stamp $(LINKED) ## what the command tells of a ledger with a million files (ARGS='--rounds 3')
	PYTHONPATH=build/tree $(VENV)/python tests/bench/million.py $(ARGS)
.PHONY: bench-report
bench-report: .venv/test.stamp $(LINKED) | packages-browser ## the report's page of 100 hosts and 100,000 files in a browser (ARGS='--files 1000000')
	PYTHONPATH=build/tree:tests $(VENV)/python tests/bench/report.py $(ARGS)

##@ To build and tidy

.PHONY: build
build: $(ARTEFACT) ## the artefact, under build/

.PHONY: command
command: ## the command filedrop, one executable file, under build/
	@mkdir -p build
	@$(PYTHON) plugins/module_utils/_build.py build/filedrop

.PHONY: docs
docs: .venv/test.stamp $(LINKED) | packages-docs ## what is made from the engine: tables, pictures, the command's manual page and completions
	$(VENV)/python tests/tools/make_docs.py
	$(VENV)/python tests/tools/make_reasons.py
	$(VENV)/python tests/tools/make_shell_docs.py

.PHONY: assets
assets: ## the script and the style of the report's page, from pinned packages of npm (Node.js)
	$(PYTHON) tests/tools/make_assets.py

.PHONY: format
format: .venv/test.stamp ## let the formatter and the linter mend what they can
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .
	$(VENV)/mdformat $(PAGES)

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf build .venv .ansible .hypothesis changelogs/.plugin-cache.yaml
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this text
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Debian's packages

.PHONY: packages-lint packages-tests packages-browser packages-docs packages-bench packages-hosts
packages-lint:
	@tests/tools/debian-packages shellcheck
packages-tests:
	@tests/tools/debian-packages openssh-server openssh-sftp-server openssh-client lftp rclone strace time python3-paramiko \
	    proftpd-core proftpd-mod-crypto libwrap0 libpam-modules
	@tests/tools/debian-unpacked vsftpd prometheus prometheus-node-exporter
packages-browser:
	@tests/tools/debian-packages chromium-headless-shell
packages-docs:
	@tests/tools/debian-packages graphviz
packages-bench:
	@tests/tools/debian-packages openssh-server openssh-sftp-server openssh-client lftp rclone strace time
HOSTS := podman runc netavark aardvark-dns iptables mmdebstrap openssh-client
packages-hosts:
	@tests/tools/debian-packages $(HOSTS)

# Virtual environments: made anew when their requirements change

.venv/run.stamp: $(REQUIREMENTS)/run.txt $(REQUIREMENTS)/constraints.txt
	@echo "Making .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(VENV)/python $(PIP_INSTALL) $<
	@touch $@

.venv/test.stamp: $(REQUIREMENTS)/test.txt .venv/run.stamp
	@echo "Adding the test tools to .venv"
	@$(VENV)/python $(PIP_INSTALL) $<
	@touch $@

build/venvs/%.stamp: $(REQUIREMENTS)/%.txt $(REQUIREMENTS)/constraints.txt
	@echo "Making build/venvs/$*"
	@$(PYTHON) -m venv --clear build/venvs/$*
	@build/venvs/$*/bin/python $(PIP_INSTALL) $<
	@touch $@

build/venvs/ansible-%.stamp: $(REQUIREMENTS)/ansible-releases.txt
	@mkdir -p $(@D) && rm -rf build/venvs/ansible-$*
	@found=$(if $(filter $*,$(NEWER_RELEASES)),$$($(PYTHON) tests/tools/find_python.py 3.13),$(PYTHON)); \
	if [[ -z $$found ]]; then echo "No Python 3.13 on this machine: ansible-core $* is left out."; exit; fi; \
	echo "Making build/venvs/ansible-$*"; \
	$$found -m venv build/venvs/ansible-$*; \
	build/venvs/ansible-$*/bin/python $(PIP_INSTALL) $< ansible-core==$*
	@touch $@

# The oldest Python of a managed host. Where the machine has none, its tests are left out.
build/venvs/python-3.9.stamp: $(REQUIREMENTS)/python-3.9.txt
	@mkdir -p $(@D) && rm -rf build/venvs/python-3.9
	@found=$$($(PYTHON) tests/tools/find_python.py 3.9); \
	if [[ -z $$found ]]; then echo "No Python 3.9 on this machine: the engine's tests on it are left out."; exit; fi; \
	echo "Making build/venvs/python-3.9"; \
	"$$found" -m venv build/venvs/python-3.9; \
	build/venvs/python-3.9/bin/python $(PIP_INSTALL) $<
	@touch $@

# The collection: as a link for tools that read the checkout, and built and installed as users have it

$(LINKED):
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

$(ARTEFACT): .venv/run.stamp $(SHIPPED)
	@mkdir -p build
	@$(VENV)/ansible-galaxy collection build --force --output-path build >build/build.log || { cat build/build.log; exit 1; }

# The last state before 1.0.0, for the test of an upgrade. A clone without history does without.
BEFORE_1 := 970fbf36c0caf7c7d16bf851d3b7e80feab47d0e
build/0.1.0: .venv/run.stamp
	@rm -rf $@.new && mkdir -p $@.new/source
	@if git cat-file -e $(BEFORE_1) 2>/dev/null; then \
	    git archive $(BEFORE_1) | tar --extract --directory $@.new/source; \
	    $(VENV)/ansible-galaxy collection build --force --output-path $@.new $@.new/source >build/build-0.1.0.log; \
	    rm -rf $@.new/source; mv $@.new $@; \
	else echo "This clone has no history before 1.0.0: the upgrade is left out."; fi

$(COLLECTION)/MANIFEST.json: $(ARTEFACT)
	@rm -rf $(COLLECTION)
	@$(VENV)/ansible-galaxy collection install --offline --force --collections-path build/collections $< >build/install.log || { cat build/install.log; exit 1; }
	@touch $@
