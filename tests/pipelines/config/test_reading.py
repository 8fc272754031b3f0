"""Reading experiments: bases, overrides, environment variables, and every error message."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.config import Experiment, load

REPOSITORY = Path(__file__).parents[3]
EXPERIMENTS = sorted((REPOSITORY / "experiments").glob("*.yaml"))
# A file, and parts of its error message: the dotted key, and what is valid there.
WRONG = [
    ("trainig: {}", ("trainig: unknown key", "'training'")),
    ("architectures: {unet: {alpa: 1}}", ("architectures.unet.alpa: unknown key", "'alpha'")),
    (
        "training: {augmentation: {rotation: 1}}",
        ("training.augmentation.rotation: unknown key", "'rotation_degrees'"),
    ),
    (
        "training: {augmentation: {rotaton_degrees: 1}}",
        ("training.augmentation.rotaton_degrees: unknown key", "'rotation_degrees'"),
    ),
    (
        "training: {occluders: {kinds: [hand]}}",
        ("training.occluders.kinds.0", "'bottle', 'cup', 'fan'", "'hand'"),
    ),
    (
        "search: {space: {lerning_rate: {low: 1, high: 2}}}",
        ("search.space.lerning_rate: unknown key", "'learning_rate'"),
    ),
    (  # an optional section
        "search: {space: {weight_decay: {low: 1, high: 2, hihg: 3}}}",
        ("search.space.weight_decay.hihg: unknown key", "'high'"),
    ),
    (  # a union of two sections
        "data: {classes: {names: [a, b], palete: []}}",
        ("data.classes.palete: unknown key", "'palette'"),
    ),
    ("wholly_different: 1", ("wholly_different: unknown key; valid keys: name, ", "storage")),
    ("architectures: {unt: {}}", ("architectures.unt: unknown architecture", "'unet'")),
    (
        "architectures: {segnet: {output_stride: 8}}",
        ("architectures.segnet has no option output_stride", "encoder_weights"),
    ),
    (
        "architectures: {segnet: {encoder: mit_b0}}",
        ("architectures.segnet has no encoder mit_b0", "vgg, mobilenetv2"),
    ),
    ("architectures: {unet: null}", ("architectures: at least one is required",)),
    ("training: {epochs: many}", ("training.epochs: ", "integer", "got 'many'")),
    ("training: {batch_size: 0}", ("training.batch_size: ", "greater than", "got 0")),
    ("seed: 1.5", ("seed: ", "integer", "got 1.5")),
    ("name: a/b", ("name: ", "letters from A to Z, digits", "got 'a/b'")),
    ("data: {image_size: [65, 64]}", ("data: image_size [65, 64]: both must be multiples of 32",)),
    ("data: {source: directory}", ("data: source 'directory' requires a path",)),
    ("data: {path: x}", ("data: source 'drawn' takes no path", "'directory'")),
    ("data: {classes: lappa}", ("data.classes: ", "or 'facesynthetics'; got 'lappa'")),
    (
        "data: {source: celebamask-hq, path: a, mapping: {hat: {too: hair}}}",
        ("data.mapping.hat.too: unknown key; did you mean 'to'?", "data.mapping.hat.where: "),
    ),
    ("data: {source: celebamask-hq, path: a, mapping: {hat: 5}}", ("data.mapping.hat: ",)),
    ("data: {source: celebamask-hq}", ("data: source 'celebamask-hq' requires a path",)),
    (
        "data: {source: coco, path: a.json, labels: masks}",
        ("data: source 'coco' takes neither labels nor label_size",),
    ),
    (
        "finals: {early_stopping: soon}",
        (
            "finals.early_stopping: Input should be 'training'",
            "finals.early_stopping: Input should be a",
        ),
    ),
    ("data: {mapping: {hat: hair}}", ("data: source 'drawn' takes neither mapping nor shares",)),
    (
        "data: {source: celebamask-hq, path: a, shares: [80, 10, 20]}",
        ("data.shares: the shares of train, val and test are three whole numbers",),
    ),
    (
        "search: {first: [{learning_rate: 5.0}]}",
        ("search.first: learning_rate 5.0 is outside search.space",),
    ),
    (
        "search: {first: [{batch_size: 9}]}",
        ("search.first: batch_size 9.0 is outside search.space",),
    ),
    (
        "search: {first: [{dice_weight: 1.0}]}",
        ("search.first: ['dice_weight'] are not tuned; tuned are ['batch_size', 'learning_rate']",),
    ),
    (
        "search: {space: {learning_rate: {low: 2, high: 1}}}",
        ("search.space.learning_rate: a range requires low < high",),
    ),
    (  # found when the file is read, not when the search samples it
        "search: {space: {augmentation_strength: {low: 0, high: 9}}}",
        ("search.space.augmentation_strength: 9.0 is not valid", "less than or equal to 3"),
    ),
    (
        "search: {space: {batch_size: {choices: [8, 0]}}}",
        ("search.space.batch_size: 0 is not valid",),
    ),
    (
        "training: {cross_entropy_weight: 0, dice_weight: 0}",
        ("dice_weight and lovasz_weight are all 0", "above 0"),
    ),
    ("- a\n- b", ("must contain keys and values, not list",)),
    ("", ("must contain keys and values, not NoneType",)),
    ("seed: [", ("is not plain YAML",)),
    ("seed: !!python/object/apply:os.getcwd []", ("is not plain YAML", "python/object/apply")),
    ("seed: !!python/name:os.system", ("is not plain YAML", "python/name")),
    (
        "base: other.yaml",
        ("there is no experiment file", "other.yaml; ", "contains experiment.yaml"),
    ),
    ("description: ${FACESEG_NOT_SET}", ("environment variable FACESEG_NOT_SET is not set",)),
]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str, name: str = "experiment.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return to_file


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_included_experiments_load(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACESEG_DATA", "/data")
    experiment = load(path)
    assert experiment.name == path.stem
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("# Purpose:")


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[text for text, _ in WRONG])
def test_error_messages_contain_the_key_and_the_remedy(
    text: str, words: tuple[str, ...], write: Write
):
    with pytest.raises(UserError) as refused:
        load(write(text))
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "function-after" not in message  # not pydantic's name of a branch


def test_several_errors_are_reported_together(write: Write):
    with pytest.raises(UserError) as refused:
        load(write("sead: 1\ntraining: {epochs: 0}"))
    assert "sead: unknown key; did you mean 'seed'?" in str(refused.value)
    assert "training.epochs: " in str(refused.value)


def test_the_message_on_a_missing_file_lists_its_neighbours(write: Write):
    write("seed: 1", "quickstart.yaml")
    with pytest.raises(UserError, match=r"no experiment file .*quikstart.yaml; .* quickstart.yaml"):
        load(write("seed: 1").with_name("quikstart.yaml"))


def test_a_folder_is_not_an_experiment(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read as an experiment"):
        load(tmp_path)


def test_a_derived_experiment_contains_only_the_differences(write: Write):
    write("name: a\ndescription: of a\nseed: 3\ntraining: {epochs: 5, batch_size: 4}", "first.yaml")
    write("base: first.yaml\ntraining: {epochs: 6}", "second.yaml")
    variant = load(write("base: second.yaml\ntraining: {warmup: 0.5}", "third.yaml"))
    assert variant.name == "third"  # not the name of its base
    assert variant.description == ""  # nor its description
    assert variant.seed == 3
    assert (variant.training.epochs, variant.training.batch_size) == (6, 4)
    assert variant.training.warmup == 0.5


def test_a_derived_experiment_adds_and_removes_architectures(write: Write):
    write("architectures: {unet: {alpha: 0.5}, pspnet: {}}", "base.yaml")
    variant = load(
        write("base: base.yaml\narchitectures: {unet: {width: 0.5}, pspnet: null, segnet: {}}")
    )
    assert list(variant.architectures) == ["unet", "segnet"]
    assert variant.architectures["unet"].options() == {"alpha": 0.5, "width": 0.5}


def test_a_list_replaces_its_base(write: Write):
    write("robustness: {kinds: [blob, hand]}", "base.yaml")
    variant = load(write("base: base.yaml\nrobustness: {kinds: [patches]}"))
    assert variant.robustness.kinds == ("patches",)


@pytest.mark.parametrize("base", ["experiment.yaml", "other.yaml"])
def test_circular_bases_are_refused(base: str, write: Write):
    write("base: experiment.yaml", "other.yaml")
    with pytest.raises(UserError, match="is its own base"):
        load(write(f"base: {base}"))


def test_overrides_have_precedence(write: Write):
    path = write("seed: 1\ntraining:\nsearch: {trials: 3}")
    experiment = load(
        path,
        ("seed=2", "search.trials=50", "training.epochs=7", "data.image_size=[64, 96]", "name=b"),
    )
    assert (experiment.seed, experiment.search.trials, experiment.training.epochs) == (2, 50, 7)
    assert experiment.data.image_size == (64, 96)
    assert experiment.name == "b"


def test_the_last_of_two_overrides_wins(write: Write):
    assert load(write("seed: 1"), ("seed=2", "seed=3")).seed == 3


def test_an_overlay_overrides_an_experiment(write: Write):
    write("training: {epochs: 2, warmup: 0.2}", "below.yaml")
    small = write(
        "base: below.yaml\ndata: {image_size: [32, 32]}\ntraining: {epochs: 3}", "small.yaml"
    )
    path = write("seed: 4\ntraining: {epochs: 9, batch_size: 4}")
    experiment = load(path, (f"@{small}", "training.batch_size=2"))
    assert (experiment.name, experiment.seed) == ("experiment", 4)
    assert experiment.data.image_size == (32, 32)
    training = experiment.training
    assert (training.epochs, training.batch_size, training.warmup) == (3, 2, 0.2)
    assert load(path, ("training.epochs=1", f"@{small}")).training.epochs == 3  # the last wins


def test_a_missing_overlay_is_refused(write: Write):
    path = write("seed: 1")
    with pytest.raises(UserError, match=r"no experiment file .*smal\.yaml; .* experiment\.yaml"):
        load(path, (f"@{path.with_name('smal.yaml')}",))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", "--set requires KEY=VALUE"),
        ("=4", "--set requires KEY=VALUE"),
        ("seed.x=4", "'seed' is a value, not a section"),
        ("seed=[", "the value is not plain YAML"),
        ("seed=!!python/name:os.system", "the value is not plain YAML"),
        ("search.trails=4", "search.trails: unknown key; did you mean 'trials'?"),
    ],
)
def test_a_wrong_override_is_refused(override: str, words: str, write: Write):
    with pytest.raises(UserError) as refused:
        load(write("seed: 1"), (override,))
    assert words in str(refused.value)


def test_environment_variables_are_replaced(write: Write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACESEG_TEST_FOLDER", "/faces")
    path = write("data: {source: directory, path: '${FACESEG_TEST_FOLDER}/lapa'}")
    assert load(path).data.path == Path("/faces/lapa")


def test_the_resolved_experiment_written_out_is_the_same_experiment(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACESEG_DATA", "/data")
    for path in EXPERIMENTS:
        experiment = load(path)
        again = load(write(experiment.as_yaml()))
        assert again == experiment
        assert again.study == experiment.study


def test_numbers_written_with_an_exponent_are_numbers(write: Write):
    """YAML 1.1 reads 1e-3 as text."""
    assert load(write("training: {learning_rate: 1e-3}")).training.learning_rate == 0.001


def test_the_home_folder_is_expanded(write: Write):
    assert load(write("storage: ~/runs")).storage == Path.home() / "runs"


def test_an_experiment_is_frozen(write: Write):
    experiment: Experiment = load(write("seed: 1"))
    with pytest.raises(ValueError, match="frozen"):
        experiment.seed = 2
