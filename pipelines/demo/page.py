"""The page: Gradio's controls around an inspection. What it shows is worked out elsewhere.

Listeners take what the browser sends as it is (`preprocess=False`), since Gradio would open an
upload before it is checked; so what no control could have sent is refused here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import gradio as gr

from faceseg.errors import UserError
from faceseg.robustness.occlusion import has_steps, kinds_for
from pipelines.demo import photograph, rendering
from pipelines.demo.inspection import OccluderChoice, inspect_photograph, severity_range
from pipelines.demo.networks import DemoNetwork, LabelCache

Upload = dict[str, Any] | None

ALL = "all, side by side"
NONE = "none"
MAX_WAITING_VISITORS = 20  # visitors whose photographs may wait; more are told to come back
KEPT_SECONDS, SWEPT_SECONDS = 3600, 600  # how long an upload is kept, and how often that is seen to
SHOW_SCRIPT = "(shown) => { document.documentElement.dataset.shown = shown }"
OPACITY_SCRIPT = (
    "(percent) => { document.documentElement.style.setProperty('--opacity', percent / 100) }"
)


class PageInputs(NamedTuple):
    """The controls; the first five in the order of `Inspector.show`."""

    portrait: gr.Image
    chosen: gr.Radio
    kind: gr.Radio
    severity: gr.Slider
    replica: gr.State
    again: gr.Button


class PageController:
    """Answers the page's listeners, for all visitors."""

    def __init__(self, networks: Sequence[DemoNetwork], uploads: Path) -> None:
        self.uploads = uploads
        self.networks = {network.title: network for network in networks}
        self.first = networks[0]
        self.kinds = kinds_for(self.first.predictor.classes)
        self._labeller = LabelCache()

    def show(  # noqa: PLR0917  # Gradio hands the inputs over in their order
        self,
        upload: Upload,
        chosen: str,
        kind: str,
        severity: float,
        replica: int,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # how Gradio asks for it
    ) -> str:
        """Return the result as HTML; a mistake as a sentence in its place."""
        if upload is None:
            return rendering.render_error("Add a portrait, or choose one of the drawn faces.")
        try:
            picture = photograph.read_upload(Path(upload["path"]), self.uploads)
            cover = None if kind == NONE else OccluderChoice(kind, float(severity), int(replica))
            inspection = inspect_photograph(
                picture,
                self._chosen(chosen),
                self.first,
                cover,
                labeller=self._labeller,
                report=lambda done, total, name: progress(
                    (done, total), desc=name, unit="pictures"
                ),
            )
        except (UserError, ValueError) as error:
            return rendering.render_error(str(error))
        return rendering.render(inspection, picture)

    def scale(self, kind: str) -> tuple[Any, Any]:
        """Return the severity's slider and the button for another occluder, fit for a kind."""
        if kind not in self.kinds:
            return gr.Slider(visible=False), gr.Button(visible=False)
        scale = severity_range(kind)
        slider = gr.Slider(
            minimum=scale.low,
            maximum=scale.high,
            step=scale.step,
            value=scale.default,
            label="How much" if has_steps(kind) else "Share of the face covered, %",
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
    networks: Sequence[DemoNetwork], examples: Sequence[Path], uploads: Path
) -> gr.Blocks:
    """Return the page on which these networks can be tried.

    examples: pictures offered. uploads: the folder in which Gradio keeps all files.
    """
    inspector = PageController(networks, uploads)
    with gr.Blocks(
        title="faceseg: try a network",
        analytics_enabled=False,
        delete_cache=(SWEPT_SECONDS, KEPT_SECONDS),
        fill_width=True,
    ) as page:
        gr.HTML(rendering.render_static("heading"), apply_default_css=False)
        with gr.Row(elem_id="workspace"):
            with gr.Column(scale=1, min_width=280, elem_id="controls"):
                inputs = _add_inputs(inspector, examples)
            with gr.Column(scale=3, min_width=300, elem_id="result"):
                _add_display_controls()
                result = gr.HTML(elem_id="findings", apply_default_css=False)
        gr.HTML(rendering.render_static("footing"), apply_default_css=False)
        _add_listeners(page, inspector, inputs, result)
    page.queue(max_size=MAX_WAITING_VISITORS, default_concurrency_limit=1)
    return cast(gr.Blocks, page)  # its `with` is untyped


def _add_inputs(inspector: PageController, examples: Sequence[Path]) -> PageInputs:
    """Draw the controls."""
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
    titles = list(inspector.networks)
    several = len(titles) > 1
    chosen = gr.Radio(
        [*titles, ALL] if several else titles,
        value=ALL if several else titles[0],
        label="Network",
        visible=several,
        elem_id="network",
    )
    kinds = [(rendering.readable_name(kind), kind) for kind in inspector.kinds]
    kind = gr.Radio([(NONE, NONE), *kinds], value=NONE, label="Put over the face", elem_id="kind")
    severity = gr.Slider(visible=False, elem_id="severity")
    again = gr.Button("Another one like it", visible=False, size="sm", elem_id="again")
    replica = gr.State(0)
    return PageInputs(portrait, chosen, kind, severity, replica, again)


def _take_uploads_only(portrait: gr.Image) -> None:
    """Have an address refused in the place of an upload: Gradio would fetch it, wherever it is."""
    take = portrait.async_move_resource_to_block_cache

    async def take_upload(place: str | Path | None) -> str | None:
        if "://" in str(place):
            raise gr.Error("Add the photograph itself, not its address.", print_exception=False)
        return await take(place)

    portrait.async_move_resource_to_block_cache = take_upload  # type: ignore[method-assign, assignment]


def _add_display_controls() -> None:
    """Draw what changes the looks alone; it is done in the browser."""
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
    page: gr.Blocks, inspector: PageController, inputs: PageInputs, result: gr.HTML
) -> None:
    """Show the result anew whenever one of the inputs changes.

    A new kind has another scale of severities, so the slider comes first.
    """
    answer: dict[str, Any] = {
        "fn": inspector.show,
        "inputs": list(inputs[:5]),
        "outputs": result,
        "preprocess": False,
        "api_visibility": "private",
        "concurrency_id": "networks",  # one photograph at a time, whoever asks
    }
    at_once = (inputs.portrait, inputs.chosen, inputs.severity)
    gr.on([page.load, *(each.change for each in at_once)], trigger_mode="always_last", **answer)
    sized = inputs.kind.input(
        inspector.scale,
        inputs.kind,
        [inputs.severity, inputs.again],
        preprocess=False,
        queue=False,
        api_visibility="private",
    )
    sized.then(**answer)
    drawn_anew = inputs.again.click(
        lambda number: number + 1,
        inputs.replica,
        inputs.replica,
        queue=False,
        api_visibility="private",
    )
    drawn_anew.then(**answer)
