"""Create MLflow's and Optuna's databases on a PostgreSQL server, or update their schemas.

Edit these lines: none; the server is given as to every PostgreSQL program, by PGHOST, PGPORT,
PGUSER and PGPASSWORD (or a file ~/.pgpass), so that no command contains a password.

    python infra/databases.py            # needs the extras postgres and server

There are two databases, because MLflow and Optuna each store their schema's version in a table of
the same name. MLflow's users, of `--app-name basic-auth`, are stored in the database of its runs.
"""

import os
import subprocess
import sys

import psycopg
from optuna.storages import RDBStorage

MLFLOW, OPTUNA = "mlflow", "optuna"
ADDRESS = "postgresql+psycopg:///"  # the rest comes from the environment


def main() -> None:
    """Create missing databases, then update each schema to the installed version."""
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database").fetchall()
        for name in (MLFLOW, OPTUNA):
            if (name,) not in found:
                connection.execute(f'CREATE DATABASE "{name}"')
    _upgrade("mlflow", "db", "upgrade", ADDRESS + MLFLOW)
    _upgrade("mlflow.server.auth", "db", "upgrade", "--url", ADDRESS + MLFLOW)
    # `optuna storage upgrade` fails on an empty database; opening it creates the tables.
    storage = RDBStorage(ADDRESS + OPTUNA, skip_compatibility_check=True)
    storage.upgrade()
    storage.engine.dispose()
    server = f"{os.environ.get('PGHOST', 'localhost')}:{os.environ.get('PGPORT', '5432')}"
    print(f"{server}: databases {MLFLOW} and {OPTUNA} are up to date")


def _upgrade(module: str, *arguments: str) -> None:
    command = [sys.executable, "-P", "-W", "ignore", "-m", module, *arguments]
    subprocess.run(command, check=True)  # noqa: S603  # fixed arguments


if __name__ == "__main__":
    main()
