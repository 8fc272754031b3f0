"""Move a registry alias so that of several clients that try at once exactly one succeeds.

MLflow moves an alias without comparing its current version, so two promotions could both
succeed. A run's parameter, however, can be written only once; a second value is refused. It is
the only compare-and-set operation in MLflow's interface, with sqlite as well as with a server.
To replace a version, a client therefore first logs the parameter `handover/<model>/<alias>/<n>`
on the run of that version, where n counts the claims on this run. Only one client can log it.
This client sets the aliases and then logs `…/done`; the others read the alias again. If the alias
does not exist, the claim is made on the run of the model's lowest version.

A client that dies in between logs no `done`. After `CLAIM_TIMEOUT` the next client sets the
aliases in its place. MLflow cannot refuse a client that writes an alias too late. A client that
was suspended for longer than half of `CLAIM_TIMEOUT` therefore reads the alias again before it
writes; only a client that is suspended between two calls could set the aliases back.
"""

import re
import time
import uuid
from dataclasses import dataclass

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode
from mlflow.tracking import MlflowClient

from faceseg.errors import UserError
from pipelines.config import Experiment

CLAIM_TIMEOUT = 30.0  # seconds from a claim until another client completes it
POLL_INTERVAL = 0.25  # seconds
CHAMPION = "champion"
CLAIM_PREFIX = "handover"
DONE_SUFFIX = "/done"
CLAIM_PATTERN = re.compile(r"version (\d+), ")


@dataclass(frozen=True)
class RegistryAlias:
    """An alias of a registered model; the version that it replaces gets an alias of its own."""

    model: str
    name: str = CHAMPION

    @property
    def previous(self) -> str:
        """The alias of the version before, for a rollback."""
        return "previous" if self.name == CHAMPION else f"previous-{self.name}"

    @property
    def claim_key(self) -> str:
        """The prefix of the claims' parameters, in characters that MLflow allows."""
        return re.sub(r"[^\w.\-/ ]", "_", f"{CLAIM_PREFIX}/{self.model}/{self.name}")


@dataclass(frozen=True, kw_only=True)
class AliasState:
    """The versions of an alias.

    Attributes:
        current: The version to which the alias points; None if the alias does not exist.
        previous: The version to which `RegistryAlias.previous` points.
        run: The run on which the next claim is made.
        claims: The number of claims on that run, all of them done.
    """

    current: str | None
    previous: str | None
    run: str
    claims: int


def read_alias(client: MlflowClient, alias: RegistryAlias) -> AliasState:
    """Return the state of an alias, after waiting for a move in progress.

    A move whose client has not finished it within `CLAIM_TIMEOUT` is completed here.

    Raises:
        UserError: The model has no version, or a version of it has no MLflow run.
    """
    deadline = time.monotonic() + CLAIM_TIMEOUT
    while True:
        current, previous = current_and_previous(client, alias)
        run = _claim_run(client, alias, current)
        claims = _claims(client, alias, run)
        if current_and_previous(client, alias)[0] != current:
            continue  # the alias moved between the two calls
        open_claim = next((key for key in claims if f"{key}{DONE_SUFFIX}" not in claims[key]), None)
        if open_claim is None:
            return AliasState(current=current, previous=previous, run=run, claims=len(claims))
        if time.monotonic() > deadline:
            version = _claimed_version(claims[open_claim][open_claim])
            _set_aliases(client, alias, current, version, _Claim(run, open_claim))
        time.sleep(POLL_INTERVAL)


def find_alias(client: MlflowClient, alias: RegistryAlias) -> AliasState | None:
    """Return `read_alias`; None if the model does not exist or has no version."""
    if not client.search_model_versions(f"name = '{alias.model}'", max_results=1):
        return None
    return read_alias(client, alias)


