"""Upper bounds of an experiment's settings, far above those of any real study.

A value beyond a bound is a typing error, or was chosen to exhaust the machine. It is refused before
it uses memory or time.
"""

MAX_SEED = 2**63 - 1  # Optuna's database and MLflow's clients store 64 bits
MAX_IMAGES = 1_000_000  # of a split
MAX_SIDE = 8192  # pixels of an image that a network is trained on
MAX_BATCH_PIXELS = 2**31 - 1  # the frameworks' kernels number them with 32 bits
MAX_FACTOR = 8  # on the filters of a network: 64 times its parameters
MAX_TRIALS = 100_000  # of an architecture
MAX_SEEDS = 1000  # finals of an architecture
MAX_WORKERS = 10_000
MAX_THREADS = 4096  # of a worker
MAX_RESAMPLES = 1_000_000


def check_batch(batch_size: int, image_size: tuple[int, int]) -> None:
    """Raise ValueError if a batch has more pixels than the frameworks can number."""
    height, width = image_size
    if batch_size * height * width > MAX_BATCH_PIXELS:
        raise ValueError(
            f"a batch of {batch_size} images of {height} x {width} pixels is too large; reduce "
            f"training.batch_size, search.space.batch_size or data.image_size to at most "
            f"{MAX_BATCH_PIXELS:,} pixels a batch"
        )
