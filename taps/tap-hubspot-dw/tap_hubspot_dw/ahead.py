"""Lists of ids that are read while another object is still being written.

A list by cursor is one chain of requests, each of which waits for the one before: alone it leaves a part of the
allowed rate unused, the more the longer HubSpot takes to answer. The lists of the next objects fill that part. Only
ids are kept, eight bytes each.
"""

from __future__ import annotations

import threading
import typing as t
from collections import deque

from tap_hubspot_dw.ids import Identifiers

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tap_kit.rest import Ask, Page

# Threads that list ahead; they count as requests sent at once.
THREADS = 2


class ListAhead:
    """The list of one object, read by another thread.

    Args:
        began: The source's clock before the first request: what is changed later belongs to the next run.
        pages: Reads the list.
    """

    def __init__(self, began: datetime, pages: Iterator[Page]) -> None:
        self.began = began
        self._pages = pages
        self._found: deque[tuple[Ask, Identifiers]] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Read the list to its end; what fails is raised where the ids are taken."""
        error: BaseException | None = None
        try:
            for page in self._pages:
                ids = Identifiers()
                for row in page.rows:
                    ids.add(str(row.get("id") or ""))
                with self._changed:
                    self._found.append((page.ask, ids))
                    self._changed.notify()
        except BaseException as raised:  # noqa: BLE001 - raised again where the ids are taken
            error = raised
        with self._changed:
            self._error, self._over = error, True
            self._changed.notify()

    def take(self) -> Iterator[tuple[Ask, Identifiers]]:
        """Yield request and ids of each page, as they come."""
        while True:
            with self._changed:
                while not self._found and not self._over:
                    self._changed.wait()
                if not self._found:
                    break
                found = self._found.popleft()
            yield found
        if self._error is not None:
            raise self._error


def run_all(lists: Sequence[ListAhead], threads: int) -> None:
    """Read lists in the background, one after the other in each of some threads."""
    waiting = deque(lists)

    def work() -> None:
        while waiting:
            try:
                following = waiting.popleft()
            except IndexError:
                return
            following.run()

    for number in range(min(threads, len(lists))):
        threading.Thread(target=work, name=f"list-ahead-{number}", daemon=True).start()
