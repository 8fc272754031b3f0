"""The tasks of one backend, in its own process.

    python -m tests.benchmarks.backends.backend_process TASK …

KERAS_BACKEND selects the backend. Tasks exchange arrays in `.npz` files and networks in `.keras`
files of one folder.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NETWORKS = {
    "unet": {"alpha": 0.35, "width": 0.5, "batch_norm_momentum": 0.9},
    "pspnet": {"alpha": 0.35, "width": 0.5, "batch_norm_momentum": 0.9},
    "segnet": {"width": 0.25, "batch_norm_momentum": 0.9},
}
SIZE, CLASSES, BATCH = (64, 64), 11, 4
STEPS = {"epochs": 15, "batch_size": 8, "learning_rate": 1e-2}


def precise() -> None:
    """Compute float32 products in float32; on GPUs the frameworks default to TF32."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif keras.backend.backend() == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def batch() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (B, H, W, 3) and labels (B, H, W) of drawn faces."""
    from faceseg.data.drawn import DrawnFaces

    drawn = DrawnFaces(counts={"train": BATCH}, size=SIZE[0], difficulty=0.7)
    faces = [each.read() for each in drawn.items("train")]
    return np.stack([image for image, _ in faces]), np.stack([labels for _, labels in faces])


def pack(folder: Path) -> Path:
    """Return the drawn faces' pack in the folder; create it if it is missing."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    faces = DrawnFaces(counts={"train": 64, "val": 24, "test": 1}, size=2 * SIZE[0], difficulty=0.7)
    return build_pack(faces, folder / "packs", LAPA, SIZE, "stop")[0]


def equality(folder: Path) -> None:
    """Write logits, loss and every gradient of each network at the folder's common weights.

    The first backend writes the weights. One pass fits them to the statistics of the batch, so that
    logits are as large as those of trained networks.
    """
    import keras

    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings

    images, labels = batch()
    for name, options in NETWORKS.items():
        compiled = CompiledNetwork(
            NetworkSpec(architecture=name, image_size=SIZE, num_classes=CLASSES, options=options),
            TrainingSettings(),
        )
        weights = folder / f"weights-{name}.npz"
        if not weights.exists():
            compiled.model(images, training=True)
            np.savez(weights, *[np.asarray(each) for each in compiled.model.variables])
        with np.load(weights) as stored:
            for variable, value in zip(compiled.model.variables, stored.values(), strict=True):
                variable.assign(value)
        keeper = Gradients()
        compiled.model.compile(optimizer=keeper)
        keeper.build(compiled.model.trainable_variables)
        logits = np.asarray(compiled.network.predict_on_batch(images))
        loss = compiled.model.train_on_batch(images, labels, return_dict=True)["loss"]
        gradient = keeper.vector()
        nudge(compiled.model.trainable_variables)
        compiled.model.train_on_batch(images, labels)
        np.savez(
            folder / f"{keras.backend.backend()}-{name}.npz",
            logits=logits, loss=np.float64(loss), gradient=gradient,
            nudged=keeper.vector(),
        )  # fmt: skip


def nudge(variables: list[Any]) -> None:
    """Change every weight by one rounding, as any other order of summation does."""
    draws = np.random.default_rng(0)
    for variable in variables:
        value = np.asarray(variable)
        signs = draws.choice(np.array([-1, 1], np.float32), value.shape)
        variable.assign(value * (1 + signs * np.finfo(np.float32).eps))


def Gradients() -> Any:  # noqa: N802
    """Return an optimiser that stores the gradient of each variable, and changes none."""
    import keras

    class Keeper(keras.optimizers.Optimizer):
        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self.kept = [
                self.add_variable_from_reference(each, name="gradient") for each in variables
            ]

        def vector(self) -> NDArray[np.float32]:
            return np.concatenate([np.asarray(each).ravel() for each in self.kept])

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            self.assign(self.kept[self._get_variable_index(variable)], gradient)

    return Keeper(learning_rate=0.0)


def fit(folder: Path) -> None:
    """Train each network briefly and save it as `<backend>-<network>.keras`."""
    import keras

    from faceseg.data.classes import LAPA
    from faceseg.data.split import open_split
    from faceseg.networks.saving import save_network
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.loop import TrainingData, train
    from faceseg.training.settings import TrainingSettings

    backend = keras.backend.backend()
    settings = TrainingSettings(**STEPS)
    material = TrainingData(
        open_split(pack(folder), "train"), open_split(pack(folder), "val"), LAPA
    )
    for name, options in NETWORKS.items():
        compiled = CompiledNetwork(
            NetworkSpec(architecture=name, image_size=SIZE, num_classes=CLASSES, options=options),
            settings,
        )
        train(
            compiled, settings, material,
            seed=1, folder=folder / "state" / f"{backend}-{name}", on_epoch=lambda epoch: True,
        )  # fmt: skip
        save_network(
            compiled.network, folder / f"{backend}-{name}.keras", LAPA, {"backend": backend}
        )


def score(folder: Path) -> None:
    """Score every saved network on the validation faces: IoU and the predicted labels."""
    import keras

    from faceseg.data.split import open_split
    from faceseg.inference.predictor import load
    from faceseg.metrics.confusion_matrix import confusion, scores

    split = open_split(pack(folder), "val")
    pairs = [split.original(index) for index in range(len(split))]
    truth = np.stack([labels for _, labels in pairs])
    found: dict[str, NDArray[Any]] = {}
    for file in sorted(folder.glob("*.keras")):
        predictor = load(file)
        labels = np.stack([predictor.predict(image) for image, _ in pairs])
        found[f"{file.stem}/labels"] = labels
        iou = scores(confusion(truth, labels, CLASSES), predictor.classes)["iou"]
        found[f"{file.stem}/iou"] = np.float64(iou)
    np.savez(folder / f"scores-{keras.backend.backend()}.npz", **found)


TASKS = {"equality": equality, "fit": fit, "score": score}


def main() -> None:
    """Run one task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpus", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    from faceseg.backends.device import configure_device

    configure_device(given.threads, given.gpus)
    precise()
    TASKS[given.task](given.folder)


if __name__ == "__main__":
    main()
