"""Where files come from, and by what they are known again."""

from __future__ import annotations

import hashlib
import io
import threading
import typing as t
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, IncompleteReadError
from tap_kit.bookmarks import Narrowing
from tap_kit.errors import SkipStream, Stop
from tap_kit.files import FileBookmark, FileStore, Identity, _glob_pattern, bare_address, files_to_read
from tap_kit.report import StreamReport

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[FileStore]:
    with FileStore(StreamReport(), retry_seconds=5) as opened:
        yield opened


# On this machine


def test_a_path_is_one_file(store: FileStore, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(b"a\n1\n")
    (file,) = store.find(str(path))
    assert file.identify() == Identity(str(path), 4, "sha256:" + hashlib.sha256(b"a\n1\n").hexdigest())
    with file.open() as content:
        assert content.read() == b"a\n1\n"
    file.check()


def test_a_glob_is_read_in_the_order_of_names(store: FileStore, tmp_path: Path) -> None:
    for name in ("users-2025-06.csv", "users-2025-05.csv", "offices.csv", "users-2025-04.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "users-folder.csv").mkdir()
    found = [file.name for file in store.find(f"{tmp_path}/users-*.csv")]
    assert found == [f"{tmp_path}/users-2025-05.csv", f"{tmp_path}/users-2025-06.csv"]


def test_a_name_that_looks_like_a_glob_is_a_name(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "users [1].csv").write_text("x")
    assert len(store.find(f"{tmp_path}/users [1].csv")) == 1


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("{}/none.csv", "There is no file"),
        ("{}/none-*.csv", "No file matches"),
        ("{}", "is a folder: name its files"),
        ("ftp://example.com/users.csv", "is no location of files"),
    ],
)
def test_what_is_no_file_is_said(store: FileStore, tmp_path: Path, location: str, told: str) -> None:
    with pytest.raises(SkipStream, match=told):
        store.find(location.format(tmp_path))[0].identify()


