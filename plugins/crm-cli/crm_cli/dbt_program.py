"""``crm-dbt``: dbt, on the warehouse of ``WAREHOUSE_URL`` and the models of this project.

Takes dbt's own arguments. Meltano calls it (``meltano run dbt:build``), and so does everybody who works on the models:
``crm-dbt build --select +funnel``. dbt knows no connection URL, so the URL is taken apart here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Arguments for dbt that come from `crm transform`, through Meltano, which passes none on.
ARGUMENTS_VARIABLE = "CRM_DBT_ARGUMENTS"
# The folder with dbt_project.yml, if it is not `transform` beside meltano.yml.
FOLDER_VARIABLE = "CRM_TRANSFORM_FOLDER"
_OPTIONS = {"sslmode": "CRM_DBT_SSLMODE"}
# Sorts and hashes of a warehouse do not fit in the four megabytes that Postgres gives them by default; two models at
# once, so it stays small. Compiling a query takes longer here than running it. Times of day are UTC unless a model says
# otherwise.
_SESSION = "-c work_mem=64MB -c maintenance_work_mem=128MB -c jit=off -c timezone=UTC"


def connection_variables(url: str) -> dict[str, str]:
    """Return a Postgres URL as the variables of ``profiles.yml``; what libpq reads by itself goes into its own.

    Raises:
        ValueError: if it names no database. The value is not shown: it may hold a password.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    database = unquote(parts.path.lstrip("/")) or query.get("dbname", "")
    if not parts.scheme.startswith("postgres") or not database:
        raise ValueError("WAREHOUSE_URL must look like postgresql://user:password@host/database.")
    password = unquote(parts.password) if parts.password else query.get("password", "")
    port = parts.port or query.get("port") or os.environ.get("PGPORT") or 5432
    variables = {
        "CRM_DBT_HOST": unquote(parts.hostname or "") or query.get("host") or os.environ.get("PGHOST", "localhost"),
        "CRM_DBT_PORT": str(port),
        "CRM_DBT_USER": unquote(parts.username or "") or query.get("user") or os.environ.get("PGUSER", ""),
        "CRM_DBT_PASSWORD": password or os.environ.get("PGPASSWORD", ""),
        "CRM_DBT_DATABASE": database,
        "PGOPTIONS": f"{_SESSION} {query.get('options', '')}".strip(),
    }
    for name, variable in _OPTIONS.items():
        if name in query:
            variables[variable] = query[name]
    for name in ("sslrootcert", "sslcert", "sslkey"):
        if name in query:
            variables[f"PG{name.upper()}"] = query[name]
    return variables


def output_folder(state_folder: Path, url: str) -> Path:
    """Return where dbt's own files of a warehouse go.

    What dbt has parsed holds the name of the database: two warehouses in one folder would be parsed anew in turns.
    """
    variables = connection_variables(url)
    place = "/".join(variables[f"CRM_DBT_{name}"] for name in ("HOST", "PORT", "USER", "DATABASE"))
    name = re.sub(r"\W+", "_", variables["CRM_DBT_DATABASE"])
    return state_folder / "transform" / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def dbt_variables(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return what dbt needs to know: the warehouse, where the models are, where its own files go.

    Raises:
        ValueError: if nothing names the warehouse.
    """
    url = environment.get("WAREHOUSE_URL", "")
    if not url:
        raise ValueError("Nothing sets WAREHOUSE_URL. `crm transform` finds the embedded Postgres by itself.")
    folder = environment.get(FOLDER_VARIABLE) or str(root / "transform")
    output = output_folder(root / ".crm", url)
    return {
        "DBT_PROJECT_DIR": folder,
        "DBT_PROFILES_DIR": folder,
        "DBT_TARGET_PATH": environment.get("DBT_TARGET_PATH") or str(output),
        "DBT_LOG_PATH": environment.get("DBT_LOG_PATH") or str(output / "logs"),
        # Every query that dbt sends stands in its files anyway; to write a log of them takes a tenth of the time.
        "DBT_LOG_LEVEL_FILE": environment.get("DBT_LOG_LEVEL_FILE") or "none",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        **connection_variables(url),
    }


def main() -> None:
    """Run dbt with the arguments of the command line."""
    root = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd())
    try:
        os.environ.update(dbt_variables(os.environ, root))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    # Results hold personal data.
    os.umask(0o077)
    sys.argv += shlex.split(os.environ.pop(ARGUMENTS_VARIABLE, ""))
    from dbt.cli.main import cli  # noqa: PLC0415 -- two seconds; a wrong setting is told before

    cli()


if __name__ == "__main__":
    main()
