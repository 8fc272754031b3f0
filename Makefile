# `make study` and `make test` need nothing but git, make and Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

PEERS := .venv-peers
RELEASE := .venv-release

.PHONY: help study test test-studies test-infra test-library test-ray test-pipelines test-hostile test-jax nightly test-backend export demo lint docs bare \
	benchmark peers lock release release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

study: $(VENV)/run.stamp ## run the quickstart study and print its table
	$(BIN)/faceseg study experiments/quickstart.yaml

# Four parts run at a time, because tests of clusters and studies wait more than they compute. By
# default Ray starts its workers at the lowest priority, which would leave the CPU to the other parts.
#
# The tests' databases wait for the disk at every commit, so they are in memory where it has room.
test: export PYTEST_DEBUG_TEMPROOT ?= $(shell [ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -1)" \
	-gt 4000000 ] 2>/dev/null && mkdir -p /dev/shm/faceseg-tests && echo /dev/shm/faceseg-tests)
test: lint docs ## lint, types, import contracts, docs, and all tests but the nightly ones
	@rm -f $(VENV)/skipped.txt; touch $(VENV)/skipped.txt
	FACESEG_SKIPPED=$(CURDIR)/$(VENV)/skipped.txt $(MAKE) --no-print-directory --jobs=4 \
		test-library test-ray test-studies test-pipelines test-hostile test-infra test-jax
	@echo "Not run: the tests that are marked nightly (make nightly), and some for these reasons:"
	@sort -u $(VENV)/skipped.txt

test-studies: $(VENV)/dev.stamp ## tests that run whole studies, and kill their processes
	RAY_worker_niceness=0 $(BIN)/python -m pytest -m "not nightly" tests/chaos/test_kills.py tests/end_to_end

test-infra: $(VENV)/dev.stamp ## tests of clusters, servers and databases
	RAY_worker_niceness=0 $(BIN)/python -m pytest -m "not nightly" tests/infra

test-library: $(VENV)/dev.stamp ## tests of the library
	$(BIN)/python -m pytest -m "not nightly" tests/faceseg

# The rooms of which many tests start Ray.
ON_RAY := $(addprefix tests/pipelines/,search cluster serve doctor tune_machine)

test-ray: $(VENV)/dev.stamp ## tests of the rooms that use Ray
	RAY_worker_niceness=0 $(BIN)/python -m pytest -m "not nightly" $(ON_RAY)

test-pipelines: $(VENV)/dev.stamp ## tests of the other rooms
	$(BIN)/python -m pytest -m "not nightly" tests/pipelines $(addprefix --ignore=,$(ON_RAY))

test-hostile: $(VENV)/dev.stamp ## tests of hostile files, benchmarks and documentation
	$(BIN)/python -m pytest -m "not nightly" tests/test_import_order.py tests/test_documentation.py \
		tests/hostile tests/benchmarks

test-jax: $(VENV)/dev.stamp ## training and prediction on JAX (all of it: make test-backend)
	KERAS_BACKEND=jax $(BIN)/python -m pytest -m "not nightly" $(addprefix tests/faceseg/,\
		networks/test_batch_norm.py training/test_loop.py inference/test_predictor.py)

nightly: $(VENV)/dev.stamp ## the tests that make test leaves out, and all of tests/chaos (an hour)
	$(BIN)/python -m pytest -m nightly tests
	$(BIN)/python -m pytest -m "not nightly" --hypothesis-profile=default $$(grep -rl hypothesis --include="test_*.py" tests)
	$(MAKE) --no-print-directory test-backend BACKEND=jax
	RAY_worker_niceness=0 $(BIN)/python -m pytest tests/chaos --kills 20

# Networks, metrics and training on another of Keras's backends. JAX is in the lock; for torch,
# whose wheels are gigabytes: .venv/bin/pip install torch, then make test-backend BACKEND=torch
test-backend: $(VENV)/dev.stamp ## library tests on another backend: BACKEND=jax or torch
	KERAS_BACKEND=$(BACKEND) $(BIN)/python -m pytest -m "not nightly" $(addprefix tests/faceseg/,networks training \
		backends inference evaluation/test_split_evaluation.py)

# `pip install 'faceseg[export]'` takes the newest versions; these are the tested ones, with hashes.
export: $(VENV)/export.stamp ## add the packages of `faceseg export` to .venv
demo: $(VENV)/demo.stamp ## add the packages of `faceseg demo` to .venv

# For a machine that has JAX or torch already: everything but a framework, which $(PYTHON) provides. A
# path file makes its packages visible, whether that Python is the system's or an environment's.
$(VENV)-bare/run.stamp: requirements-bare.lock pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)-bare
	$(PYTHON) -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
		"$$($(VENV)-bare/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/framework.pth"
	$(VENV)-bare/bin/python -m pip install --quiet --compile --require-hashes -r requirements-bare.lock
	$(VENV)-bare/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	touch $@

