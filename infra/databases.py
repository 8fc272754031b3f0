"""Makes MLflow's and Optuna's databases on a PostgreSQL server; again: brings them up to date.

Edit these lines: none; the server is told as to every PostgreSQL program, by PGHOST, PGPORT,
PGUSER and PGPASSWORD (or a file ~/.pgpass), so that no password stands in a command.

    python infra/databases.py            # needs the extras postgres and server

Two databases, because MLflow and Optuna each count their schema's versions in a table of the
same name. MLflow's users, of `--app-name basic-auth`, live beside its runs.
"""

import os
import subprocess
import sys

import psycopg
from optuna.storages import RDBStorage

MLFLOW, OPTUNA = "mlflow", "optuna"
ADDRESS = "postgresql+psycopg:///"  # the rest comes from the environment


def main() -> None:
    """Make what is missing, then bring each schema to the installed version's."""
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database").fetchall()
        for name in (MLFLOW, OPTUNA):
            if (name,) not in found:
                connection.execute(f'CREATE DATABASE "{name}"')
    _upgrade("mlflow", "db", "upgrade", ADDRESS + MLFLOW)
    _upgrade("mlflow.server.auth", "db", "upgrade", "--url", ADDRESS + MLFLOW)
    # `optuna storage upgrade` takes no empty database; opening it makes the tables.
    storage = RDBStorage(ADDRESS + OPTUNA, skip_compatibility_check=True)
    storage.upgrade()
    storage.engine.dispose()
    server = f"{os.environ.get('PGHOST', 'localhost')}:{os.environ.get('PGPORT', '5432')}"
    print(f"{server} holds {MLFLOW} and {OPTUNA}, up to date")


def _upgrade(module: str, *arguments: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    subprocess.run(command, check=True)  # noqa: S603  # our own words


if __name__ == "__main__":
    main()
