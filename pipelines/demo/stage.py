"""`faceseg demo`: a page on which to try models."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from rich.console import Console

from faceseg.data.drawn import draw_face
from faceseg.data.images import read_image
from faceseg.errors import UserError
from pipelines.demo.networks import DEFAULT, open_networks
from pipelines.demo.serving import (
    application,
    listening,
    password_for,
    serve,
    temporary_files,
)

EXAMPLES = 6
EXAMPLE_SIDE = 384  # pixels
EXAMPLE_DIFFICULTY = 0.5


def run(
    models: Sequence[str],
    console: Console,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    tracking: str | None = None,
) -> None:
    """Serve the page until Ctrl-C. UserError for a host without a password, or a taken port."""
    if find_spec("gradio") is None:
        raise UserError("the page needs Gradio: pip install 'faceseg[demo]'")
    password = password_for(host)
    with listening(host, port) as listener, TemporaryDirectory(prefix="faceseg-demo-") as folder:
        temporary_files(Path(folder))
        with console.status("opening the models"):
            networks = open_networks(models or [DEFAULT], tracking)
            examples = draw_examples(Path(folder) / "examples")
            for network in networks:  # compiled now, so that the first visitor need not wait
                network.predictor.predict(read_image(examples[0]))
        from pipelines.demo.page import build

        page = application(build(networks, examples, Path(folder)), password)
        taken = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        console.print(f"http://{shown}:{taken} (Ctrl-C ends it)", highlight=False)
        serve(page, listener)
    console.print("ended; what was uploaded is removed", highlight=False)


def draw_examples(folder: Path) -> list[Path]:
    """Draw faces that can be tried without a photograph of one's own."""
    folder.mkdir(parents=True)
    paths = []
    for number in range(EXAMPLES):
        path = folder / f"drawn-{number + 1}.png"
        face = draw_face((0, "demo", number), EXAMPLE_SIDE, EXAMPLE_DIFFICULTY)
        Image.fromarray(face.image).save(path)
        paths.append(path)
    return paths
