"""``crm new-tap``: begin the tap of another CRM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from crm_cli import new_tap as template
from crm_cli.errors import CrmError
from crm_cli.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@click.command(name="new-tap")
@click.argument("name")
@click.option("--label", help="What people call the CRM; by default NAME with a capital.")
@click.option("--domain", metavar="URL", help="Address of the vendor, beginning with https://.")
def new_tap(name: str, *, label: str | None, domain: str | None) -> None:
    """Begin the tap of another CRM: a package that works, with its tests.

    Its simulated CRM and its documents are written, too. It reads one stream, contacts, in numbered pages behind a
    bearer token, from the simulated CRM. Make of it what the real one is: client.py holds how it is asked, streams.py
    what there is, schemas what its records hold.

    \b
    Example:
      crm new-tap acme --label "Acme CRM" --domain https://acme.example.com
    """  # noqa: D301 -- click's mark for lines that must not be filled
    project = Project.find()
    new = template.NewTap(name, label or name.capitalize(), domain or f"https://{name}.example.com", template.VERSION)
    files = template.write(project.root, new)
    template.register(project.root, new)
    _tell_settings(project.root, new)
    click.echo("\n".join(str(file.relative_to(project.root)) for file in files))
    click.echo(
        "\nIt is registered in requirements.in, pyproject.toml, meltano.yml, .env.example, README.md and the simulator."
        "\nNow:\n"
        "  make lock setup definitions\n"
        f"  .venv/bin/pytest taps/tap-{name}-dw\n"
        f"  crm simulator up {name}"
    )


def _tell_settings(root: Path, new: template.NewTap) -> None:
    """Put the table of settings into the README, as the tap itself tells them."""
    folder = root / f"taps/tap-{new.crm}-dw"
    done = subprocess.run(  # noqa: S603 -- our own interpreter and module
        [sys.executable, "-m", f"tap_{new.crm}_dw", "--about", "--format=json"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CrmError(f"The new tap does not start: {done.stderr.strip().splitlines()[-1:]}")
    readme = folder / "README.md"
    table = template.settings_table(json.loads(done.stdout))
    readme.write_text(readme.read_text(encoding="utf-8").replace("<<settings>>", table), encoding="utf-8")
