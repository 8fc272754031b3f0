"""The formats of networks that run no code when they are read; how to convert others."""

from pathlib import Path

from faceseg.errors import UserError

READ = (".onnx", ".tflite", ".keras")
MAX_BYTES = 2**31 - 1  # of a file; protobuf, in which ONNX files are written, allows no more

_TORCH = (
    "a file of torch may run code when it is read. Convert it where you trust it: "
    "torch.onnx.export(network.eval(), torch.zeros(1, 3, 512, 512), 'network.onnx', "
    "external_data=False)"
)
_TENSORFLOW = (
    "a SavedModel may run code when it is read. Convert it where you trust it: "
    "tf.lite.TFLiteConverter.from_saved_model(FOLDER).convert(), written to a .tflite file"
)
_PICKLE = "a pickle runs code when it is read. Load it where you trust it, and export it as ONNX"
_HDF5 = (
    "Keras's older format may contain code. Convert it where you trust it: "
    "keras.saving.load_model(FILE, compile=False).save('network.keras')"
)
REFUSED = {
    **dict.fromkeys((".pt", ".pth", ".pt2", ".ckpt", ".torchscript", ".mar", ".bin"), _TORCH),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".npy", ".npz"), _PICKLE),
    **dict.fromkeys((".h5", ".hdf5"), _HDF5),
    ".pb": _TENSORFLOW,
    ".safetensors": "it contains weights without a network: build the network, and export it",
}


def check_format(path: Path) -> None:
    """Raise UserError unless `path` is a file of a format that runs no code, and not too large."""
    suffix = path.suffix.lower()
    if suffix in REFUSED:
        raise UserError(f"{path} is refused: {REFUSED[suffix]}")
    if (path / "saved_model.pb").exists():
        raise UserError(f"{path} is refused: {_TENSORFLOW}")
    if suffix not in READ:
        raise UserError(f"{path}: expected a file whose name ends in {', '.join(READ)}")
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} has {path.stat().st_size / 1e9:.1f} GB; at most 2 GB are read")
