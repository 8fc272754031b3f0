"""The Gradio page: its controls and listeners. The results come from `inspection`.

Listeners receive the browser's data unchanged (`preprocess=False`), because Gradio would open an
upload before it is checked. They therefore also refuse data that no control can send.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr

from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.detection.face import FaceDetector
from faceseg.errors import UserError
from faceseg.robustness.occlusion import has_steps, kinds_for
from pipelines.demo import photograph, rendering
from pipelines.demo.inspection import OccluderChoice, inspect_photograph, severity_range
from pipelines.demo.networks import DemoNetwork, LabelCache

Upload = dict[str, Any] | None

ALL = "all, side by side"
NONE = "none"
MAX_WAITING_VISITORS = 20  # photographs in the queue; further visitors are refused
KEPT_SECONDS, SWEPT_SECONDS = 3600, 600  # the lifetime of uploads, and how often old ones go
SHOW_SCRIPT = "(shown) => { document.documentElement.dataset.shown = shown }"
OPACITY_SCRIPT = (
    "(percent) => { document.documentElement.style.setProperty('--opacity', percent / 100) }"
)


class PageInputs(NamedTuple):
    """The controls; the first five in the order of `PageController.show`'s parameters."""

    portrait: gr.Image
    chosen: gr.Radio
    kind: gr.Radio
    severity: gr.Slider
    replica: gr.State
    again: gr.Button


class PageController:
    """Handles the events of the page, for all visitors.

    Args:
        networks: The networks that the page offers; the first one places the occluders.
        uploads: The folder of the uploads.
        decoders: The processes that decode them.
        detector: Finds the faces, each of which is then labelled as its own crop; None to label
            whole photographs.
    """

    def __init__(
        self,
        networks: Sequence[DemoNetwork],
        uploads: Path,
        decoders: DecoderProcesses,
        detector: FaceDetector | None = None,
    ) -> None:
        self.uploads, self.decoders = uploads, decoders
        self.networks = {network.title: network for network in networks}
        self.first = networks[0]
        self.kinds = kinds_for(self.first.predictor.classes)
        self._cache = LabelCache(detector)

    def show(  # noqa: PLR0917  # Gradio passes the inputs by position
        self,
        upload: Upload,
        chosen: str,
        kind: str,
        severity: float,
        replica: int,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio's way to request it
    ) -> str:
        """Return the result as HTML; for a user error, its message."""
        if upload is None:
            return rendering.render_error("Add a portrait, or choose one of the drawn faces.")
        try:
            path = Path(upload["path"])
            picture = photograph.read_upload(path, self.uploads, self.decoders)
            occluder = None if kind == NONE else OccluderChoice(kind, float(severity), int(replica))
            inspection = inspect_photograph(
                picture,
                self._chosen(chosen),
                self.first,
                occluder,
                cache=self._cache,
                report=lambda done, total, name: progress(
                    (done, total), desc=name, unit="pictures"
                ),
            )
        except (UserError, ValueError) as error:
            return rendering.render_error(str(error))
        return rendering.render(inspection, picture)

    def severity_controls(self, kind: str) -> tuple[Any, Any]:
        """Return the severity's slider and the button for another occluder, adapted to a kind."""
        if kind not in self.kinds:
            return gr.Slider(visible=False), gr.Button(visible=False)
        severities = severity_range(kind)
        slider = gr.Slider(
            minimum=severities.low,
            maximum=severities.high,
            step=severities.step,
            value=severities.default,
            label="Severity" if has_steps(kind) else "Share of the face covered, %",
            visible=True,
        )
        return slider, gr.Button(visible=True)

    def _chosen(self, title: str) -> Sequence[DemoNetwork]:
        if title == ALL:
            return list(self.networks.values())
        if title not in self.networks:
            raise UserError(f"There is no network {title!r} on this page.")
        return [self.networks[title]]


