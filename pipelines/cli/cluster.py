"""The verbs that concern a Ray cluster: submit, jobs, doctor."""

from typing import Annotated, Any, NoReturn

import typer

from pipelines.cli.arguments import (
    INTERRUPTED_EXIT_CODE,
    ExperimentFile,
    JobFollowed,
    Overrides,
    console,
    load_study,
)

app = typer.Typer()

AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Address of Ray's dashboard: http://HEAD:8265. Default: RAY_API_SERVER_ADDRESS.",
    ),
]


@app.command()
def submit(
    experiment: ExperimentFile,
    address: AddressOption = None,
    override: Overrides = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow the job.")] = False,
) -> None:
    """Run a study as a job on a Ray cluster, and follow its output.

    The source code in this folder is sent with the job; data, results and secrets are not. The
    exit code is that of the job.
    """
    from pipelines.cluster import job_client, ray_jobs, versions
    from pipelines.cluster.submit import read_submission, send_submission

    submission = read_submission(experiment, tuple(override or ()), versions.commit())
    address = job_client.job_server_address(address)
    client = job_client.connect_job_server(address)
    name = send_submission(client, submission, console())
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
    """List the faceseg jobs on a Ray cluster; follow or stop one of them."""
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
    """Check everything that a study needs, on every node of the cluster.

    Prints one line for each check: ok, or how to fix the problem. Exit code 1: a check failed.
    """
    settings = load_study(experiment, override)
    from pipelines.doctor import diagnosis

    if not diagnosis.diagnose(settings, console()):
        raise typer.Exit(1)


def _follow_job(client: Any, address: str, name: str) -> NoReturn:
    """Follow a job to its end and exit with its code; Ctrl-C does not stop the job."""
    from pipelines.cluster import ray_jobs

    try:
        raise JobFollowed(ray_jobs.JobLog(client, name).follow())
    except KeyboardInterrupt:
        typer.echo(
            f"\nno longer following; job {name} continues.\n"
            f"  follow it again: {ray_jobs.command(address, '--logs', name)}\n"
            f"  stop it:         {ray_jobs.command(address, '--stop', name)}",
            err=True,
        )
        raise JobFollowed(INTERRUPTED_EXIT_CODE) from None
