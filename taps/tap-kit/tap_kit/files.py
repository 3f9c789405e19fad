"""Files as sources: where they are, whether they are the same as last time, and how they are opened.

A location is a path, a glob (``/exports/users-*.csv``), an ``s3://`` address, which may be a glob as well, or an
``https://`` address. Files are read in the order of their names, so that dated exports come oldest first.

A file is known by name, size and hash: of its content, or the ETag where S3 tells it for nothing. A file on an
HTTP server is fetched to a temporary file first, because only then its hash is known; if its ETag is still that
of last time, the server does not send it again. Everything else is streamed.
"""

from __future__ import annotations

import abc
import glob
import hashlib
import io
import os
import re
import tempfile
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests
from typing_extensions import override

from tap_kit import aws
from tap_kit.bookmarks import Bookmark
from tap_kit.errors import Retry, SkipStream, Stop, Wait
from tap_kit.http import Meter, Unreachable, retry_after
from tap_kit.retry import Patience

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_kit.bookmarks import Key, Narrowing
    from tap_kit.report import StreamReport

BLOCK: t.Final = 1 << 20
GLOB: t.Final = re.compile(r"[*?\[]")
MOST_REDIRECTS: t.Final = 5
CHANGED: t.Final = "The file {name} changed while it was read. Start again when its writer has finished."


@dataclass(frozen=True)
class Identity:
    """By what a file is known again.

    Attributes:
        name: Path or address, without the parameters of an address: they may hold a signature.
        size: In bytes.
        hash: ``sha256:`` and the hash of the content, or ``etag:`` and what S3 calls it.
        etag: What an HTTP server calls this content.
    """

    name: str
    size: int
    hash: str
    etag: str | None = None

    def to_json(self) -> dict[str, t.Any]:
        """Return it as a bookmark holds it."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: t.Any) -> Identity | None:  # noqa: ANN401 - any JSON
        """Return what a bookmark holds, None if that is no identity."""
        if not isinstance(value, Mapping):
            return None
        try:
            etag = value.get("etag")
            return cls(str(value["name"]), int(value["size"]), str(value["hash"]), None if etag is None else str(etag))
        except (KeyError, TypeError, ValueError):
            return None


class FoundFile(abc.ABC):
    """One file that a location names."""

    name: str

    @abc.abstractmethod
    def identify(self, known: Identity | None = None) -> Identity:
        """Return its identity now; ``known`` is the one of last time, which may save the fetching.

        Raises:
            SkipStream: If it is gone or may not be read.
        """

    @abc.abstractmethod
    def open(self) -> t.BinaryIO:
        """Open what was identified."""

    def check(self) -> None:  # noqa: B027 - most hold on to what they identified
        """Raise SkipStream if it is no more what was identified."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what is held for it."""


