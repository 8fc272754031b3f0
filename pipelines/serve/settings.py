"""The settings of a replica: the model, the resources and the limits."""

from pydantic import BaseModel, ConfigDict, Field

from faceseg.data.decoding import MAX_PIXELS

MAX_BATCH = 8  # requests that are labelled together
MAX_IMAGES = 2 * MAX_BATCH  # per call of the network: a request has several with a flip or faces
MAX_WAITING_REQUESTS = 64  # per replica; further requests get the status 503


class ServeSettings(BaseModel):
    """The settings of all replicas: the `args` of the application in a Serve config file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="models:/faceseg@champion, a run, or the path of a .keras file")
    tracking: str | None = Field(default=None, description="The MLflow tracking URI")
    replicas: int = Field(default=1, ge=1, description="Number of replicas, or the minimum")
    max_replicas: int | None = Field(default=None, ge=1, description="Maximum number of replicas")
    cpus: int = Field(default=1, ge=1, description="CPUs per replica")
    gpus: float = Field(default=0.0, ge=0, description="GPUs per replica; may be a fraction")
    max_bytes: int = Field(default=20_000_000, ge=1, description="Maximum bytes of a request body")
    max_pixels: int = Field(
        default=50_000_000, ge=1, le=MAX_PIXELS, description="Maximum pixels of a photograph"
    )
    timeout: float = Field(default=30.0, gt=0, description="Maximum seconds per request")
    look_every: float = Field(
        default=5.0, gt=0, description="Seconds between two readings of the alias"
    )
    check_host: bool = Field(
        default=False,
        description="Refuse requests whose Host header is not that of a loopback address, unless "
        "FACESEG_TOKEN is set",
    )
    token_required: bool = Field(
        default=True, description="Refuse to start if FACESEG_TOKEN is not set"
    )

    @property
    def replica_limit(self) -> int:
        """The maximum number of replicas at the same time."""
        return max(self.replicas, self.max_replicas or 0)
