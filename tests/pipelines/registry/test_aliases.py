"""An alias that many clients move at once: each move follows the one before it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.tracking import MlflowClient

from pipelines.registry import aliases
from pipelines.registry.aliases import (
    RegistryAlias,
    current_and_previous,
    move_alias,
    read_alias,
)
from pipelines.tracking import Tracker

MANY = 20
Versions = Callable[[int], tuple[MlflowClient, RegistryAlias]]


@pytest.fixture
def versions(authenticated_tracker: Tracker, model: str) -> Versions:
    """Return a function that creates a registered model with N versions, each with its own run."""

    def make(count: int) -> tuple[MlflowClient, RegistryAlias]:
        client = authenticated_tracker.client
        client.create_registered_model(model)
        for _ in range(count):
            run = client.create_run("0").info
            client.create_model_version(model, run.artifact_uri, run.run_id)
        return client, RegistryAlias(model)

    return make


def order_of_versions(client: MlflowClient, alias: RegistryAlias, first: str) -> list[str]:
    """Follow the claims from the first version on; the alias pointed once to each version."""
    found = [first]
    while True:
        run = client.get_model_version(alias.model, found[-1]).run_id
        params = client.get_run(run).data.params
        claims = [
            key for key in params if key.startswith(alias.claim_key) and not key.endswith("/done")
        ]
        # The first version's run also contains the claim that created the alias.
        later = claims[1:] if len(found) == 1 else claims
        if not later:
            return found
        assert len(later) == 1
        found.append(params[later[0]].removeprefix("version ").split(",")[0])


def test_of_many_clients_with_the_same_state_one_moves_the_alias(versions: Versions):
    client, alias = versions(MANY + 1)
    move_alias(client, alias, read_alias(client, alias), "1")
    state = read_alias(client, alias)
    with ThreadPoolExecutor(MANY) as pool:
        won = list(
            pool.map(
                lambda version: move_alias(client, alias, state, str(version + 2)), range(MANY)
            )
        )
    assert won.count(True) == 1
    assert current_and_previous(client, alias) == (str(won.index(True) + 2), "1")


def test_of_many_clients_that_retry_each_moves_the_alias_once(versions: Versions):
    count = 5
    client, alias = versions(count + 1)
    move_alias(client, alias, read_alias(client, alias), "1")

    def retry(version: int) -> None:
        while not move_alias(client, alias, read_alias(client, alias), str(version)):
            pass

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(retry, range(2, count + 2)))
    order = order_of_versions(client, alias, "1")
    assert sorted(order, key=int) == [str(version) for version in range(1, count + 2)]
    assert current_and_previous(client, alias) == (order[-1], order[-2])


def test_a_move_whose_client_died_is_completed_by_the_next_client(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
):
    client, alias = versions(2)
    move_alias(client, alias, read_alias(client, alias), "1")
    run = client.get_model_version(alias.model, "1").run_id
    client.log_param(run, f"{alias.claim_key}/2", "version 2, a-client-that-died")
    monkeypatch.setattr(aliases, "CLAIM_TIMEOUT", 0.5)
    assert read_alias(client, alias).current == "2"
    assert current_and_previous(client, alias) == ("2", "1")


def test_a_claim_left_open_after_its_aliases_were_set_is_closed(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
):
    client, alias = versions(2)
    move_alias(client, alias, read_alias(client, alias), "1")
    with monkeypatch.context() as broken:
        broken.setattr(aliases, "_close", lambda client, claim: None)  # the client dies here
        move_alias(client, alias, read_alias(client, alias), "2")
    move_alias(client, alias, read_alias(client, alias), "1")
    state = read_alias(client, alias)
    assert (state.current, state.previous) == ("1", "2")


def test_a_claim_that_fails_for_another_reason_is_an_error(versions: Versions):
    client, alias = versions(1)
    state = read_alias(client, alias)
    client.delete_run(state.run)
    with pytest.raises(Exception, match="active"):
        move_alias(client, alias, state, "1")