def test_a_file_that_changes_while_it_is_read_is_an_error(store: FileStore, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("a\n1\n")
    (file,) = store.find(str(path))
    file.identify()
    with path.open("a") as more:
        more.write("2\n")
    with pytest.raises(SkipStream, match="changed while it was read"):
        file.check()


# What was read before


def identities(*hashes: str) -> list[Identity]:
    return [Identity(f"{place}.csv", 1, text) for place, text in enumerate(hashes)]


@pytest.mark.parametrize(
    ("before", "now", "first"),
    [
        ("abc", "abc", 3),
        ("", "abc", 0),
        ("ab", "abc", 2),
        # What lies behind a changed file is read again: its rows have to replace those of the changed one.
        ("abc", "axc", 1),
        ("abc", "ab", 2),
    ],
)
def test_everything_behind_the_first_changed_file_is_read(before: str, now: str, first: int) -> None:
    known = {identity.name: identity for identity in identities(*before)}
    assert files_to_read(identities(*now), known) == first


def test_the_bookmark_of_files() -> None:
    one, two = identities("a", "b")
    bookmark = FileBookmark({"files": [one.to_json(), {"broken": 1}, "x"]}, Narrowing())
    assert bookmark.known == {"0.csv": one}
    bookmark.begin(NOW)
    bookmark.keep([one])
    bookmark.advance(["1.csv", "b", 7], None)
    assert bookmark.value()["files"] == [one.to_json()]
    assert bookmark.value()["resume"]["last_key"] == ["1.csv", "b", 7]
    bookmark.finish(two)
    bookmark.complete()
    assert bookmark.value() == {"files": [one.to_json(), two.to_json()]}


def test_a_narrowed_run_reads_all_files_and_keeps_the_bookmark() -> None:
    (one,) = identities("a")
    incoming = {"files": [one.to_json()]}
    bookmark = FileBookmark(incoming, Narrowing(max_records=3))
    assert bookmark.known == {}
    bookmark.begin(NOW)
    bookmark.finish(one)
    bookmark.complete()
    assert bookmark.value() == incoming


# On an HTTP server


class Server(BaseHTTPRequestHandler):
    """A file with an ETag; its first answers are what the test wants."""

    troubles: t.ClassVar[list[int | str]] = []
    asked: t.ClassVar[list[dict[str, str]]] = []
    content: t.ClassVar[bytes] = b"a,b\n1,2\n"

    def do_GET(self) -> None:
        type(self).asked.append(dict(self.headers))
        trouble = self.troubles.pop(0) if self.troubles else 200
        if isinstance(trouble, str) and trouble != "cut":
            self.send_response(302)
            self.send_header("Location", trouble)
            self.end_headers()
            return
        if trouble not in {"cut", 200}:
            self.send_response(t.cast("int", trouble))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.headers.get("If-None-Match") == '"v1"':
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[:3] if trouble == "cut" else self.content)

    def log_message(self, *_: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.troubles, Server.asked = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("troubles", [[], [503, 500], ["cut"], [429]])
def test_a_file_on_a_server(store: FileStore, server: str, troubles: list[int | str]) -> None:
    Server.troubles = list(troubles)
    (file,) = store.find(f"{server}/users.csv?signature=secret")
    identity = file.identify()
    assert identity.name == f"{server}/users.csv"
    assert (identity.size, identity.etag) == (8, '"v1"')
    with file.open() as content:
        assert content.read() == Server.content
    assert (store.report.requests, store.report.retries) == (1 + len(troubles), len(troubles))
    # Read again, for its keys.
    with file.open() as content:
        assert content.read() == Server.content


def test_an_unchanged_file_is_not_sent_again(store: FileStore, server: str) -> None:
    (file,) = store.find(f"{server}/users.csv")
    known = file.identify()
    (again,) = store.find(f"{server}/users.csv")
    assert again.identify(known) == known
    assert Server.asked[1]["If-None-Match"] == '"v1"'


def test_headers_do_not_follow_to_another_host(store: FileStore, server: str) -> None:
    Server.troubles = ["/moved.csv", server.replace("127.0.0.1", "localhost") + "/there.csv"]
    store.http_headers = {"Authorization": "Bearer made-up"}
    store.find(f"{server}/users.csv")[0].identify()
    assert [headers.get("Authorization") for headers in Server.asked] == ["Bearer made-up", "Bearer made-up", None]
    Server.troubles = ["/again.csv"] * 9
    with pytest.raises(SkipStream, match="from redirect to redirect"):
        store.find(f"{server}/users.csv")[0].identify()
    with pytest.raises(SkipStream, match="is not encrypted"):
        store.find("http://files.example.com/users.csv?key=1")[0].identify()


@pytest.mark.parametrize(("status", "category"), [(401, "permission"), (403, "permission"), (404, "source")])
def test_a_refusal_is_told_without_the_parameters(store: FileStore, server: str, status: int, category: str) -> None:
    Server.troubles = [status]
    with pytest.raises(SkipStream) as caught:
        store.find(f"{server}/users.csv?token=made-up")[0].identify()
    assert caught.value.category == category
    assert "made-up" not in str(caught.value)


def test_a_server_that_is_not_there_ends_the_run() -> None:
    store = FileStore(StreamReport(), retry_seconds=0)
    with pytest.raises(Stop, match="the connection failed"):
        store.find("http://127.0.0.1:9/users.csv")[0].identify()


# In S3


class Bucket:
    """What the client of S3 gives; reads end early as often as ``cuts`` says."""

    def __init__(self, **content: bytes) -> None:
        self.content = {name.replace("__", "/") + ".csv": data for name, data in content.items()}
        self.cuts: list[Exception | None] = []
        self.ranges: list[str | None] = []
        self.etag = '"e1"'

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, t.Any]:  # noqa: N803
        assert Bucket == "exports"
        names = sorted(name for name in self.content if name.startswith(Prefix) and name > ContinuationToken)
        page = [{"Key": name, "Size": len(self.content[name]), "ETag": self.etag} for name in names[:2]]
        return {"Contents": page, "IsTruncated": len(names) > 2, "NextContinuationToken": names[1:2] and names[1]}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, t.Any]:  # noqa: ARG002, N803
        return {"ContentLength": len(self.content[Key]), "ETag": self.etag}

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str, Range: str | None = None) -> dict[str, t.Any]:  # noqa: ARG002, N803
        if IfMatch != self.etag:
            answer = {"Error": {"Code": "PreconditionFailed"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
            raise ClientError(t.cast("t.Any", answer), "GetObject")
        self.ranges.append(Range)
        begin = int(Range.removeprefix("bytes=").rstrip("-")) if Range else 0
        return {"Body": Body(self.content[Key][begin:], self.cuts.pop(0) if self.cuts else None)}


class Body(io.BytesIO):
    """A content that gives five bytes and then an error, if it is to."""

    def __init__(self, data: bytes, cut: Exception | None) -> None:
        super().__init__(data)
        self._cut = cut

    def read(self, size: int | None = -1) -> bytes:
        if self._cut is None:
            return super().read(size)
        if self.tell():
            raise self._cut
        return super().read(5)


def s3_store(bucket: Bucket) -> FileStore:
    store = FileStore(StreamReport(), retry_seconds=5)
    store.__dict__["s3"] = bucket
    return store


def test_objects_are_found_by_a_glob() -> None:
    bucket = Bucket(a__u1=b"1", a__u2=b"2", a__u3=b"3", a__b__u4=b"4", a__x=b"5")
    found = [file.name for file in s3_store(bucket).find("s3://exports/a/u*.csv")]
    assert found == [f"s3://exports/a/u{number}.csv" for number in (1, 2, 3)]
    assert len(s3_store(bucket).find("s3://exports/a/**/u[1-4].csv")) == 4
    with pytest.raises(SkipStream, match="No file matches"):
        s3_store(bucket).find("s3://exports/b/*.csv")


@pytest.mark.usefixtures("quick_retries")
def test_an_object_is_streamed_and_goes_on_where_it_broke_off() -> None:
    bucket = Bucket(users=b"0123456789abcdef")
    store = s3_store(bucket)
    bucket.cuts = [
        IncompleteReadError(actual_bytes=5, expected_bytes=16),
        EndpointConnectionError(endpoint_url="https://s3"),
    ]
    (file,) = store.find("s3://exports/users.csv")
    assert file.identify() == Identity("s3://exports/users.csv", 16, "etag:e1")
    with file.open() as content:
        assert content.read() == b"0123456789abcdef"
    assert bucket.ranges == [None, "bytes=5-", "bytes=10-"]
    assert store.report.retries == 2


def test_an_object_that_is_replaced_is_an_error() -> None:
    bucket = Bucket(users=b"0123")
    (file,) = s3_store(bucket).find("s3://exports/users.csv")
    file.identify()
    bucket.etag = '"e2"'
    with pytest.raises(SkipStream, match="changed while it was read"), file.open() as content:
        content.read()


@pytest.mark.parametrize(
    ("location", "bare"),
    [
        ("https://user:pass@host.example/a/b.csv?sig=x#y", "https://host.example/a/b.csv"),
        ("http://host.example?x=1", "http://host.example"),
        ("/exports/a@b.csv?", "/exports/a@b.csv?"),
        ("s3://bucket/a?b*.csv", "s3://bucket/a?b*.csv"),
    ],
)
def test_an_address_is_shown_without_what_may_open_it(location: str, bare: str) -> None:
    assert bare_address(location) == bare


def test_a_glob_of_objects_may_exclude_characters() -> None:
    pattern = _glob_pattern("exports/[!a]*.csv")
    assert [bool(pattern.fullmatch(f"exports/{name}.csv")) for name in ("abc", "bcd", "!cd")] == [False, True, True]
