"""When a stream is healthy: thresholds from ``health.yml``, the suite's own under those of the project."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping  # noqa: TC003 -- get_type_hints reads the annotations
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files

import yaml

if t.TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "health.yml"

Rule: t.TypeAlias = t.Literal[
    "never_run",
    "failures",
    "success_rate",
    "freshness",
    "stale_run",
    "long_run",
    "empty_runs",
    "no_records",
    "open_rejects",
    "reject_share",
    "schema_drift",
    "quota",
    "rate_limits",
]
RULES: t.Final[tuple[Rule, ...]] = t.get_args(Rule)


class HealthFileError(ValueError):
    """A ``health.yml`` cannot be used, and what to correct."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What holds for one stream; ``health.yml`` explains each of them."""

    ignore: bool
    window_hours: float
    min_success_rate: float
    max_consecutive_failures: int
    fresh_within_hours: float | None
    stale_minutes: float
    max_run_minutes: float
    max_empty_runs: int
    records_within_hours: float | None
    max_open_rejects: int
    max_reject_share: float
    reject_share_from_records: int
    drift_rejects: int
    daily_requests: int | None
    max_quota_share: float
    max_waiting_share: float


@dataclass(frozen=True, slots=True)
class AlertRules:
    """What is told, and how often."""

    cooldown_minutes: float
    warnings: bool
    cooldowns: Mapping[str, float]

    def cooldown_of(self, rule: str) -> float:
        """Return after how many minutes this rule may be told again."""
        return self.cooldowns.get(rule, self.cooldown_minutes)


@dataclass(frozen=True)
class HealthRules:
    """The thresholds of every stream."""

    defaults: Mapping[str, t.Any]
    alerts: AlertRules
    sources: Mapping[str, Mapping[str, t.Any]] = field(default_factory=dict)

    def of(self, crm_source: str, stream: str | None = None) -> Thresholds:
        """Return what holds for a stream, or for a whole source."""
        source = self.sources.get(crm_source) or {}
        own = (source.get("streams") or {}).get(stream) or {} if stream else {}
        general = {name: value for name, value in source.items() if name != "streams"}
        return Thresholds(**{**self.defaults, **general, **own})

    @cached_property
    def longest_window_hours(self) -> float:
        """How far back any stream is looked at."""
        everywhere = [self.defaults, *self.sources.values()]
        streams = [stream for source in self.sources.values() for stream in (source.get("streams") or {}).values()]
        return max(float(place["window_hours"]) for place in [*everywhere, *streams] if "window_hours" in place)


def load_rules(file: Path | None = None) -> HealthRules:
    """Return the rules: the suite's own, changed by a file if it exists.

    Raises:
        HealthFileError: If the file cannot be used; names the place.
    """
    own = yaml.safe_load((files("sync_history") / FILE_NAME).read_text(encoding="utf-8"))
    changed = _read(file) if file is not None and file.is_file() else {}
    where = str(file)
    _check_names(where, "", changed, ("defaults", "sources", "alerts"))
    defaults = {**own["defaults"], **_thresholds(where, "defaults", changed.get("defaults"))}
    sources = {}
    for source, value in _mapping(where, "sources", changed.get("sources")).items():
        place = f"sources.{source}"
        entry = _mapping(where, place, value)
        streams = _mapping(where, f"{place}.streams", entry.pop("streams", None))
        sources[source] = _thresholds(where, place, entry)
        sources[source]["streams"] = {
            stream: _thresholds(where, f"{place}.streams.{stream}", stream_entry)
            for stream, stream_entry in streams.items()
        }
    alerts = _alerts(where, {**own["alerts"], **_mapping(where, "alerts", changed.get("alerts"))})
    return HealthRules(defaults, alerts, sources)


def _read(file: Path) -> dict[str, t.Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise HealthFileError(f"{file} cannot be read as YAML: {error}") from error
    return _mapping(str(file), "it", content)


def _mapping(where: str, place: str, value: t.Any) -> dict[str, t.Any]:  # noqa: ANN401 -- as in YAML
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HealthFileError(f"{where}: {place} must hold names and values.")
    return value


def _thresholds(where: str, place: str, value: t.Any) -> dict[str, t.Any]:  # noqa: ANN401 -- as in YAML
    entry = _mapping(where, place, value)
    kinds = t.get_type_hints(Thresholds)
    _check_names(where, place, entry, [one.name for one in fields(Thresholds)])
    for name, given in entry.items():
        _check(where, f"{place}.{name}", given, kinds[name])
    return entry


def _alerts(where: str, entry: dict[str, t.Any]) -> AlertRules:
    kinds = t.get_type_hints(AlertRules)
    _check_names(where, "alerts", entry, list(kinds))
    _check(where, "alerts.cooldown_minutes", entry["cooldown_minutes"], float)
    _check(where, "alerts.warnings", entry["warnings"], bool)
    cooldowns = _mapping(where, "alerts.cooldowns", entry["cooldowns"])
    _check_names(where, "alerts.cooldowns", cooldowns, RULES)
    for rule, minutes in cooldowns.items():
        _check(where, f"alerts.cooldowns.{rule}", minutes, float)
    return AlertRules(entry["cooldown_minutes"], entry["warnings"], cooldowns)


def _check_names(where: str, place: str, entry: Mapping[str, t.Any], known: Iterable[str]) -> None:
    names = list(known)
    for name in entry:
        if name not in names:
            nearest = get_close_matches(str(name), names, n=1, cutoff=0.5)
            hint = f" Did you mean {nearest[0]}?" if nearest else f" There are: {', '.join(names)}."
            raise HealthFileError(f"{where}: {f'{place}.' if place else ''}{name} is unknown.{hint}")


def _check(where: str, place: str, value: t.Any, kind: t.Any) -> None:  # noqa: ANN401 -- as in YAML, and a type
    allowed = t.get_args(kind) or (kind,)
    if value is None and type(None) in allowed:
        return
    if bool in allowed:
        good, wanted = isinstance(value, bool), "true or false"
    elif float in allowed:
        good, wanted = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0, "a number from 0"
    else:
        good, wanted = isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a whole number from 0"
    if not good:
        also = " or null" if type(None) in allowed else ""
        raise HealthFileError(f"{where}: {place} is {value!r}; it must be {wanted}{also}.")
