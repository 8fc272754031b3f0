"""cluster: a docstring is wanted here."""

from typing import Annotated, Any, NoReturn

import typer

from pipelines.cli.arguments import (
    INTERRUPTED_EXIT_CODE,
    ExperimentFile,
    JobFollowed,
    Overrides,
    console,
    load_experiment,
)
from pipelines.cli.commands import app

AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Ray's dashboard, http://HEAD:8265; or RAY_API_SERVER_ADDRESS."
    ),
]


@app.command()
def submit(
    experiment: ExperimentFile,
    address: AddressOption = None,
    override: Overrides = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow the job.")] = False,
) -> None:
    """Run the study as a job on a Ray cluster, and follow it: its exit code is ours.

    The source in this folder travels with it; data, results and secrets do not.
    """
    from pipelines.cluster import job_client, ray_jobs, versions
    from pipelines.cluster import submit as stage

    order = stage.read_submission(experiment, tuple(override or ()), versions.commit())
    address = job_client.job_server_address(address)
    client = job_client.connect_job_server(address)
    name = stage.send_submission(client, order, console())
    typer.echo(f"job {name} runs on {address}")
    typer.echo(f"  follow it: {ray_jobs.command(address, '--logs', name)}")
    typer.echo(f"  stop it:   {ray_jobs.command(address, '--stop', name)}")
    if not detach:
        _follow_job(client, address, name)


@app.command(name="jobs")
def list_jobs(
    address: AddressOption = None,
    logs: Annotated[str | None, typer.Option(metavar="JOB", help="Follow this job.")] = None,
    stop: Annotated[str | None, typer.Option(metavar="JOB", help="Stop this job.")] = None,
) -> None:
    """List this tool's jobs on a Ray cluster; follow one, or stop one."""
    from pipelines.cluster import job_client, ray_jobs

    address = job_client.job_server_address(address)
    client = job_client.connect_job_server(address)
    if stop:
        ray_jobs.stop_job(client, stop, console())
    if logs:
        _follow_job(client, address, logs)
    if not stop and not logs:
        ray_jobs.print_jobs(client, console())


@app.command()
def doctor(experiment: ExperimentFile, override: Overrides = None) -> None:
    """Check all that a study needs, on every node: a line each, ok or what to do."""
    settings = load_experiment(experiment, override)
    from pipelines.doctor import diagnosis

    if not diagnosis.diagnose(settings, console()):
        raise typer.Exit(1)


def _follow_job(client: Any, address: str, name: str) -> NoReturn:
    """Follow a job to its end and exit as it did; Ctrl-C ends the following alone."""
    from pipelines.cluster import ray_jobs

    try:
        raise JobFollowed(ray_jobs.JobLog(client, name).follow())
    except KeyboardInterrupt:
        typer.echo(
            f"\nno longer followed; job {name} goes on.\n"
            f"  follow it again: {ray_jobs.command(address, '--logs', name)}\n"
            f"  stop it:         {ray_jobs.command(address, '--stop', name)}",
            err=True,
        )
        raise JobFollowed(INTERRUPTED_EXIT_CODE) from None
