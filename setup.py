"""The packages of the wheel: `experiments` becomes a folder of the package `pipelines` there.

Everything else is in pyproject.toml, which has no setting for one package from another folder
beside packages that are found.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["faceseg*", "pipelines*"]),
        "pipelines.experiments",
        "pipelines.experiments.recipe",
        "pipelines.experiments.reference",
    ],
    package_dir={"pipelines.experiments": "experiments"},
)
