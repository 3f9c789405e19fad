"""Ways from one page to the next, on the SDK's paginators, and the guard against pages that lead nowhere."""

from __future__ import annotations

import typing as t
from urllib.parse import parse_qsl, urljoin, urlsplit

from singer_sdk.helpers.jsonpath import extract_jsonpath
from singer_sdk.pagination import BaseAPIPaginator, HeaderLinkPaginator, JSONPathPaginator, SinglePagePaginator
from typing_extensions import override

from tap_kit.errors import SkipStream
from tap_kit.rows import decode

if t.TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import requests

__all__ = [
    "BaseAPIPaginator",
    "HeaderLinkPaginator",
    "JSONPathPaginator",
    "LinkPaginator",
    "Numbered",
    "PageGuard",
    "SinglePagePaginator",
    "link_parameters",
]


class Numbered(BaseAPIPaginator[int]):
    """Pages by number or by offset; they can be read ahead in parallel.

    The end is what the API says (``pages_path``), else a short page or an empty one, else only an empty one.
    The SDK's paginators for numbers and offsets cannot say how many pages there are.

    Args:
        start: Number of the first page.
        step: What to add for the next one: 1 for page numbers, the page size for offsets.
        page_size: Size asked for; a shorter page is the last one. None: only an empty page is.
        pages_path: JSONPath of the number of pages in an answer; where an answer lacks it, the other rules hold.
        total_path: JSONPath of the number of records in an answer; it gives the number of pages as well.
    """

    def __init__(
        self,
        start: int = 1,
        *,
        step: int = 1,
        page_size: int | None = None,
        pages_path: str | None = None,
        total_path: str | None = None,
    ) -> None:
        super().__init__(start)
        self.start = start
        self.step = step
        self._page_size = page_size
        self._pages_path = pages_path
        self._total_path = total_path

    def pages_of(self, response: requests.Response) -> int | None:
        """Return how many pages there are, if the answer says so."""
        for path, divisor in ((self._pages_path, 1), (self._total_path, self._page_size)):
            if path is not None and divisor is not None:
                value = next(iter(extract_jsonpath(path, decode(response.content))), None)
                if isinstance(value, int):
                    return -(-value // divisor)
        return None

    def is_last(self, response: requests.Response, rows: int, position: int) -> bool:
        """Tell whether nothing follows a page.

        Args:
            response: Its answer.
            rows: How many rows it has.
            position: Its place, from 0.
        """
        if not rows:
            return True
        pages = self.pages_of(response)
        if pages is not None:
            return position + 1 >= pages
        return self._page_size is not None and rows < self._page_size

    @override
    def get_next(self, response: requests.Response) -> int:
        return self.current_value + self.step


class LinkPaginator(BaseAPIPaginator["str | None"]):
    """Follows a link in the answer, absolute or relative; the token is its absolute address.

    Args:
        base: The API's base address; a link that leads to another host is refused, because the credentials
            would go there as well.
        path: JSONPath of the link; without it the Link header (rel=next) counts.
    """

    def __init__(self, base: str, path: str | None = None) -> None:
        super().__init__(None)
        self._base = base
        self._path = path

    @override
    def get_next(self, response: requests.Response) -> str | None:
        if self._path is None:
            link = response.links.get("next", {}).get("url")
        else:
            link = next(iter(extract_jsonpath(self._path, decode(response.content))), None)
        if not link:
            return None
        address = urljoin(response.url, str(link))
        wanted, found = urlsplit(self._base), urlsplit(address)
        if (wanted.scheme, wanted.netloc) != (found.scheme, found.netloc):
            raise SkipStream(
                f"The link to the next page leads to {found.scheme}://{found.netloc} instead of {wanted.netloc}; "
                "it is not followed, because the credentials would be sent there."
            )
        return address


def link_parameters(link: str) -> dict[str, str]:
    """Return the query parameters of a link, for APIs whose cursor is one of them."""
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


class PageGuard:
    """Sees to it that each page brings something new.

    It remembers one number per page, not the keys: a page whose keys are those of an earlier page, or all
    among those of the page just before, is a repeat.

    Args:
        stream: Name of the stream, for the message.
        key_of: Returns the key of a row.
    """

    def __init__(self, stream: str, key_of: Callable[[t.Any], Hashable]) -> None:
        self._stream = stream
        self._key_of = key_of
        self._tokens: set[Hashable] = set()
        self._pages: set[int] = set()
        self._previous: frozenset[Hashable] = frozenset()

    def is_repeat(self, rows: Iterable[t.Any]) -> bool:
        """Tell whether a page has no new keys, and remember it; an empty page is none."""
        keys = frozenset(map(self._key_of, rows))
        if not keys:
            return False
        repeated = keys <= self._previous or hash(keys) in self._pages
        self._previous = keys
        self._pages.add(hash(keys))
        return repeated

    def check_token(self, token: Hashable) -> None:
        """Raise SkipStream if a cursor was there before."""
        if token in self._tokens:
            raise SkipStream(f"The stream {self._stream} runs in a circle: the cursor {token} came back.")
        self._tokens.add(token)

    def check_rows(self, token: Hashable, rows: Iterable[t.Any]) -> None:
        """Raise SkipStream if a page has no new keys."""
        if self.is_repeat(rows):
            raise SkipStream(
                f"The stream {self._stream} does not get past the page {token}: it holds only records that were "
                "read before."
            )
