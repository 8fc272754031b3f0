"""What a replica is told: which model it serves, on what, and its limits."""

from pydantic import BaseModel, ConfigDict, Field

from faceseg.data.decoding import MAX_PIXELS

MAX_BATCH = 8  # images that go through the network at once
MAX_WAITING_REQUESTS = 64  # requests that one replica holds; the next is told to come again


class ServeSettings(BaseModel):
    """The settings of all replicas; of a Serve config file, the `args` of the application."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="models:/faceseg@champion, a run, or the path of a .keras file")
    tracking: str | None = Field(default=None, description="Where MLflow is")
    replicas: int = Field(default=1, ge=1, description="Replicas, or the fewest of them")
    max_replicas: int | None = Field(default=None, ge=1, description="The most replicas")
    cpus: int = Field(default=1, ge=1, description="CPUs of a replica")
    gpus: float = Field(default=0.0, ge=0, description="GPUs of a replica, or a share of one")
    max_bytes: int = Field(default=20_000_000, ge=1, description="Of the body of a request")
    max_pixels: int = Field(default=50_000_000, ge=1, le=MAX_PIXELS, description="Of a photograph")
    timeout: float = Field(default=30.0, gt=0, description="Seconds that a request may take")
    look_every: float = Field(default=5.0, gt=0, description="Seconds between looks at the alias")
    token_required: bool = Field(
        default=True, description="Refuse to start where FACESEG_TOKEN is not set"
    )

    @property
    def most_replicas(self) -> int:
        """How many replicas there may be at once."""
        return max(self.replicas, self.max_replicas or 0)
