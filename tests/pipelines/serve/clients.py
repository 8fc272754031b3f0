"""A client of the HTTP interface without Ray, and a photograph to send."""

from starlette.testclient import TestClient

from pipelines.serve import app
from pipelines.serve.service import LabellingService
from tests.pipelines.serve.sample_photographs import encoded, red_and_blue

PHOTO = encoded(red_and_blue())


def open_client(running: LabellingService, token: str | None = None) -> TestClient:
    async def gather() -> dict[str, list]:
        return {"alone": running.metrics.samples()}

    return TestClient(app.create_app(running, token, gather))
