"""The results of Athena: rows of text, in which NULL and the empty text differ.

A result file quotes every value that is there, and leaves the cell of a NULL empty. A plain CSV reader cannot tell
the two apart, and takes a row of one NULL for a blank line. So the reader of the standard library, which is far faster
than one in Python, does what it can: without two quotes in a row there is no empty text, and an empty cell is
a NULL. The few other rows are read here.
"""

from __future__ import annotations

import csv
import io
import re
import typing as t

from tap_kit.errors import SkipStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

Cells: t.TypeAlias = "list[str | None]"
# A cell and what ends it.
CELL: t.Final = re.compile(r'(?:"((?:[^"]++|"")*+)")?(,|\r?\n|\Z)')
# Longer than any value that Athena prints.
LONGEST_CELL: t.Final = 1 << 26


def read_file(raw: t.BinaryIO) -> Iterator[Cells]:
    """Yield the rows of a result file, its header first, in constant memory.

    Raises:
        SkipStream: If it is no result of Athena.
    """
    csv.field_size_limit(LONGEST_CELL)
    with io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="") as text:
        lines: list[str] = []
        reader = csv.reader(_remembered(text, lines), strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise _no_result() from None
            line = lines[0] if len(lines) == 1 else "".join(lines)
            lines.clear()
            if '""' in line:
                yield _cells_of(line)
            elif line.count('"') == 2 * sum(map(bool, row)):
                yield [cell or None for cell in row] or [None]
            else:
                raise _no_result()


def _remembered(text: t.TextIO, lines: list[str]) -> Iterator[str]:
    for line in text:
        lines.append(line)
        yield line


def _cells_of(line: str) -> Cells:
    cells, at = list[str | None](), 0
    while (found := CELL.match(line, at)) is not None:
        value, end = found.groups()
        cells.append(value.replace('""', '"') if value is not None else None)
        if end != ",":
            return cells
        at = found.end()
    raise _no_result()


def _no_result() -> SkipStream:
    return SkipStream("The result file is none of Athena: a value is not quoted as it should be.", category="data")


def row_of(row: t.Mapping[str, t.Any]) -> Cells:
    """Return a row of GetQueryResults; a NULL has no value."""
    return [cell.get("VarCharValue") for cell in row.get("Data", ())]
