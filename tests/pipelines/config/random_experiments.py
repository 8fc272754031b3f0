"""Random experiments over the schema: every key, with values at and beyond its bounds.

The values of a field follow from its type and its bounds, so a new field is covered without a
change here. `BY_PATH` has the keys whose values depend on others, or on the size of a test.
"""

from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from faceseg.data.augmentation import Augmentation
from faceseg.data.classes import LAPA
from faceseg.data.training_occluders import KINDS as TRAINING_KINDS
from faceseg.robustness.suites import SUITES
from pipelines.config import Experiment
from pipelines.config.network_section import ARCHITECTURE_OPTIONS, ENCODERS
from tests.pipelines.config.hostile_values import (
    HOSTILE_NAMES,
    HOSTILE_VALUES,
    NAMED_PLACES,
    class_set,
    leaves,
    renamed,
    with_value,
)

Values = st.SearchStrategy[Any]
# Where a study runs and stores files is the test's own; downloads are not part of reading.
EXCLUDED = {
    *("storage", "checkpoints", "corruption_reference", "resources.address", "data.path"),
    *("tracking.uri", "tracking.database", "data.source", "data.label_resizing"),
    *("data.mapping", "data.shares"),  # only for other sources than drawn faces
}
PLAIN_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True)
NAMES = st.one_of(PLAIN_NAMES, st.sampled_from(["a" * 100, "wide", "lapa-2", "Z_9"]))
CLASS_NAMES = st.one_of(NAMES, st.sampled_from(["Œil gauche", "眉", "_x_", "left eye", "v1.2"]))


def experiments() -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    """Return random contents of an experiment's file, each as it is and with one value spoilt."""
    valid = _section(Experiment, "").map(_consistent)
    keys = [key for key in leaves(Experiment) if key not in EXCLUDED]
    value = st.tuples(st.just(with_value), st.sampled_from(keys), st.sampled_from(HOSTILE_VALUES))
    name = st.tuples(
        st.just(renamed), st.sampled_from(NAMED_PLACES), st.sampled_from(HOSTILE_NAMES)
    )
    return st.tuples(valid, st.one_of(value, name)).map(
        lambda drawn: (drawn[0], drawn[1][0](drawn[0], *drawn[1][1:]))
    )


def _section(model: type[BaseModel], path: str) -> Values:
    fields = {name: f"{path}.{name}".lstrip(".") for name in model.model_fields}
    optional = {
        name: BY_PATH[place] if place in BY_PATH else _field(model.model_fields[name], place)
        for name, place in fields.items()
        if place not in EXCLUDED and place != "name"
    }
    required = {
        name: optional.pop(name)
        for name, field in model.model_fields.items()
        if name in optional and field.is_required()
    }
    if not path:
        required["name"] = NAMES
    return st.fixed_dictionaries(required, optional=optional)


def _field(field: FieldInfo, path: str) -> Values:
    bounds: dict[str, float] = {}
    for each in field.metadata:
        bounds |= {
            key: getattr(each, key) for key in ("ge", "gt", "le", "lt") if hasattr(each, key)
        }
    return _values(field.annotation, bounds, path)