def build_page(
    networks: Sequence[DemoNetwork],
    examples: Sequence[Path],
    uploads: Path,
    decoders: DecoderProcesses,
    detector: FaceDetector | None = None,
) -> gr.Blocks:
    """Return the page on which to try the networks.

    Args:
        networks: The networks to offer.
        examples: Image files to offer as examples.
        uploads: The folder in which Gradio stores all files.
        decoders: The processes that decode them.
        detector: As in `PageController`.
    """
    controller = PageController(networks, uploads, decoders, detector)
    with gr.Blocks(
        title="faceseg: try a network",
        analytics_enabled=False,
        delete_cache=(SWEPT_SECONDS, KEPT_SECONDS),
        fill_width=True,
    ) as page:
        gr.HTML(rendering.render_static("heading"), apply_default_css=False)
        with gr.Row(elem_id="workspace"):
            with gr.Column(scale=1, min_width=280, elem_id="controls"):
                inputs = _add_inputs(controller, examples)
            with gr.Column(scale=3, min_width=300, elem_id="result"):
                _add_display_controls()
                result = gr.HTML(elem_id="findings", apply_default_css=False)
        gr.HTML(rendering.render_static("footing"), apply_default_css=False)
        _add_listeners(page, controller, inputs, result)
    page.queue(max_size=MAX_WAITING_VISITORS, default_concurrency_limit=1)
    return cast(gr.Blocks, page)  # its `with` is untyped


def _add_inputs(controller: PageController, examples: Sequence[Path]) -> PageInputs:
    portrait = gr.Image(
        value=str(examples[0]),
        label="Portrait",
        sources=["upload", "webcam", "clipboard"],
        type="filepath",
        image_mode=None,
        buttons=[],
        height=250,
        elem_id="portrait",
        alt_text="The portrait that is labelled",
    )
    _take_uploads_only(portrait)
    gr.Examples([[str(each)] for each in examples], [portrait], label="Or a drawn face")
    titles = list(controller.networks)
    several = len(titles) > 1
    chosen = gr.Radio(
        [*titles, ALL] if several else titles,
        value=ALL if several else titles[0],
        label="Network",
        visible=several,
        elem_id="network",
    )
    kinds = [(rendering.readable_name(kind), kind) for kind in controller.kinds]
    kind = gr.Radio([(NONE, NONE), *kinds], value=NONE, label="Put over the face", elem_id="kind")
    severity = gr.Slider(visible=False, elem_id="severity")
    again = gr.Button("Another one like it", visible=False, size="sm", elem_id="again")
    replica = gr.State(0)
    return PageInputs(
        portrait=portrait,
        chosen=chosen,
        kind=kind,
        severity=severity,
        replica=replica,
        again=again,
    )


def _take_uploads_only(portrait: gr.Image) -> None:
    """Refuse an address in place of an upload, which Gradio would fetch from any server."""
    store = portrait.async_move_resource_to_block_cache

    async def store_upload(place: str | Path | None) -> str | None:
        if "://" in str(place):
            raise gr.Error("Add the photograph itself, not its address.", print_exception=False)
        return await store(place)

    portrait.async_move_resource_to_block_cache = store_upload  # type: ignore[method-assign, assignment]


def _add_display_controls() -> None:
    """Add the controls that only change the display, which happens in the browser."""
    with gr.Row(elem_id="looks"):
        shown = gr.Radio(
            [("overlay", "overlay"), ("mask", "mask"), ("photograph", "photograph")],
            value="overlay",
            label="Show",
            min_width=260,
            elem_id="shown",
        )
        opacity = gr.Slider(
            0, 100, 55, step=1, label="Opacity of the overlay, %", min_width=240, elem_id="opacity"
        )
    shown.input(None, shown, js=SHOW_SCRIPT)
    opacity.change(None, opacity, js=OPACITY_SCRIPT)


def _add_listeners(
    page: gr.Blocks, controller: PageController, inputs: PageInputs, result: gr.HTML
) -> None:
    """Update the result whenever an input changes.

    A new kind has other severities, so the slider is updated first.
    """
    listener: dict[str, Any] = {
        "fn": controller.show,
        "inputs": list(inputs[:5]),
        "outputs": result,
        "preprocess": False,
        "api_visibility": "private",
        "concurrency_id": "networks",  # one photograph at a time, for all visitors
    }
    direct = (inputs.portrait, inputs.chosen, inputs.severity)
    gr.on([page.load, *(each.change for each in direct)], trigger_mode="always_last", **listener)
    adapted = inputs.kind.input(
        controller.severity_controls,
        inputs.kind,
        [inputs.severity, inputs.again],
        preprocess=False,
        queue=False,
        api_visibility="private",
    )
    adapted.then(**listener)
    next_replica = inputs.again.click(
        lambda number: number + 1,
        inputs.replica,
        inputs.replica,
        queue=False,
        api_visibility="private",
    )
    next_replica.then(**listener)
