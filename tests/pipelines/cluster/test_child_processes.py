"""No child process imports from the current folder, where a user may have any file."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines
from pipelines.cluster import child_processes
from pipelines.cluster.child_processes import module_command, ray_job_config
from pipelines.execution import cost

PRODUCT = Path(pipelines.__file__).parent
# Starts Ray as a study does; prints what a worker imports, and whether it finds this program.
IN_A_WORKER = """
import ray
from pipelines.cluster.connection import connect_ray
from pipelines.config import Resources

@ray.remote(num_cpus=0)
def found():
    import faceseg, pipelines, tabnanny
    return tabnanny.__file__

connect_ray(Resources(address="local"))
print(ray.util.get_node_ip_address())
print(ray.get(found.remote()))
ray.shutdown()
"""


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder whose files have names of modules; importing one ends the process."""
    for name in ("queue", "json", "mlflow", "ray", "tabnanny"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("trap")
def test_a_module_is_not_run_from_the_current_folder():
    done = subprocess.run(
        module_command("json.tool", "--help"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("trap")
def test_a_network_is_measured_in_a_folder_with_a_stray_module():
    with pytest.raises(RuntimeError, match=r"measuring no\.keras failed") as failed:
        cost.run_measurement("pipelines.execution.cost", "1", "no.keras")
    assert "imported from here" not in str(failed.value)
    assert "no.keras" in str(failed.value).partition("\n")[2]  # it came as far as loading it


OTHER_USES = {
    "decoder_processes.py",  # of the library, which does not import pipelines; it uses -P too
    "printed_commands.py",  # prints a command
    "database_errors.py",  # prints a command
}


def test_every_module_is_run_through_module_command():
    """Another command with sys.executable would import from the current folder again."""
    found = {
        path.name
        for package in ("faceseg", "pipelines")
        for path in sorted((PRODUCT.parent / package).rglob("*.py"))
        if re.search(r"sys\.executable|[\"']-m[\"']", path.read_text(encoding="utf-8"))
    }
    assert found == {"child_processes.py"} | OTHER_USES
    library = PRODUCT.parent / "faceseg" / "data" / "decoder_processes.py"
    assert '[sys.executable, "-P", "-m"' in library.read_text(encoding="utf-8")


def test_ray_keeps_its_configuration_where_the_source_is_in_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """There it may be the only copy of the program, as in a submitted job."""
    monkeypatch.delenv(child_processes.JOB_VARIABLE, raising=False)
    monkeypatch.chdir(child_processes.SOURCE_FOLDER)
    assert ray_job_config() is None
    assert "-P" not in module_command("pipelines")
    monkeypatch.chdir(tmp_path)
    assert ray_job_config() is not None
    monkeypatch.setenv(child_processes.JOB_VARIABLE, "{}")
    assert ray_job_config() is None


@pytest.mark.ray
@pytest.mark.slow
def test_a_ray_worker_does_not_import_from_the_current_folder(trap: Path):
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", IN_A_WORKER],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    address, module = done.stdout.split()
    assert address == "127.0.0.1"  # other machines cannot reach the Ray of a study
    assert Path(module).parent != trap
    assert Path(module).name == "tabnanny.py"