def _values(annotation: Any, bounds: dict[str, float], path: str) -> Values:
    """Return valid values of a type: mostly ordinary ones, and those at the bounds."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType, Annotated):
        types = inner[:1] if origin is Annotated else inner
        return st.one_of(*(_values(each, bounds, path) for each in types))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(_values(inner[0], {}, path), max_size=3)
    if origin is dict:
        return st.dictionaries(NAMES, _values(inner[1], {}, f"{path}.*"), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _section(annotation, path)
    return _scalar(annotation, bounds)


def _scalar(annotation: Any, bounds: dict[str, float]) -> Values:
    """Return values of a plain type within its bounds."""
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    simple: dict[Any, Callable[[], Values]] = {
        NoneType: st.none,
        bool: st.booleans,
        int: lambda: st.integers(
            int(low or 0) + ("gt" in bounds), int(high if high is not None else (low or 0) + 20)
        ),
        float: lambda: st.floats(
            low if low is not None else 0.0,
            high if high is not None else (low or 0.0) + 2.0,
            exclude_min="gt" in bounds,
            exclude_max="lt" in bounds,
            allow_subnormal=False,
        ),
        str: lambda: st.text(st.characters(codec="utf-8", exclude_characters="$\0"), max_size=20),
        Path: lambda: NAMES,
    }
    return simple[annotation]()


# --- Keys whose values depend on others, or on the size of a test.


def _range(low: float, high: float, *, log: bool = False) -> Values:
    pair = st.tuples(st.floats(low, high), st.floats(low, high)).filter(
        lambda ends: ends[0] != ends[1]
    )
    return pair.map(lambda ends: {"low": min(ends), "high": max(ends), "log": log})


def _kinds(suite: str) -> Values:
    return st.lists(st.sampled_from(SUITES[suite].kinds(LAPA)), min_size=1, max_size=3, unique=True)


SIDES = st.sampled_from([32, 64])
AUGMENTATION_PARTS = Augmentation.model_fields.keys() - {"flip", "strength"}
SMALL = st.floats(0.05, 0.3)
NETWORK_VALUES: dict[str, Values] = {
    "alpha": SMALL,
    "width": st.floats(0.02, 0.2),
    "encoder": st.nothing(),  # those of the architecture
    "encoder_weights": st.just("none"),
    "batch_norm_momentum": st.floats(0.1, 0.99),
    "pixels": st.sampled_from(["signed_rgb", "imagenet_rgb", "unit_bgr"]),
    "output_stride": st.sampled_from([8, 16]),
}


def _network(architecture: str) -> Values:
    options = {name: NETWORK_VALUES[name] for name in ARCHITECTURE_OPTIONS[architecture]}
    if "encoder" in options:
        options["encoder"] = st.sampled_from(ENCODERS[architecture])
    small = {name: options.pop(name) for name in ("alpha", "width")}  # the defaults are large
    return st.fixed_dictionaries(small, optional=options)


NETWORKS = {name: _network(name) for name in ARCHITECTURE_OPTIONS}
BY_PATH: dict[str, Values] = {
    "architectures": st.fixed_dictionaries({}, optional=NETWORKS).filter(bool),
    "variants": st.dictionaries(
        NAMES, st.sampled_from(list(NETWORKS)).flatmap(
            lambda of: NETWORKS[of].map(lambda options: {"of": of, **options})
        ), max_size=2,
    ),
    "ensemble": st.one_of(st.booleans(), st.just([["unet", "segnet"]])),
    "distil.student": st.just("unet"),
    "distil.teacher": st.sampled_from(["unet", "segnet", "ensemble", "ensemble.unet.segnet"]),
    "data.classes": st.one_of(
        st.just("lapa"),
        st.dictionaries(st.integers(0, 10), CLASS_NAMES, max_size=2).map(class_set),
    ),
    "data.labels": NAMES,
    "tracking.registered_model": CLASS_NAMES,
    "data.image_size": st.lists(SIDES, min_size=2, max_size=2),
    "data.drawn.train": st.integers(2, 6),
    "data.drawn.val": st.integers(1, 2),
    "data.drawn.test": st.integers(1, 2),
    "data.drawn.size": st.integers(32, 64),
    "training.precision": st.just("float32"),
    "search.space.learning_rate": _range(1e-6, 1.0, log=True),
    "search.space.batch_size": st.lists(st.integers(1, 64), min_size=1, max_size=4, unique=True)
    .map(lambda choices: {"choices": choices}),
    "search.space.weight_decay": _range(0.0, 1.0),
    "search.space.dice_weight": _range(0.0, 2.0),
    "search.space.cross_entropy_weight": _range(0.0, 2.0),
    "search.space.encoder_learning_rate_factor": _range(0.01, 1.0),
    "search.space.augmentation_strength": _range(0.0, 3.0),
    **{
        f"search.space.augmentation_{name}": _range(0.0, 0.1)  # valid for every part
        for name in AUGMENTATION_PARTS
    },
    "search.space.occluders_share": _range(0.0, 1.0),
    "training.occluders.kinds": st.lists(
        st.sampled_from(TRAINING_KINDS), min_size=1, max_size=3, unique=True
    ),
    "search.space.width": st.just({"choices": [0.05, 0.1]}),
    "search.space.alpha": st.just({"choices": [0.1, 0.35]}),
    "search.space.output_stride": st.none(),  # not every architecture has it
    "search.goals": st.sampled_from(
        [[], ["val/iou", "model/macs"], ["val/iou", "model/macs <= 1e9"]]
    ),
    "search.sampler": st.sampled_from(["tpe", "random"]),  # nsga3 requires goals
    "search.first": st.just([]),
    "search.budget": st.sampled_from([None, {"cpu_hours": 1.0}]),
    "search.warm_start": st.just("auto"),
    "robustness.kinds": _kinds("occlusion"),
    "robustness.corruption": _kinds("corruption"),
    "robustness.geometry": _kinds("geometry"),
    "resources.prices": st.sampled_from([None, {"cpu_hour": 0.1, "gpu_hour": 2, "kwh": 0.3}]),
    "resources.power": st.sampled_from([None, {"cpu": 8, "gpu": 300}]),
    "resources.gpus": st.sampled_from([0, 0.25, 1, 2]),
    "claims": st.lists(
        st.fixed_dictionaries(
            {
                "text": st.text("ab c<", min_size=1, max_size=9),
                "measure": st.sampled_from(["iou", "latency", "memory"]),
                "who": st.sampled_from(["unet", "ensemble", "pretrained", "wide"]),
                "direction": st.sampled_from(["higher", "lower", "between"]),
            }
        ),
        max_size=2,
    ),
}  # fmt: skip


def _consistent(content: dict[str, Any]) -> dict[str, Any]:
    """Return an experiment on small faces that uses the names of its own architectures."""
    data = {"image_size": [32, 32], **content.get("data", {})}
    data["drawn"] = {**{"train": 3, "val": 1, "test": 1, "size": 64}, **data.get("drawn", {})}
    architectures = content.get("architectures") or {"unet": {"alpha": 0.1, "width": 0.05}}
    variants = {
        name: {"of": each["of"], "width": each["width"]}
        for name, each in content.get("variants", {}).items()
        if each["of"] in architectures
    }
    consistent = {**content, "data": data, "architectures": architectures, "variants": variants}
    if not {"unet", "segnet"} <= architectures.keys():
        consistent |= {"distil": None, "ensemble": False}
    return consistent
