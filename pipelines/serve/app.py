"""The HTTP interface of one replica."""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from starlette.exceptions import HTTPException

import faceseg
from faceseg.data.image_formats import FORMATS
from pipelines.predict.results import describe_faces
from pipelines.serve import requests
from pipelines.serve.prometheus import prometheus_text
from pipelines.serve.requests import MEDIA_TYPE, HttpProblem, read_body
from pipelines.serve.service import LabelledPhotograph, LabellingService

# Returns the Prometheus samples of every replica, by the replica's name.
GatherMetrics = Callable[[], Awaitable[Mapping[str, Sequence[Metric]]]]
NextHandler = Callable[[Request], Awaitable[Response]]

PREDICT_PATH = "/v1/predict"
IMAGE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
BODY = dict.fromkeys(
    (*(f"image/{each.lower()}" for each in FORMATS), "application/octet-stream"), IMAGE
)
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": why, "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
    for status, why in {
        400: "The file is damaged, empty or takes too long to decode.",
        401: "The token is missing or wrong.",
        403: "Another web page sent the request.",
        413: "Too many bytes or pixels.",
        415: "Not an image of a known format.",
        421: "The Host header is not that of this machine.",
        503: "Too many requests are waiting: retry after the seconds in Retry-After.",
        504: "The request exceeded its time limit.",
    }.items()
}
PREDICT: dict[str, Any] = {
    "responses": {
        200: {
            "description": "A palette PNG of class ids; JSON if the Accept header requests it.",
            "content": {"image/png": IMAGE, "application/json": {"schema": {"type": "object"}}},
        },
        **PROBLEMS,
    },
    "openapi_extra": {"requestBody": {"required": True, "content": BODY}},
    "response_class": Response,
}

logger = logging.getLogger("ray.serve")


def create_app(service: LabellingService, token: str | None, gather: GatherMetrics) -> FastAPI:
    """Return the ASGI application of one replica.

    Args:
        service: Labels the photographs.
        token: The token that requests must carry; None to accept requests without one.
        gather: Returns the Prometheus samples of every replica.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(service.follow_alias()) if service.follows_alias else None
        yield
        if following is not None:
            following.cancel()

    # FastAPI's documentation pages load scripts from other servers: serve /openapi.json only.
    app = FastAPI(
        title="faceseg",
        version=faceseg.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    _add_routes(app, service, gather)
    _add_error_handlers(app)
    check_host = service.settings.check_host and token is None

    @app.middleware("http")
    async def handle(request: Request, call_next: NextHandler) -> Response:
        started = time.perf_counter()
        try:
            requests.check_sender(request.method, request.headers, check_host=check_host)
            requests.check_token(request.headers.get("authorization"), token, request.url.path)
            response = await call_next(request)
        except HttpProblem as problem:
            response = problem.response()
        except Exception:
            logger.exception("a request failed")
            response = HttpProblem(500, "the server failed; its log has the reason").response()
        # A label per unknown path would let any client create metrics.
        path = request.url.path if "route" in request.scope else "other"
        service.metrics.requests.labels(path, response.status_code).inc()
        if path == PREDICT_PATH:
            service.metrics.seconds.observe(time.perf_counter() - started)
        return response

    return app


def _add_routes(app: FastAPI, service: LabellingService, gather: GatherMetrics) -> None:
    @app.post(PREDICT_PATH, **PREDICT)
    async def predict(
        request: Request,
        flip: Annotated[bool, Query(description="Average with the mirrored image.")] = False,
        clean: Annotated[bool, Query(description="Remove small islands of a class.")] = False,
        faces: Annotated[bool, Query(description="Label each face as its own crop.")] = False,
    ) -> Response:
        """Label one photograph at its own size, after applying its EXIF rotation."""
        settings = service.settings
        try:
            with service.admit_request():
                async with asyncio.timeout(settings.timeout):
                    content = await read_body(request.headers, request.stream(), settings.max_bytes)
                    labelled = await service.label(content, flip=flip, clean=clean, faces=faces)
        except TimeoutError as error:
            raise HttpProblem(
                HTTPStatus.GATEWAY_TIMEOUT, f"not finished within {settings.timeout:g} s"
            ) from error
        return _prediction_response(labelled, request.headers.get("accept", ""))

    @app.get("/v1/model")
    async def model() -> dict[str, Any]:
        """Return the served model and the meaning of its labels."""
        return describe(service)

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Return 200 as long as the process runs."""
        return {"status": "alive"}

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        """Return 200 once a model is loaded and while photographs can be decoded."""
        service.check_readiness()
        return {"status": "ready", "version": service.served_model.current.version}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the Prometheus metrics of all replicas."""
        return Response(prometheus_text(await gather()), media_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: FastAPI) -> None:
    """Format every refusal, including FastAPI's own, as problem details."""

    @app.exception_handler(HttpProblem)
    async def refused(_: Request, problem: HttpProblem) -> Response:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def missing(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path} is not supported; see /openapi.json"
        return HttpProblem(error.status_code, detail, error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        wrong = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors())
        return HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, wrong).response()


def describe(service: LabellingService) -> dict[str, Any]:
    """Return the facts of the model in use; grid: rows and columns of the network's input."""
    model = service.served_model.current
    classes = model.predictor.classes
    return {
        "address": model.address,
        "version": model.version,
        "grid": list(model.predictor.grid),
        "classes": list(classes.names),
        "palette": [list(colour) for colour in classes.palette],
        "trouble": service.served_model.trouble,
    }


def _prediction_response(labelled: LabelledPhotograph, accept: str) -> Response:
    headers = {"Faceseg-Model": labelled.model.address, "Vary": "Accept"}
    if labelled.faces is not None:
        headers["Faceseg-Faces"] = str(len(labelled.faces))
    if "application/json" not in accept:
        return Response(labelled.mask, media_type="image/png", headers=headers)
    content = {
        "model": labelled.model.address,
        "size": list(labelled.size),
        "shares": labelled.shares,
        "mask": base64.b64encode(labelled.mask).decode(),
        **({} if labelled.faces is None else describe_faces(labelled.faces)),
    }
    return JSONResponse(content, headers=headers)