class LocalFile(FoundFile):
    """A file of this machine."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._stamp: tuple[int, int, int] | None = None

    @override
    def identify(self, known: Identity | None = None) -> Identity:
        with self._open() as file:
            self._stamp = self._stamp_of(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = self._stamp[1]
        self.check()
        return Identity(self.name, size, f"sha256:{digest}")

    @override
    def open(self) -> t.BinaryIO:
        return self._open()

    @override
    def check(self) -> None:
        if not Path(self.name).exists() or self._stamp_of(os.stat(self.name)) != self._stamp:  # noqa: PTH116 - as fstat
            raise SkipStream(CHANGED.format(name=self.name))

    def _open(self) -> io.BufferedReader:
        try:
            return Path(self.name).open("rb")
        except IsADirectoryError:
            raise SkipStream(
                f"{self.name} is a folder: name its files, for example {self.name}/*.csv.", category="configuration"
            ) from None
        except FileNotFoundError:
            raise SkipStream(f"There is no file {self.name}.", category="configuration") from None
        except OSError as error:
            raise SkipStream(f"The file {self.name} cannot be read: {error.strerror}.", category="permission") from None

    @staticmethod
    def _stamp_of(stat: os.stat_result) -> tuple[int, int, int]:
        return stat.st_ino, stat.st_size, stat.st_mtime_ns


class S3File(FoundFile):
    """An object of S3."""

    def __init__(self, store: FileStore, bucket: str, key: str, found: Identity | None = None) -> None:
        self.name = f"s3://{bucket}/{key}"
        self._store = store
        self._bucket, self._key = bucket, key
        self._identity = found

    @override
    def identify(self, known: Identity | None = None) -> Identity:
        if self._identity is None:
            answer = self._store.ask_s3("head_object", self.name, Bucket=self._bucket, Key=self._key)
            self._identity = Identity(self.name, int(answer["ContentLength"]), f"etag:{answer['ETag'].strip(chr(34))}")
        return self._identity

    @override
    def open(self) -> t.BinaryIO:
        etag = f'"{self.identify().hash.removeprefix("etag:")}"'
        body = S3Body(self._store, self._bucket, self._key, size=self.identify().size, etag=etag)
        return t.cast("t.BinaryIO", io.BufferedReader(body, BLOCK))


class S3Body(io.RawIOBase):
    """The content of an object, streamed; where the connection breaks it goes on at the same byte.

    Args:
        store: Whose client and patience it uses.
        bucket: Bucket of the object.
        key: Its key.
        size: Its size.
        etag: Which content is meant: another one is an error.
    """

    def __init__(self, store: FileStore, bucket: str, key: str, *, size: int, etag: str) -> None:
        super().__init__()
        self._store = store
        self._bucket, self._key, self._size, self._etag = bucket, key, size, etag
        self._at = 0
        self._body: t.Any = None

    @override
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:  # noqa: ANN401 - as in the standard library
        """Fill a buffer as far as the connection gives it."""
        if self._at >= self._size:
            return 0
        data: bytes = self._store.patience.run(lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    @override
    def close(self) -> None:
        if self._body is not None:
            self._body.close()
        super().close()

    def _read(self, size: int) -> bytes:
        what = f"s3:GetObject on s3://{self._bucket}/{self._key}"
        try:
            if self._body is None:
                parameters = {"Range": f"bytes={self._at}-"} if self._at else {}
                self._store.meter.count_request(0)
                answer = self._store.s3.get_object(Bucket=self._bucket, Key=self._key, IfMatch=self._etag, **parameters)
                self._body = answer["Body"]
            data: bytes = self._body.read(size)
        except Exception as error:
            self._body = None
            failure = aws.error_of(error, what)
            if isinstance(failure, Retry | Wait):
                self._store.meter.count_retry()
            if isinstance(failure, SkipStream) and "PreconditionFailed" in str(failure):
                failure = SkipStream(CHANGED.format(name=f"s3://{self._bucket}/{self._key}"))
            raise failure from error
        if not data:
            self._body = None
            self._store.meter.count_retry()
            raise Retry(f"AWS ({what}): the content was cut off in the middle.")
        return data


class HttpFile(FoundFile):
    """A file on an HTTP server."""

    def __init__(self, store: FileStore, url: str) -> None:
        self.name = bare_address(url)
        self._store = store
        self._url = url
        self._content: t.IO[bytes] | None = None
        self._identity: Identity | None = None

    @override
    def identify(self, known: Identity | None = None) -> Identity:
        etag = known.etag if known is not None else None
        self._identity = self._store.patience.run(lambda: self._fetch(etag), self._store.meter) or known
        return t.cast("Identity", self._identity)

    @override
    def open(self) -> t.BinaryIO:
        if self._content is None or self._content.closed:
            # The server said that nothing is new, and yet the file is read: for its keys, for example.
            again = self._store.patience.run(lambda: self._fetch(None), self._store.meter)
            if again is None or self._identity is None or again.hash != self._identity.hash:
                raise SkipStream(CHANGED.format(name=self.name))
        content = t.cast("t.IO[bytes]", self._content)
        content.seek(0)
        return t.cast("t.BinaryIO", content)

    @override
    def close(self) -> None:
        if self._content is not None:
            self._content.close()

    def _fetch(self, etag: str | None) -> Identity | None:
        """Fetch the file; None if it is still the one of the ETag."""
        try:
            with self._store.get(self._url, {"If-None-Match": etag} if etag else {}) as answer:
                if answer.status_code == requests.codes.not_modified and etag:
                    return None
                self._judge(answer)
                digest, size = hashlib.sha256(), 0
                self.close()
                self._content = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``close``
                for block in answer.iter_content(BLOCK):
                    digest.update(block)
                    size += len(block)
                    self._content.write(block)
                found = answer.headers.get("ETag")
        except requests.exceptions.SSLError:
            raise Stop(f"{self.name}: the TLS connection failed.", category="connection") from None
        except requests.exceptions.ChunkedEncodingError:
            raise Retry(f"{self.name} was cut off in the middle.") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise Unreachable(f"{self.name}: the connection failed ({type(error).__name__}).") from None
        except requests.exceptions.RequestException as error:
            raise SkipStream(
                f"{self.name} cannot be requested ({type(error).__name__}).", category="configuration"
            ) from None
        return Identity(self.name, size, f"sha256:{digest.hexdigest()}", found)

    def _judge(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status == requests.codes.ok:
            return
        told = f"{self.name} answered {status}."
        if status in (401, 403):
            raise SkipStream(f"{told} It needs other credentials: see file_http_headers.", category="permission")
        if status == requests.codes.too_many_requests:
            raise Wait(told, seconds=retry_after(answer) or 0)
        if status >= requests.codes.server_error:
            raise Retry(told, category="source")
        raise SkipStream(told)


@dataclass
class FileStore:
    """Where files come from, and with what rights; a context manager.

    Attributes:
        report: Report of the stream that reads them, which counts the requests.
        access: How S3 is reached.
        http_headers: Headers for HTTP servers; they are not sent on to another host.
        connect_timeout_seconds: How long a connection may take.
        read_timeout_seconds: How long a server may be silent.
        retry_seconds: Time budget of all attempts of one request.
        user_agent: Name that HTTP servers get to see.
    """

    report: StreamReport
    access: aws.Access = field(default_factory=aws.Access)
    http_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 60
    retry_seconds: float = 600
    user_agent: str = "tap-kit"
    _found: list[FoundFile] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        """Return itself; what is held is given back at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        for file in self._found:
            file.close()
        if "session" in self.__dict__:
            self.session.close()

    def find(self, location: str) -> Sequence[FoundFile]:
        """Return the files of a location, in the order of their names.

        Raises:
            SkipStream: If there is none.
        """
        files = self._find(location)
        self._found += files
        if not files:
            raise SkipStream(f"No file matches {bare_address(location)}.", category="configuration")
        return sorted(files, key=lambda file: file.name)

    def _find(self, location: str) -> Sequence[FoundFile]:
        if location.startswith("s3://"):
            return self._find_in_s3(location)
        if location.startswith(("https://", "http://")):
            return [HttpFile(self, location)]
        if "://" in location:
            raise SkipStream(
                f"{bare_address(location)} is no location of files: there are paths, s3:// and https://.",
                category="configuration",
            )
        path = os.path.expanduser(location)  # noqa: PTH111 - globs are no paths
        # A file whose own name looks like a glob is meant as it is.
        if not GLOB.search(path) or Path(path).exists():
            return [LocalFile(path)]
        return [LocalFile(found) for found in glob.glob(path, recursive=True) if Path(found).is_file()]  # noqa: PTH207

    def _find_in_s3(self, location: str) -> Sequence[FoundFile]:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        wild = GLOB.search(key)
        if wild is None:
            return [S3File(self, bucket, key)]
        pattern, files = _glob_pattern(key), list[FoundFile]()
        parameters: dict[str, t.Any] = {"Bucket": bucket, "Prefix": key[: wild.start()]}
        while True:
            answer = self.ask_s3("list_objects_v2", location, **parameters)
            for found in answer.get("Contents", []):
                if pattern.fullmatch(found["Key"]):
                    name = f"s3://{bucket}/{found['Key']}"
                    identity = Identity(name, int(found["Size"]), f"etag:{found['ETag'].strip(chr(34))}")
                    files.append(S3File(self, bucket, found["Key"], identity))
            if not answer.get("IsTruncated"):
                return files
            parameters["ContinuationToken"] = answer["NextContinuationToken"]

    @cached_property
    def patience(self) -> Patience:
        """What tries again."""
        return Patience(self.retry_seconds, renew=self._renew)

    def _renew(self) -> bool:
        self.__dict__.pop("s3", None)
        return self.access.renew()

    @cached_property
    def meter(self) -> Meter:
        """What counts the requests."""
        return Meter(self.report)

    @cached_property
    def s3(self) -> t.Any:  # noqa: ANN401 - boto3 makes its clients while it runs
        """The client of S3."""
        return self.access.client("s3")

    def ask_s3(self, operation: str, place: str, **parameters: t.Any) -> dict[str, t.Any]:  # noqa: ANN401
        """Call S3 until it answers."""
        right = {"head_object": "s3:GetObject", "list_objects_v2": "s3:ListBucket"}[operation]

        def attempt() -> dict[str, t.Any]:
            try:
                answer: dict[str, t.Any] = getattr(self.s3, operation)(**parameters)
            except Exception as error:
                raise aws.error_of(error, f"{right} on {place}") from error
            return answer

        return self.patience.run(attempt, self.meter)

    @cached_property
    def session(self) -> requests.Session:
        """The HTTP session."""
        return requests.Session()

    def get(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Ask an HTTP server for a file; redirects are followed, but take no header of ours to another host."""
        own, asked = dict(self.http_headers), urlsplit(url)
        if own and url.startswith("http://") and urlsplit(url).hostname not in ("localhost", "127.0.0.1", "::1"):
            raise SkipStream(
                f"{bare_address(url)} is not encrypted: file_http_headers are sent to https:// only.",
                category="configuration",
            )
        for _ in range(MOST_REDIRECTS):
            answer = self.session.get(
                url,
                headers={"User-Agent": self.user_agent, **own, **headers},
                timeout=(self.connect_timeout_seconds, self.read_timeout_seconds),
                allow_redirects=False,
                stream=True,
            )
            if not answer.is_redirect:
                return answer
            url = urljoin(url, answer.headers["Location"])
            answer.close()
            led = urlsplit(url)
            if led.netloc != asked.netloc or led.scheme not in ("https", asked.scheme):
                own = {}
        raise SkipStream(f"{bare_address(url)} leads from redirect to redirect.")


class FileBookmark(Bookmark):
    """Which files a stream has read: ``{"files": [{"name", "size", "hash"}, ...]}``.

    Its position is a file's name, its hash, and the number of rows that were read of it.

    Args:
        incoming: The stored bookmark.
        narrowing: Limits of this run.
    """

    def __init__(self, incoming: Mapping[str, t.Any], narrowing: Narrowing) -> None:
        super().__init__(incoming, replication_key=None, key_length=3, narrowing=narrowing)
        stored = incoming.get("files")
        found = [Identity.from_json(value) for value in (stored if isinstance(stored, list) else [])]
        narrowed = bool(narrowing)
        # A narrowed run looks at every file: it says nothing about what was read before.
        self.known = {} if narrowed else {identity.name: identity for identity in found if identity is not None}
        self._finished: list[Identity] = []
        self._began = False

    def keep(self, files: Sequence[Identity]) -> None:
        """Note the files that this run need not read."""
        self._finished = list(files)

    def finish(self, file: Identity) -> None:
        """Note that every row of a file was written."""
        self._finished.append(file)
        self._began, self._last_key = True, None

    @override
    def advance(self, last_key: Key, seen: str | None) -> None:
        super().advance(last_key, seen)
        self._began = True

    @override
    def value(self) -> dict[str, t.Any]:
        value = super().value()
        # As long as nothing was written, what came in stands.
        if self._narrowing or not (self._began or self._complete):
            return value
        position = {"resume": value["resume"]} if self._last_key is not None and "resume" in value else {}
        return {"files": [file.to_json() for file in self._finished], **position}


def files_to_read(files: Sequence[Identity], known: Mapping[str, Identity]) -> int:
    """Return from which file on has to be read.

    Everything behind the first new or changed file is read again: its rows replace those of files with a smaller
    name, and have to be replaced by those of files with a greater one.
    """
    for place, file in enumerate(files):
        before = known.get(file.name)
        if before is None or (before.size, before.hash) != (file.size, file.hash):
            return place
    return len(files)


def _glob_pattern(key: str) -> re.Pattern[str]:
    """Return a glob as a pattern: ``*`` and ``?`` stay within a folder, ``**`` does not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(
            parts.get(part, part.replace("[!", "[^", 1) if part.startswith("[") else re.escape(part))
            for part in _pieces(key)
        )
    )


def _pieces(key: str) -> list[str]:
    return re.findall(r"\*\*/|\*\*|\*|\?|\[[^]/]+\]|.", key, flags=re.DOTALL)


def bare_address(location: str) -> str:
    """Return a location without what may open it: a name and a password before the host, parameters behind the path."""
    if not location.startswith(("https://", "http://")):
        return location
    scheme, _, rest = re.split(r"[?#]", location, maxsplit=1)[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
