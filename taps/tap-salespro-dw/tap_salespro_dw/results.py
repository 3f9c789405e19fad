"""The results of Athena: rows of text, in which NULL and the empty text differ.

A result file quotes every value that is there, and leaves the cell of a NULL empty. A plain CSV reader cannot tell
the two apart, and takes a row of one NULL for a blank line.
"""

from __future__ import annotations

import io
import re
import typing as t

from tap_kit.errors import SkipStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

Cells: t.TypeAlias = "list[str | None]"
BLOCK: t.Final = 1 << 18
# A cell and what ends it. Possessive: a cell whose end has not arrived is looked at once.
CELL: t.Final = re.compile(r'(?:"((?:[^"]++|"")*+)")?(,|\r?\n)')
# Longer than any value that Athena prints; a file of another kind would be read into memory whole.
LONGEST_CELL: t.Final = 1 << 26


def read_file(raw: t.BinaryIO) -> Iterator[Cells]:
    """Yield the rows of a result file, its header first, in constant memory.

    Raises:
        SkipStream: If it is no result of Athena.
    """
    with io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="") as text:
        rest, cells = "", list[str | None]()
        while True:
            block = text.read(BLOCK)
            # The last line may have no end.
            buffer = rest + (block or ("\n" if rest or cells else ""))
            at = 0
            while (found := CELL.match(buffer, at)) is not None:
                value, end = found.groups()
                cells.append(value.replace('""', '"') if value is not None and '""' in value else value)
                at = found.end()
                if end != ",":
                    yield cells
                    cells = []
            rest = buffer[at:]
            if len(rest) > LONGEST_CELL or (rest and not block):
                raise SkipStream(
                    "The result file is none of Athena: a cell does not end as it should.", category="data"
                )
            if not block:
                return


def row_of(row: t.Mapping[str, t.Any]) -> Cells:
    """Return a row of GetQueryResults; a NULL has no value."""
    return [cell.get("VarCharValue") for cell in row.get("Data", ())]
