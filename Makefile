# `make study` and `make test` need nothing but git, make and Python 3.11 to 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

PEERS := .venv-peers

.PHONY: help study test test-studies test-units test-backend bare lint peers benchmark lock image \
	clean

help:
	@echo "make study  run the quickstart study and print its table"
	@echo "make test   lint, types, import contract and tests"
	@echo "make benchmark  every figure of docs/performance.md anew, into results/benchmarks"
	@echo "make lock   pin the dependencies anew (needs uv)"

study: $(VENV)/run.stamp
	$(BIN)/faceseg study experiments/quickstart.yaml

# Two halves side by side: one waits for clusters and studies while the other computes. Ray would
# give its workers the lowest rank, and the other half all there is.
test: lint
	$(MAKE) --no-print-directory --jobs=2 test-studies test-units

test-studies:
	RAY_worker_niceness=0 $(BIN)/python -m pytest tests/chaos/test_audit.py tests/chaos/test_kills.py tests/infra tests/end_to_end
	$(MAKE) --no-print-directory test-backend BACKEND=jax

test-units:
	$(BIN)/python -m pytest tests/faceseg tests/pipelines tests/benchmarks

# Networks, metrics and training on another of Keras's backends. JAX is in the lock; for torch,
# whose wheels are gigabytes: .venv/bin/pip install torch, then make test-backend BACKEND=torch
test-backend: $(VENV)/dev.stamp
	KERAS_BACKEND=$(BACKEND) $(BIN)/python -m pytest tests/faceseg/networks tests/faceseg/training \
		tests/faceseg/backends $(addprefix tests/faceseg/test_,$(addsuffix .py,confusion_metric losses \
		saving predictor ensemble evaluation labelling latency devices))

# For a machine that brings JAX or torch itself: all but a framework, which is that of $(PYTHON). A
# path file shows its packages, whether that Python is the system's or an environment's.
$(VENV)-bare/run.stamp: requirements-bare.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)-bare
	$(PYTHON) -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
		"$$($(VENV)-bare/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/framework.pth"
	$(VENV)-bare/bin/python -m pip install --quiet --compile --require-hashes -r requirements-bare.lock
	$(VENV)-bare/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	touch $@

bare: $(VENV)-bare/run.stamp

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# pip compiles bytecode as it installs; without it every worker would import TensorFlow in
# twice the time. The package itself is installed in place, built by the locked setuptools.
$(VENV)/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --compile --require-hashes -r requirements-dev.lock
	touch $@

# Each figure beside its peers', which have an environment of their own (it sees the product's).
benchmark: peers
	$(PEERS)/bin/python -m tests.benchmarks

peers: $(PEERS)/peers.stamp

$(PEERS)/peers.stamp: tests/benchmarks/peers.txt $(VENV)/dev.stamp
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$($(PEERS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/product.pth"
	$(PEERS)/bin/python -m pip install --quiet --compile -r tests/benchmarks/peers.txt
	touch $@

# Hashes, no index address: whichever index a machine uses, the files are the same.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --quiet
lock:
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) --group dev --extra postgres --extra server --extra export --extra demo --extra jax -c requirements.lock \
		-o requirements-dev.lock pyproject.toml
	$(LOCK) --extra postgres --extra server --extra s3 -c requirements.lock \
		-o requirements-cluster.lock pyproject.toml
	$(LOCK) --extra postgres --extra server --extra s3 --extra gpu -c requirements.lock \
		-o requirements-gpu.lock pyproject.toml
	echo 'tensorflow; sys_platform == "none"' | $(LOCK) --override - --no-emit-package tensorflow \
		--group build -c requirements.lock -o requirements-bare.lock pyproject.toml

clean:
	rm -rf $(VENV) $(VENV)-bare $(PEERS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
