"""Keep secret settings out of everything that people or files get to see."""

from __future__ import annotations

import json
import logging
import re
import traceback
import typing as t
import urllib.parse

MASK = "***"
# A shorter secret is hidden only where it stands as a word of its own; hiding every "a" of a
# message would make it unreadable without protecting anything.
SHORT = 4
MOST_CAUSES = 10
# Parameters of an address whose value opens a door: links of vendors carry keys that are no setting of ours.
_PARAMETERS = re.compile(
    r"([?&;](?:access_?key|access_?token|api_?key|client_secret|hapikey|key|password|refresh_token|secret|sig"
    r"|signature|token|x-(?:amz|goog)-(?:credential|security-token|signature))=)[^&\s\"'<>]+",
    re.IGNORECASE,
)
# A password before the host of an address.
_PASSWORD = re.compile(r"(://[^\s/?#@:\"'<>]*:)[^\s/?#\"'<>]+(?=@)")

# What a vendor's error may quote of a record: addresses, long numbers (also of telephones), and names: words that
# begin with a capital, unless they begin a sentence or a quotation. Two of them are a name even there.
_TECHNICAL = r"(?!(?:API|Bad|Error|Found|Invalid|Not|Request|Signature|Token|Unauthorized)\b)"
_PERSONAL = re.compile(
    r"[^\s@\"'<>(){}\[\],;:=]+@[^\s@\"'<>(){}\[\],;:=]+"
    r"|\+?\(?\d(?:[ ().-]{0,2}\d){6,}"
    rf"|\b{_TECHNICAL}[A-Z][a-z]+(?:[ ,]+{_TECHNICAL}[A-Z][a-z]+)+\b"
    rf"|(?<=[\w,;] ){_TECHNICAL}[A-Z][a-z]+\b"
)


class Redactor:
    """Replaces the values of secret settings, however they were escaped, by three stars.

    Args:
        config: The settings as given.
        schema: Their JSON schema; a property with ``secret: true`` is secret, also in nested objects.
    """

    def __init__(self, config: t.Mapping[str, t.Any], schema: t.Mapping[str, t.Any]) -> None:
        self._config = config
        self._schema = schema
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*_secret_values(config, schema))

    def add(self, *secrets: str) -> None:
        """Hide further values, for example a token that was obtained during the run."""
        self._spellings |= {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        patterns = [
            re.escape(s) if len(s) >= SHORT else rf"(?<!\w){re.escape(s)}(?!\w)"
            for s in sorted(self._spellings, key=len, reverse=True)
        ]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def clean(self, text: str) -> str:
        """Return the text with every secret value masked, and every parameter of an address that names one."""
        text = _PASSWORD.sub(rf"\1{MASK}", _PARAMETERS.sub(rf"\1{MASK}", text))
        return self._pattern.sub(MASK, text) if self._pattern else text

    def public_settings(self) -> dict[str, t.Any]:
        """Return the settings without the secret ones, and without those that are not declared.

        A misspelt ``pasword`` is not declared, and as secret as the right one. The address of a file may hold a
        signature.
        """
        public: dict[str, t.Any] = self._cleaned(_without_secrets(self._config, self._schema))
        return public

    def _cleaned(self, value: t.Any) -> t.Any:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            return {name: self._cleaned(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._cleaned(inner) for inner in value]
        return self.clean(value) if isinstance(value, str) else value


class RedactingFilter(logging.Filter):
    """Masks secrets in log lines, tracebacks included."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; never drops one."""
        record.msg = self.redactor.clean(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = self.redactor.clean(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def impersonal(text: str) -> str:
    """Return what a vendor says about an error without what may be personal; the rest says what is wrong."""
    return _PERSONAL.sub(MASK, text)


def places_of(error: BaseException) -> str:
    """Return where an unforeseen error and its causes came from, without their texts: those may quote a record."""
    parts: list[str] = []
    left: BaseException | None = error
    while left is not None and len(parts) < MOST_CAUSES:
        parts.append("".join(traceback.format_tb(left.__traceback__)) + type(left).__qualname__)
        left = left.__cause__ or (None if left.__suppress_context__ else left.__context__)
    return "\nbecause of:\n".join(parts)


def install(redactor: Redactor) -> None:
    """Make every handler of the root logger mask the secrets of this run, and of this run only.

    Libraries that log whole requests and answers are not heard at the level debug.
    """
    for name in ("boto3", "botocore", "s3transfer", "urllib3"):
        logging.getLogger(name).setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        for old in [f for f in handler.filters if isinstance(f, RedactingFilter)]:
            handler.removeFilter(old)
        handler.addFilter(RedactingFilter(redactor))


def _properties(schema: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    properties: t.Mapping[str, t.Any] = schema.get("properties", {})
    return properties


def _secret_values(value: t.Any, schema: t.Mapping[str, t.Any]) -> t.Iterator[str]:  # noqa: ANN401 - any JSON
    if schema.get("secret"):
        yield from _leaves(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _secret_values(inner, _properties(schema).get(name, {}))


def _leaves(value: t.Any) -> t.Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value not in (None, "", True, False):
        yield str(value)


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
    }


def _without_secrets(config: t.Mapping[str, t.Any], schema: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    kept, declared = {}, _properties(schema)
    for name, value in config.items():
        inner = declared.get(name, {})
        if inner.get("secret") or (declared and name not in declared):
            continue
        kept[name] = _without_secrets(value, inner) if isinstance(value, dict) else value
    return kept