bare: $(VENV)-bare/run.stamp ## an environment that uses the JAX or torch of PYTHON

lint: $(VENV)/dev.stamp ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site imports no framework (docs/conf.py), so this takes seconds. A warning is an error.
docs: $(VENV)/dev.stamp ## the documentation site, into docs/build
	$(BIN)/python -m sphinx -E -W --keep-going --quiet -b html docs docs/build
	@echo "docs/build/index.html"

# pip compiles bytecode at installation; without it every worker would import TensorFlow in
# twice the time. The package itself is installed in place, built by the locked setuptools.
$(VENV)/run.stamp: requirements.lock pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	touch $@

$(VENV)/%.stamp: requirements-%.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r $<
	touch $@

# The peers have an environment of their own, in which the product's packages are visible too.
benchmark: peers ## every figure of docs/performance.md, into results/benchmarks
	$(PEERS)/bin/python -m tests.benchmarks

peers: $(PEERS)/peers.stamp ## the environment of the benchmarks' peers

$(PEERS)/peers.stamp: tests/benchmarks/peers.txt $(VENV)/dev.stamp
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(PEERS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/product.pth"
	$(PEERS)/bin/python -m pip install --quiet --compile -r tests/benchmarks/peers.txt
	touch $@

# Hashes and no index address: the files are the same with every index.
EXTRAS := export demo
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --quiet
lock: ## update the pinned dependencies (needs uv)
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) --group dev --extra postgres --extra server $(addprefix --extra ,$(EXTRAS)) --extra jax -c requirements.lock \
		-o requirements-dev.lock pyproject.toml
	for each in $(EXTRAS); do $(LOCK) --extra $$each -c requirements-dev.lock \
		-o requirements-$$each.lock pyproject.toml || exit; done
	$(LOCK) --extra postgres --extra server --extra s3 -c requirements.lock \
		-o requirements-cluster.lock pyproject.toml
	$(LOCK) --extra postgres --extra server --extra s3 --extra gpu -c requirements.lock \
		-o requirements-gpu.lock pyproject.toml
	echo 'tensorflow; sys_platform == "none"' | $(LOCK) --override - --no-emit-package tensorflow \
		--group build -c requirements.lock -o requirements-bare.lock pyproject.toml

# The wheel is built from the source distribution, so both are complete; it is then installed alone.
release: $(VENV)/dev.stamp ## sdist and wheel in dist/, checked in a new environment
	rm -rf dist build $(RELEASE)
	$(BIN)/python -m build --no-isolation
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --compile --require-hashes -r requirements.lock
	$(RELEASE)/bin/python -m pip install --quiet --no-deps --no-index dist/*.whl
	cd / && $(CURDIR)/$(RELEASE)/bin/faceseg --version

release-check: ## after release: the quickstart from the wheel, in an empty folder (minutes)
	folder=$$(mktemp -d) && cd "$$folder" && \
		$(CURDIR)/$(RELEASE)/bin/faceseg study quickstart && \
		$(CURDIR)/$(RELEASE)/bin/python -c "import pipelines; pipelines.study('quickstart')" && \
		rm -rf "$$folder"

clean: ## remove environments, caches and built files
	rm -rf $(VENV) $(VENV)-bare $(PEERS) $(RELEASE) dist build docs/build .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
