"""Makes an eleventh tap: a package that works from its first minute, with its simulated CRM, tests and documents.

The files lie in ``files``; ``<<crm>>`` and the like in them are replaced. ``PLACES`` says where each one goes.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crm_cli.definitions import VARIANT
from crm_cli.errors import CrmUsageError

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = "0.1.0"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*")
_TAP: Final = "taps/tap-<<crm>>-dw"
PLACES: Final = {
    "pyproject.toml": f"{_TAP}/pyproject.toml",
    "README.md": f"{_TAP}/README.md",
    "BEHAVIOR.md": f"{_TAP}/BEHAVIOR.md",
    "__init__.py": f"{_TAP}/tap_<<crm>>_dw/__init__.py",
    "__main__.py": f"{_TAP}/tap_<<crm>>_dw/__main__.py",
    "names.py": f"{_TAP}/tap_<<crm>>_dw/names.py",
    "client.py": f"{_TAP}/tap_<<crm>>_dw/client.py",
    "streams.py": f"{_TAP}/tap_<<crm>>_dw/streams.py",
    "tap.py": f"{_TAP}/tap_<<crm>>_dw/tap.py",
    "contacts.json": f"{_TAP}/tap_<<crm>>_dw/schemas/contacts.json",
    "conftest.py": f"{_TAP}/tests/conftest.py",
    "test_reading.py": f"{_TAP}/tests/test_reading.py",
    "test_loading.py": f"{_TAP}/tests/test_loading.py",
    "test_standard.py": f"{_TAP}/tests/test_standard.py",
    "simulated.py": "plugins/crm-simulator/crm_simulator/<<crm>>.py",
    "docs.md": "docs/<<crm>>.md",
}


@dataclass(frozen=True, slots=True)
class NewTap:
    """What distinguishes the tap: the source's name in the history, its label, the vendor's address."""

    crm: str
    label: str
    domain: str
    version: str

    @property
    def words(self) -> dict[str, str]:
        """What the marks in the files become."""
        return {
            "crm": self.crm,
            "CRM": self.crm.upper(),
            "Crm": self.crm.capitalize(),
            "label": self.label,
            "domain": self.domain.rstrip("/"),
            "version": self.version,
        }


def check_name(crm: str) -> None:
    """Refuse a name that cannot be a source's.

    Raises:
        CrmUsageError: If it is none: in the history it is all small letters and digits.
    """
    if not _NAME.fullmatch(crm):
        raise CrmUsageError(f"{crm!r} cannot name a source: small letters and digits only, beginning with a letter.")


def write(root: Path, new: NewTap) -> list[Path]:
    """Write all files of a new tap below the project's folder, and return their paths.

    Raises:
        CrmUsageError: If one of them is there already; nothing is written then.
    """
    check_name(new.crm)
    places = {root / _filled(place, new.words): file for file, place in PLACES.items()}
    taken = [place for place in places if place.exists()]
    if taken:
        raise CrmUsageError(f"{taken[0].relative_to(root)} is there already: choose another name, or remove it.")
    folder = importlib.resources.files("crm_cli.new_tap") / "files"
    for place, file in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_filled((folder / f"{file}.txt").read_text(encoding="utf-8"), new.words), encoding="utf-8")
    typed = root / _filled(f"{_TAP}/tap_<<crm>>_dw/py.typed", new.words)
    typed.touch()
    return [*places, typed]


def register(root: Path, new: NewTap) -> None:
    """Name the new tap where the project names its taps, each time after the last one.

    Raises:
        CrmUsageError: If a file has not the place that is looked for; says which.
    """
    for file, before, line in _REGISTRATIONS:
        path, added = root / file, _filled(line, new.words)
        text = path.read_text(encoding="utf-8")
        if before not in text:
            raise CrmUsageError(f"{file} has no place for the new tap (before {before!r}): add it by hand: {added}")
        path.write_text(text.replace(before, added + before, 1), encoding="utf-8")


# File, what stands behind the new text, the new text.
_REGISTRATIONS: Final = (
    ("requirements.in", "-e ./taps/tap-kit\n", "-e ./taps/tap-<<crm>>-dw\n"),
    ("pyproject.toml", "$MYPY_CONFIG_FILE_DIR/plugins/sync-history:", "$MYPY_CONFIG_FILE_DIR/taps/tap-<<crm>>-dw:"),
    ("pyproject.toml", '"sync_history", ', '"tap_<<crm>>_dw", '),
    ("meltano.yml", "  loaders:\n", f"  - name: tap-<<crm>>-dw\n    variant: {VARIANT}\n"),
    ("meltano.yml", "\n# The timetable", "- name: <<crm>>\n  tasks:\n  - tap-<<crm>>-dw target-postgres-dw\n"),
    (
        "meltano.yml",
        "- name: hubspot-sweep\n",
        '- name: <<crm>>-hourly\n  interval: 30 * * * *\n  job: <<crm>>\n  env: {CRM_TIMEOUT_MINUTES: "55"}\n',
    ),
    (
        ".env.example",
        "# --- Loader ---",
        "# --- <<label>>\n#TAP_<<CRM>>_DW_API_KEY=\n# Every other setting: taps/tap-<<crm>>-dw/README.md\n\n",
    ),
    (
        "README.md",
        "| [taps/tap-kit](taps/tap-kit/README.md) |",
        "| [taps/tap-<<crm>>-dw](taps/tap-<<crm>>-dw/README.md) | The tap of <<label>>. |\n",
    ),
    (
        "plugins/crm-simulator/crm_simulator/server.py",
        "}\n\n\nclass _Server",
        '    "<<crm>>": "crm_simulator.<<crm>>:<<Crm>>",\n',
    ),
)


def settings_table(about: dict[str, Any]) -> str:
    """Return the rows of a README's table of settings, from what ``--about`` says."""
    rows = []
    for name, setting in about["settings"]["properties"].items():
        default = setting.get("default")
        secret = " (secret)" if setting.get("secret") else ""
        shown = "" if default is None else f"`{json.dumps(default)}`"
        rows.append(f"| `{name}`{secret} | {shown} | {' '.join(str(setting.get('description', '')).split())} |")
    return "\n".join(rows)


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(f"<<{mark}>>", word)
    return text
