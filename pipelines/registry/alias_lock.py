"""An alias handed from one version to another: of those who try at once, one can.

MLflow moves an alias without asking where it stood, so two promotions could both win. But a
parameter of a run is written once, and a second value is refused: that is the one thing in
MLflow's interface that many clients can decide by, on sqlite as behind a server. So whoever
wants to dethrone a version first writes `handover/<model>/<alias>/<n>` on that version's run, n
being how often it was dethroned before. One client can; it then moves the aliases and writes
`…/done`. The others look again. Where nobody has the alias, the run of the model's lowest
version stands in.

A client that died in between left no `done`: after `PATIENCE` the next one moves the aliases in
its place. What cannot be had from MLflow is an alias that refuses a writer who comes too late: a
client that was frozen for longer than `PATIENCE` looks again before it writes, so only one frozen
in the midst of two calls could set aliases back to what it had won.
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

CLAIM_TIMEOUT = 30.0  # seconds that a client has between its claim and the aliases
POLL_INTERVAL = 0.25
CHAMPION = "champion"
CLAIM_PREFIX = "handover"
DONE_SUFFIX = "/done"
CLAIM_PATTERN = re.compile(r"version (\d+), ")


@dataclass(frozen=True)
class RegistryAlias:
    """An alias of a registered model. What held it before has an alias of its own."""

    model: str
    alias: str = CHAMPION

    @property
    def previous(self) -> str:
        """The alias that keeps the way back."""
        return "previous" if self.alias == CHAMPION else f"previous-{self.alias}"

    @property
    def claim_key(self) -> str:
        """Where handovers are written, in the characters that a parameter may have."""
        return re.sub(r"[^\w.\-/ ]", "_", f"{CLAIM_PREFIX}/{self.model}/{self.alias}")


@dataclass(frozen=True)
class AliasState:
    """Which versions hold the two aliases; `claims` were made on `run`, all of them done."""

    current: str | None
    previous: str | None
    run: str
    claims: int


def read_alias(client: MlflowClient, seat: RegistryAlias) -> AliasState:
    """Return who has the seat; a handover under way is waited for, a lost one is finished."""
    deadline = time.monotonic() + CLAIM_TIMEOUT
    while True:
        holder, previous = current_and_previous(client, seat)
        run = _claim_run(client, seat, holder)
        claims = _claims(client, seat, run)
        if current_and_previous(client, seat)[0] != holder:
            continue  # it was handed over between the two calls
        open_claim = next((key for key in claims if f"{key}{DONE_SUFFIX}" not in claims[key]), None)
        if open_claim is None:
            return AliasState(holder, previous, run, len(claims))
        if time.monotonic() > deadline:
            version = _claimed_version(claims[open_claim][open_claim])
            _set_aliases(client, seat, holder, version, _Claim(run, open_claim))
        time.sleep(POLL_INTERVAL)


def move_alias(client: MlflowClient, seat: RegistryAlias, state: AliasState, version: str) -> bool:
    """Give the seat to a version, as long as `state` is what it was. False: others were faster."""
    claim = _Claim(state.run, f"{seat.claim_key}/{state.claims + 1}")
    started = time.monotonic()
    try:
        client.log_param(claim.run, claim.key, f"version {version}, {uuid.uuid4().hex}")
    except MlflowException as error:
        refused = error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE)
        if refused and claim.key in client.get_run(claim.run).data.params:
            return False
        raise
    if time.monotonic() - started > CLAIM_TIMEOUT / 2:
        read_alias(client, seat)  # by now another may be finishing it: it is done when this returns
        return True
    _set_aliases(client, seat, state.current, version, claim)
    return True


def current_and_previous(
    client: MlflowClient, seat: RegistryAlias
) -> tuple[str | None, str | None]:
    """Return the versions that the aliases name now, seat and previous."""
    aliases = client.get_registered_model(seat.model).aliases
    found = [aliases.get(alias) for alias in (seat.alias, seat.previous)]
    holder, previous = (None if version is None else str(version) for version in found)
    return holder, previous


@dataclass(frozen=True)
class _Claim:
    run: str
    key: str


def _set_aliases(
    client: MlflowClient, seat: RegistryAlias, old: str | None, version: str, claim: _Claim
) -> None:
    """Set both aliases and close the claim. The way back first: it must never be missing."""
    # A claim on the run of the version that comes was left open by a client that died at the
    # very last: its aliases were set. Left so, it would be taken for one that is under way.
    coming = _run_of_version(client, seat, version)
    for key, found in _claims(client, seat, coming).items():
        if f"{key}{DONE_SUFFIX}" not in found and _Claim(coming, key) != claim:
            _close(client, _Claim(coming, key))
    if old is not None and old != version:
        client.set_registered_model_alias(seat.model, seat.previous, old)
    client.set_registered_model_alias(seat.model, seat.alias, version)
    _close(client, claim)


def _close(client: MlflowClient, claim: _Claim) -> None:
    client.log_param(claim.run, f"{claim.key}{DONE_SUFFIX}", "aliases set")


def _claim_run(client: MlflowClient, seat: RegistryAlias, holder: str | None) -> str:
    """Return the run on which the next handover is claimed."""
    if holder is not None:
        return _run_of_version(client, seat, holder)
    versions = client.search_model_versions(
        f"name = '{seat.model}'", order_by=["version_number ASC"], max_results=1
    )
    if not versions:
        raise UserError(
            f"registered model {seat.model!r} has no versions; run a study first, its finals become"
            " versions"
        )
    return _run_of_version(client, seat, str(versions[0].version))


def _run_of_version(client: MlflowClient, seat: RegistryAlias, version: str) -> str:
    run = client.get_model_version(seat.model, version).run_id
    if not run:
        raise UserError(
            f"version {version} of {seat.model} has no MLflow run, so no final made it: nothing is"
            " known of it, and it cannot take part. Take its alias away, or delete the version"
        )
    return str(run)


def _claims(client: MlflowClient, seat: RegistryAlias, run: str) -> dict[str, dict[str, str]]:
    """Return by claim its parameters: itself, and that it is done."""
    params = client.get_run(run).data.params
    place = re.compile(re.escape(seat.claim_key) + r"/\d+")
    return {
        key: {name: params[name] for name in (key, f"{key}{DONE_SUFFIX}") if name in params}
        for key in sorted(params, key=lambda name: (len(name), name))
        if place.fullmatch(key)
    }


def _claimed_version(value: str) -> str:
    match = CLAIM_PATTERN.match(value)
    if match is None:
        raise UserError(
            f"this version cannot read the handover {value!r}: bring this installation up to date,"
            " or set the aliases by hand"
        )
    return match[1]


def parse_alias(experiment: Experiment, wanted: str | None) -> RegistryAlias:
    """Return which alias of which model is meant: NAME@ALIAS, NAME or @ALIAS; None: champion."""
    model, mark, alias = (wanted or "").partition("@")
    if mark and not alias:
        raise UserError(f"{wanted!r} names no alias; expected NAME@ALIAS, such as faceseg@champion")
    return RegistryAlias(model or experiment.tracking.registered_model, alias or CHAMPION)
