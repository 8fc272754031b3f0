"""The served model follows its alias, and keeps the old version if the new one fails."""

from pipelines.serve import served_model
from pipelines.serve.served_model import ModelSource
from tests.pipelines.serve.fake_source import FakeSource, service_for
from tests.pipelines.serve.sample_photographs import encoded, red_and_blue

PHOTO = encoded(red_and_blue())


def test_requests_prepared_before_a_change_use_the_model_of_then(registry: FakeSource):
    running = service_for(registry)
    before = running._prepare(running.served_model.current, PHOTO, flip=False, faces=False)
    registry.address = "models:/served/2"
    running.served_model.refresh()
    after = running._prepare(running.served_model.current, PHOTO, flip=False, faces=False)
    mixed = running._through_network([before, after, before])
    assert [int(each[0][16, 4].argmax()) for each in mixed] == [1, 6, 1]
    assert running.served_model.current.version == "2"
    loads = registry.loads
    running.served_model.refresh()
    assert registry.loads == loads


def test_the_old_version_stays_if_the_new_one_cannot_be_loaded(registry: FakeSource):
    clock = [0.0]
    found: list[str] = []
    follower = served_model.ServedModel(
        registry, lambda each: found.append(each.version), lambda: clock[0]
    )
    registry.address = "models:/served/3"
    follower.refresh()
    assert "models:/served/3 cannot be loaded" in follower.trouble
    follower.refresh()
    assert registry.loads == 2  # no retry yet
    clock[0] = served_model.RETRY_AFTER + 1
    follower.refresh()
    assert registry.loads == 3
    assert follower.current.version == "1"
    registry.address = "models:/served/2"
    follower.refresh()
    assert (follower.current.version, follower.trouble) == ("2", "")
    assert found == ["1", "2"]


def test_an_unreachable_registry_leaves_the_model_in_use(registry: FakeSource):
    follower = served_model.ServedModel(registry, lambda _: None)
    registry.unreachable = True
    follower.refresh()
    assert "no route to MLflow" in follower.trouble
    assert follower.current.version == "1"
    registry.unreachable = False
    follower.refresh()
    assert follower.trouble == ""


def test_a_fixed_address_is_no_alias():
    assert ModelSource("models:/faceseg@champion", "sqlite:///x.db").is_alias
    assert not ModelSource("models:/faceseg/3", "sqlite:///x.db").is_alias
    assert not ModelSource("best.keras", "").is_alias
