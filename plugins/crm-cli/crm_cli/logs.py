"""Meltano's output of a run: kept in ``.crm/logs``, masked, and searched for the sentence that says what failed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_KEPT = 200

# Meltano's log format "uncolored"; in 4.4 the format "plain" hides the reason of a failure behind an error of its own.
_ENTRY = re.compile(r"^\d{4}-\S+Z \[(?P<level>\w+)\s*\] (?P<producer>\S+)\s+(?P<text>.*)$")
# The console format of the Singer SDK, and Python's own.
_SDK_PREFIX = re.compile(
    r"^\d{4}-\d\d-\d\d[T ]\S+\s*(?:\|\s*)?(?P<level>[A-Z]+)\s*[|:-]\s*(?:[\w.-]+\s*[|:-]\s*)?(?P<text>.*)$"
)
_LEVEL = re.compile(r"^(?P<level>CRITICAL|ERROR|WARNING|INFO|DEBUG)\b[\s:|-]*(?P<text>.*)$")
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Failure|Interrupt)\w*: (?P<text>.+)$")
# Meltano's word for it, which is not the reason.
_PLUGIN_FAILED = re.compile(r"^(?:Cannot start plugin|Extractor failed|Loader failed|Extractor and loader failed)")
# What a tap of this suite adds to the sentence with which it stops: see error_category in the history.
_CATEGORY = re.compile(r"(?P<sentence>.*\S) \[(?P<category>[a-z_]+)\]", re.DOTALL)
_NOISE = re.compile(
    r"^(?:Traceback |METRIC: |The above exception|During handling|Block run completed|Run completed|\s|\W*$)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a plugin or of Meltano itself, without its prefixes."""

    producer: str
    level: str
    text: str


def new_log(folder: Path, name: str) -> Path:
    """Return the path of a new log, and remove the oldest beyond the newest 200."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: -_KEPT + 1]:
        old.unlink(missing_ok=True)
    return folder / f"{name}.log"


def mask(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text by ``***``, also where it stands inside JSON."""
    for secret in secrets:
        for spelling in {secret, json.dumps(secret)[1:-1]}:
            text = text.replace(spelling, "***")
    return text


def mask_file(log: Path, secrets: Iterable[str]) -> None:
    """Replace every secret in a finished log; leave the file alone if there is none."""
    text = log.read_text(encoding="utf-8", errors="replace")
    masked = mask(text, secrets)
    if masked != text:
        log.write_text(masked, encoding="utf-8")


def entries(text: str) -> Iterator[Entry]:
    """Cut a log into entries; a line without a prefix of its own belongs to the producer before it."""
    producer, level = "meltano", "info"
    for line in _lines(text):
        if isinstance(line, Entry):
            producer, level = line.producer, line.level
            inner = _SDK_PREFIX.match(line.text) or _LEVEL.match(line.text)
            yield Entry(producer, inner["level"].lower(), inner["text"]) if inner else line
            continue
        entry = _ENTRY.match(line)
        if entry:
            producer, level, rest = entry["producer"], entry["level"], entry["text"]
        else:
            rest = line
        inner = _SDK_PREFIX.match(rest) or _LEVEL.match(rest)
        if inner:
            yield Entry(producer, inner["level"].lower(), inner["text"])
        else:
            yield Entry(producer, level, rest)


def _lines(text: str) -> Iterator[Entry | str]:
    """Yield the lines of a log; those that are JSON objects (``--log-format json``) as entries, a line of text each."""
    for line in text.splitlines():
        try:
            told = json.loads(line) if line.startswith("{") else None
        except ValueError:
            told = None
        if not isinstance(told, dict) or "event" not in told:
            yield line
            continue
        producer, level = str(told.get("name") or told.get("string_id") or "meltano"), str(told.get("level", "info"))
        for part in f"{told['event']}\n{told.get('exception', '')}".splitlines():
            yield Entry(producer, level, part)


def failure_sentence(text: str) -> str | None:
    """Return what a log says about why the run failed: the plugins' word before Meltano's, the last word first.

    A plugin that stops at its start prints its reason as the last line of its output, with or without a level.
    """
    lines = [entry for entry in entries(text) if not _NOISE.match(entry.text)]
    plugins = [entry for entry in lines if entry.producer != "meltano"]
    own = [entry for entry in lines if entry.producer == "meltano"]
    said = _last_error(plugins)
    if said is None and plugins and any(_PLUGIN_FAILED.match(entry.text) for entry in own):
        said = plugins[-1].text.strip()
    return said or _last_error(own)


def split_category(sentence: str) -> tuple[str, str | None]:
    """Cut the category off a sentence of a tap of this suite: ``Access denied. [authentication]``."""
    match = _CATEGORY.fullmatch(sentence)
    return (match["sentence"], match["category"]) if match else (sentence, None)


def _last_error(lines: list[Entry]) -> str | None:
    for entry in reversed(lines):
        exception = _EXCEPTION.match(entry.text)
        if exception:
            return exception["text"].strip()
        if entry.level in {"error", "critical"}:
            return entry.text.strip()
    return None
