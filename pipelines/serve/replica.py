"""The Ray Serve application: replicas that each load the network.

A Serve config file names `build` as `import_path: pipelines.serve.replica:build`, with the
fields of `ServeSettings` as its `args`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import ray
from fastapi import FastAPI
from prometheus_client.metrics_core import Metric
from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig
from ray.serve.schema import LoggingConfig

from faceseg.errors import UserError
from pipelines.config import server_access
from pipelines.serve.served_model import ReplicaState, model_source
from pipelines.serve.settings import MAX_BATCH, MAX_WAITING_REQUESTS, ServeSettings

APPLICATION = "faceseg"
DEPLOYMENT = "network"
SHUTDOWN_TIMEOUT = 30.0  # seconds for running requests to finish when a replica stops


@serve.ingress()
class Replica:
    """A process that runs the network: on `cpus` threads, on a GPU or on a share of one."""

    def __init__(self, settings: ServeSettings) -> None:
        import cv2

        from faceseg.backends.device import configure_device
        from faceseg.data.decoder_processes import DecoderProcesses
        from pipelines.serve.service import LabellingService

        _keep_on_loopback()
        self._token = server_access.server_token(
            required=settings.token_required, because="other machines may reach this server"
        )
        try:
            configure_device(settings.cpus, settings.gpus)
        except RuntimeError as error:
            raise UserError(f"--gpus: {error}") from error
        cv2.setNumThreads(settings.cpus)
        self._name = serve.get_replica_context().replica_id.unique_id
        source = model_source(settings.model, settings.tracking, settings.cpus)
        decoders = DecoderProcesses(settings.cpus + 1)
        self._service = LabellingService(settings, source, decoders)

    def __serve_build_asgi_app__(self) -> FastAPI:
        from pipelines.serve.app import create_app

        return create_app(self._service, self._token, self._gather)

    def check_health(self) -> None:
        """Raise RuntimeError if Serve should replace this replica."""
        self._service.check_health()

    def state(self) -> ReplicaState:
        """Return which model this replica serves."""
        served = self._service.served_model
        return ReplicaState(
            replica=self._name,
            version=served.current.version,
            address=served.current.address,
            trouble=served.trouble,
        )

    def samples(self) -> tuple[str, list[Metric]]:
        """Return this replica's name and its Prometheus samples."""
        return self._name, self._service.metrics.samples()

    async def _gather(self) -> Mapping[str, Sequence[Metric]]:
        context = serve.get_replica_context()
        handle = serve.get_deployment_handle(context.deployment, context.app_name)
        found = await handle.broadcast("samples").results_async(return_exceptions=True)
        return dict(each for each in found if not isinstance(each, BaseException))


def _keep_on_loopback() -> None:
    """On a node that has only a loopback address, keep the port between replicas there too.

    Serve opens this port on all addresses of the machine, after it has made the replica.
    """
    if not server_access.is_loopback(ray.util.get_node_ip_address()):
        return
    from ray._common.tls_utils import add_port_to_grpc_server
    from ray.serve._private import replica

    replica.add_port_to_grpc_server = lambda grpc_server, _: add_port_to_grpc_server(
        grpc_server, "127.0.0.1:0"
    )


def build(settings: ServeSettings) -> Any:
    """Return the application with its replicas, for `serve.run`."""
    options: dict[str, Any] = {"num_replicas": settings.replicas}
    if settings.replica_limit > settings.replicas:
        options = {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=settings.replicas,
                max_replicas=settings.replica_limit,
                target_ongoing_requests=MAX_BATCH,  # more than one batch: scale up
                upscale_delay_s=5,
                downscale_delay_s=120,
                look_back_period_s=15,
            )
        }
    deployment = serve.deployment(
        Replica,
        name=DEPLOYMENT,
        ray_actor_options={
            "num_cpus": settings.cpus,
            "num_gpus": settings.gpus,
            "runtime_env": {"env_vars": replica_environment(settings)},
        },
        # Twice as many as may wait: health checks, metrics and refusals need no place in the queue.
        max_queued_requests=MAX_WAITING_REQUESTS,
        backpressure_config=BackpressureConfig(retry_after_s=1),
        max_constructor_retry_count=1,
        health_check_period_s=5,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=SHUTDOWN_TIMEOUT,
        logging_config=LoggingConfig(log_level="WARNING", enable_access_log=False),
        **options,
    )
    return deployment.bind(settings)


def replica_environment(settings: ServeSettings) -> dict[str, str]:
    """Return the environment variables of a replica; they hide the GPUs, which Ray does not."""
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the alias is read again within seconds
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    if settings.gpus <= 0:
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    return variables