def move_alias(client: MlflowClient, alias: RegistryAlias, state: AliasState, version: str) -> bool:
    """Move an alias to a version, unless it has moved since `state` was read.

    Args:
        client: The client of the registry's server.
        alias: The alias to move.
        state: The state from `read_alias` on which the decision was based.
        version: The version to which the alias should point.

    Returns:
        Whether the alias was moved; False if another client moved it first.
    """
    claim = _Claim(state.run, f"{alias.claim_key}/{state.claims + 1}")
    started = time.monotonic()
    try:
        client.log_param(claim.run, claim.key, f"version {version}, {uuid.uuid4().hex}")
    except MlflowException as error:
        refused = error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE)
        if refused and claim.key in client.get_run(claim.run).data.params:
            return False
        raise
    if time.monotonic() - started > CLAIM_TIMEOUT / 2:
        read_alias(client, alias)  # another client may be completing the move: wait for it
        return True
    _set_aliases(client, alias, state.current, version, claim)
    return True


def current_and_previous(
    client: MlflowClient, alias: RegistryAlias
) -> tuple[str | None, str | None]:
    """Return the versions to which the alias and its `previous` alias point now."""
    aliases = client.get_registered_model(alias.model).aliases
    found = [aliases.get(name) for name in (alias.name, alias.previous)]
    current, previous = (None if version is None else str(version) for version in found)
    return current, previous


@dataclass(frozen=True)
class _Claim:
    run: str
    key: str


def _set_aliases(
    client: MlflowClient, alias: RegistryAlias, old: str | None, version: str, claim: _Claim
) -> None:
    """Set both aliases and close the claim; `previous` first, so that it is never missing."""
    # An open claim on the new version's run belongs to a client that died after it had set its
    # aliases. Left open, it would count as a move in progress.
    new_run = _run_of_version(client, alias, version)
    for key, found in _claims(client, alias, new_run).items():
        if f"{key}{DONE_SUFFIX}" not in found and _Claim(new_run, key) != claim:
            _close(client, _Claim(new_run, key))
    if old is not None and old != version:
        client.set_registered_model_alias(alias.model, alias.previous, old)
    client.set_registered_model_alias(alias.model, alias.name, version)
    _close(client, claim)


def _close(client: MlflowClient, claim: _Claim) -> None:
    client.log_param(claim.run, f"{claim.key}{DONE_SUFFIX}", "aliases set")


def _claim_run(client: MlflowClient, alias: RegistryAlias, current: str | None) -> str:
    """Return the run on which the next claim is made."""
    if current is not None:
        return _run_of_version(client, alias, current)
    versions = client.search_model_versions(
        f"name = '{alias.model}'", order_by=["version_number ASC"], max_results=1
    )
    if not versions:
        raise UserError(
            f"registered model {alias.model!r} has no versions; let `faceseg study` finish"
            " this experiment first, which registers its finals"
        )
    return _run_of_version(client, alias, str(versions[0].version))


def _run_of_version(client: MlflowClient, alias: RegistryAlias, version: str) -> str:
    run = client.get_model_version(alias.model, version).run_id
    if not run:
        raise UserError(
            f"version {version} of {alias.model} has no MLflow run, so it cannot be compared;"
            " remove its alias, or delete the version"
        )
    return str(run)


def _claims(client: MlflowClient, alias: RegistryAlias, run: str) -> dict[str, dict[str, str]]:
    """Return the parameters of each claim on a run: the claim itself, and its `done`."""
    params = client.get_run(run).data.params
    pattern = re.compile(re.escape(alias.claim_key) + r"/\d+")
    return {
        key: {name: params[name] for name in (key, f"{key}{DONE_SUFFIX}") if name in params}
        for key in sorted(params, key=lambda name: (len(name), name))
        if pattern.fullmatch(key)
    }


def _claimed_version(value: str) -> str:
    match = CLAIM_PATTERN.match(value)
    if match is None:
        raise UserError(
            f"cannot read the claim {value!r} on an alias, which a newer faceseg may have written:"
            " upgrade this installation, or set the aliases by hand"
        )
    return match[1]


def parse_alias(experiment: Experiment, text: str | None) -> RegistryAlias:
    """Parse the name of an alias.

    Args:
        experiment: Its registered model is the default.
        text: `NAME@ALIAS`, `NAME` or `@ALIAS`; None for the `champion` of the experiment's model.

    Raises:
        UserError: The alias after `@` is empty.
    """
    model, separator, name = (text or "").partition("@")
    if separator and not name:
        raise UserError(
            f"{text!r} has no alias after @; expected NAME@ALIAS, such as faceseg@champion"
        )
    return RegistryAlias(model or experiment.tracking.registered_model, name or CHAMPION)
