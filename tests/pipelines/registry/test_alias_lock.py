"""An alias handed over by many at once: every handover rests on the one before it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.tracking import MlflowClient

from pipelines.registry import alias_lock
from pipelines.registry.alias_lock import (
    RegistryAlias,
    current_and_previous,
    move_alias,
    read_alias,
)
from pipelines.tracking import Tracker

MANY = 20
Versions = Callable[[int], tuple[MlflowClient, RegistryAlias]]


@pytest.fixture
def versions(signed_in: Tracker, model: str) -> Versions:
    """Make a registered model with so many versions, each of a run of its own."""

    def make(count: int) -> tuple[MlflowClient, RegistryAlias]:
        client = signed_in.client
        client.create_registered_model(model)
        for _ in range(count):
            run = client.create_run("0").info
            client.create_model_version(model, run.artifact_uri, run.run_id)
        return client, RegistryAlias(model)

    return make


def chain(client: MlflowClient, seat: RegistryAlias, first: str) -> list[str]:
    """Follow the claims from the first holder on; each version holds the seat once."""
    found = [first]
    while True:
        run = client.get_model_version(seat.model, found[-1]).run_id
        params = client.get_run(run).data.params
        claims = [
            key for key in params if key.startswith(seat.claim_key) and not key.endswith("/done")
        ]
        later = claims[1:] if len(found) == 1 else claims  # the free place was claimed there too
        if not later:
            return found
        assert len(later) == 1
        found.append(params[later[0]].removeprefix("version ").split(",")[0])


def test_of_many_who_saw_the_same_one_wins(versions: Versions):
    client, seat = versions(MANY + 1)
    move_alias(client, seat, read_alias(client, seat), "1")
    seen = read_alias(client, seat)
    with ThreadPoolExecutor(MANY) as pool:
        won = list(
            pool.map(lambda version: move_alias(client, seat, seen, str(version + 2)), range(MANY))
        )
    assert won.count(True) == 1
    assert current_and_previous(client, seat) == (str(won.index(True) + 2), "1")


def test_of_many_who_try_until_they_win_none_is_lost(versions: Versions):
    count = 5
    client, seat = versions(count + 1)
    move_alias(client, seat, read_alias(client, seat), "1")

    def insist(version: int) -> None:
        while not move_alias(client, seat, read_alias(client, seat), str(version)):
            pass

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(insist, range(2, count + 2)))
    order = chain(client, seat, "1")
    assert sorted(order, key=int) == [str(version) for version in range(1, count + 2)]
    assert current_and_previous(client, seat) == (order[-1], order[-2])


def test_a_handover_whose_client_died_is_finished_by_the_next(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
):
    client, seat = versions(2)
    move_alias(client, seat, read_alias(client, seat), "1")
    run = client.get_model_version(seat.model, "1").run_id
    client.log_param(run, f"{seat.key}/2", "version 2, a-client-that-died")
    monkeypatch.setattr(alias_lock, "CLAIM_TIMEOUT", 0.5)
    assert read_alias(client, seat).current == "2"
    assert current_and_previous(client, seat) == ("2", "1")


def test_a_client_that_died_at_the_very_last_is_not_taken_for_one_at_work(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
):
    client, seat = versions(2)
    move_alias(client, seat, read_alias(client, seat), "1")
    with monkeypatch.context() as broken:
        broken.setattr(alias_lock, "_close", lambda client, claim: None)  # it dies here
        move_alias(client, seat, read_alias(client, seat), "2")
    move_alias(client, seat, read_alias(client, seat), "1")
    state = read_alias(client, seat)
    assert (state.current, state.previous) == ("1", "2")


def test_a_claim_that_is_refused_for_another_reason_is_an_error(versions: Versions):
    client, seat = versions(1)
    state = read_alias(client, seat)
    client.delete_run(state.run)
    with pytest.raises(Exception, match="active"):
        move_alias(client, seat, state, "1")
