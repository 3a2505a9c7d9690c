"""Overwrites the space between the rows of a database file, where SQLite leaves copies of rows that it moved.

`secure_delete` overwrites a row where it lies when it is removed. But when SQLite shares the rows of a page out anew,
the old copies stay behind in what is then unused space, and outlive the row. This writes zeros over that space. It is
read by nobody, so this changes nothing that SQLite knows of: it needs an empty log, no other writer, and the caller's
own page cache to be dropped afterwards, or the old copies come back with it.

The layout of a page: https://sqlite.org/fileformat2.html#b_tree_pages
"""

from __future__ import annotations

from pathlib import Path

import apsw

HEADER_SIZES = {2: 12, 5: 12, 10: 8, 13: 8}  # of a b-tree's page by its kind: the inner ones name a last child
FILE_HEADER = 100  # before the header of the first page
MOST_PAGES = 0x0200_0000  # from here on, the number at the start of an overflow page could look like a kind
CHUNK_PAGES = 1024


def scrub(path: Path, page_size: int) -> int:
    """Overwrite all unused space between rows, durably; returns in how many pages there was something.

    The file goes through SQLite's own file layer: to open and close it otherwise would drop this process's locks.
    """
    flags = [apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_MAIN_DB, 0]
    file = apsw.VFSFile("", str(path), flags)
    try:
        pages = min(file.xFileSize() // page_size, MOST_PAGES)
        found = sum(_scrub_chunk(file, first, page_size, pages) for first in range(0, pages, CHUNK_PAGES))
        if found:
            file.xSync(apsw.SQLITE_SYNC_FULL)
        return found
    finally:
        file.xClose()


def _scrub_chunk(file: apsw.VFSFile, first: int, page_size: int, pages: int) -> int:
    chunk = file.xRead(min(CHUNK_PAGES, pages - first) * page_size, first * page_size)
    found = 0
    for offset in range(0, len(chunk), page_size):
        page = chunk[offset : offset + page_size]
        start, end = find_gap(page, first=first + offset == 0)
        zeros = bytes(end - start)
        if page[start:end] != zeros:
            file.xWrite(zeros, first * page_size + offset + start)
            found += 1
    return found


def find_gap(page: bytes, *, first: bool) -> tuple[int, int]:
    """Where the unused space between a page's list of rows and its rows lies; nowhere in a page of another kind."""
    base = FILE_HEADER if first else 0
    size = HEADER_SIZES.get(page[base])
    if size is None:
        return 0, 0
    rows = int.from_bytes(page[base + 3 : base + 5], "big")
    content = int.from_bytes(page[base + 5 : base + 7], "big") or 65536
    start = base + size + 2 * rows
    return (start, content) if start <= content <= len(page) else (0, 0)
