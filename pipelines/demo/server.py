"""`faceseg demo`: the page's server, on loopback or behind a password; it contacts no other."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image
from rich.console import Console

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.drawn import draw_face
from faceseg.data.images import read_image
from faceseg.detection.opening import open_detector
from faceseg.errors import UserError
from pipelines.config import server_access
from pipelines.demo.networks import DEFAULT_MODEL, open_networks
from pipelines.demo.photograph import MAX_BYTES
from pipelines.demo.rendering import TEMPLATES

if TYPE_CHECKING:
    import gradio
    from fastapi import FastAPI

USER = "faceseg"
SHUTDOWN_SECONDS = 2  # for running requests to finish when the server stops
# With this policy a browser loads nothing from other servers, even if a page requests it.
CONTENT_POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
EXAMPLES = 6
EXAMPLE_SIDE = 384  # pixels
EXAMPLE_DIFFICULTY = 0.5


def password_for(host: str) -> str | None:
    """Return the password of the page, or None for a loopback address without one.

    Raises:
        UserError: `host` is not a loopback address, and no password is set.
    """
    return server_access.server_token(
        required=not server_access.is_loopback(host),
        because=f"--host {host} makes the page reachable from other machines (user {USER!r})",
    )


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Bind a port (0: any free one).

    Raises:
        UserError: The port cannot be bound.
    """
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=kind)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port}: {error}; give another --port or --host"
        ) from error
    with listener:
        yield listener


def create_application(page: "gradio.Blocks", password: str | None) -> "FastAPI":
    """Return the page as a web application; `password` None serves it without one."""
    import gradio
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    application = FastAPI(openapi_url=None)

    @application.middleware("http")
    async def check_sender(request: Any, call_next: Any) -> Any:
        refusal = server_access.foreign_request(
            request.method, request.headers, check_host=password is None
        )
        if refusal:
            status, reason = refusal
            return PlainTextResponse(reason, status)
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        return response

    gradio.mount_gradio_app(
        application,
        page,
        "/",
        auth=None if password is None else (USER, password),
        app_kwargs={"openapi_url": None},
        max_file_size=MAX_BYTES,
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        theme=_theme(),
        css=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        head=f"<script>{(TEMPLATES / 'page.js').read_text(encoding='utf-8')}</script>",
    )
    # Gradio checks the folder of a requested file only after a launch; before, it serves any file.
    page.has_launched = True
    return application


def serve(application: "FastAPI", listener: socket.socket) -> None:
    """Serve the application until Ctrl-C or SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        application,
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has stopped by then and re-raises the signal
        return


def configure_gradio(folder: Path) -> None:
    """Make Gradio store uploads in a folder, and send no analytics."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def _theme() -> Any:
    import gradio

    fonts = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    return gradio.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        font=fonts,
        font_mono=("ui-monospace", "monospace"),
    ).set(  # Gradio's grey has too little contrast
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def serve_demo(
    models: Sequence[str],
    console: Console,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    tracking: str | None = None,
    faces: bool = False,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        models: Models as `faceseg predict` accepts them; by default the champion.
        console: Receives the address of the page.
        host: The address to listen on.
        port: The port to listen on; 0 for any free one.
        tracking: The MLflow tracking URI, for models that are stored in MLflow.
        faces: Whether to find the faces and to label each as its own crop.

    Raises:
        UserError: Gradio or the password is missing, the port is in use, or a model cannot be
            opened.
    """
    if find_spec("gradio") is None:
        raise UserError("the page needs Gradio: pip install 'faceseg[demo]'")
    password = password_for(host)
    with (
        bound_socket(host, port) as listener,
        TemporaryDirectory(prefix="faceseg-demo-") as folder,
        DecoderProcesses(1) as decoders,  # the page labels one photograph at a time
    ):
        configure_gradio(Path(folder))
        with console.status("opening the models"):
            networks = open_networks(models or [DEFAULT_MODEL], tracking)
            examples = draw_examples(Path(folder) / "examples")
            for network in networks:  # traces them, so that the first visitor need not wait
                network.predictor.predict(read_image(examples[0]))
        from pipelines.demo.page import build_page

        blocks = build_page(
            networks, examples, Path(folder), decoders, open_detector() if faces else None
        )
        page = create_application(blocks, password)
        bound_port = listener.getsockname()[1]
        bound_host = f"[{host}]" if ":" in host else host
        console.print(f"http://{bound_host}:{bound_port} (Ctrl-C stops it)", highlight=False)
        serve(page, listener)
    console.print("stopped; all uploads were deleted", highlight=False)


def draw_examples(folder: Path) -> list[Path]:
    """Draw faces for visitors without a photograph; return their files."""
    folder.mkdir(parents=True)
    paths = []
    for number in range(EXAMPLES):
        path = folder / f"drawn-{number + 1}.png"
        face = draw_face((0, "demo", number), EXAMPLE_SIDE, EXAMPLE_DIFFICULTY)
        Image.fromarray(face.image).save(path)
        paths.append(path)
    return paths
