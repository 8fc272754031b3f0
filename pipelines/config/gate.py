"""What a model must show before it takes the champion's place."""

from pydantic import Field

from pipelines.config.section import Section


class Gate(Section):
    """Bounds are of IoU, absolute (0.01 is one point); differences come with a paired interval.

    Promoted is who is surely better by `min_gain`; or surely not worse by `tolerance` and faster
    or more robust. Nobody is promoted who surely falls by more than its bound on a class, a
    slice or a kind of a robustness suite, or who is over budget.
    """

    min_gain: float = Field(0.0, ge=0, description="test IoU must surely gain more than this")
    tolerance: float = Field(0.005, ge=0, description="with a gain elsewhere: the most it may lose")
    faster: float = Field(0.2, gt=0, lt=1, description="share of the time of an image to be saved")
    more_robust: float = Field(0.01, ge=0, description="IoU under occlusion must surely gain more")
    class_drop: float = Field(0.02, ge=0)
    slice_drop: float = Field(0.03, ge=0)
    kind_drop: float = Field(0.03, ge=0, description="IoU under a kind of occlusion or corruption")
    bounds: dict[str, float] = Field(
        {}, description="other bounds by name: left_eye, blob, 'skin tone: darkest third'"
    )
    latency_ms: float | None = Field(None, gt=0, description="budget of an image's median time")
    size_mb: float | None = Field(None, gt=0, description="budget of the saved network")
    resamples: int = Field(10_000, ge=100)
    level: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
