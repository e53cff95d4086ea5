"""What a file is by its first bytes, whatever it is called: for messages that say what is wrong in the reader's words."""

from __future__ import annotations

import codecs
from pathlib import Path

_KINDS = (
    (b"PK", "a zip archive or a spreadsheet", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document", "save the sheet as CSV"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"<stata_dta", "a Stata file", "name it .dta"),
    (b"$FL", "an SPSS file", "name it .sav"),
    (b"SQLite format 3", "a database", "export the table as CSV"),
    (b"%PDF", "a PDF", "it holds pages, not a table"),
    (b"BZh", "packed by bzip2", "unpack it, or pack it by gzip"),
    (b"\xfd7zXZ", "packed by xz", "unpack it, or pack it by gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it, or pack it by gzip"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x1f\x8b", "packed by gzip", "unpack it"),
    (b"RDX", "an R data file", "in R: write.csv(data, 'data.csv', row.names = FALSE)"),
    (b"\x89HDF", "an HDF5 or NetCDF file", "write its table as CSV"),
    (b"\x89PNG", "a picture", "it holds no table"),
)
_WEB = (b"<!doctype html", b"<html", b"<?xml")


def encoding(start: bytes) -> str:
    """``UTF-16``, ``UTF-32`` or "": by the byte order mark, or by the zeros that the letters of a first line leave there."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # before UTF-16: its little-endian mark begins the same
        return "UTF-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    head = start[: len(start) // 8 * 8][:64]
    if len(head) < 8:
        return ""
    zeros = [all(byte == 0 for byte in head[place::4]) for place in range(4)]
    letters = [all(byte != 0 for byte in head[place::4]) for place in range(4)]
    if sum(zeros) == 3 and (letters[0] or letters[3]):
        return "UTF-32"
    return "UTF-16" if (zeros[1::2] == [True, True] and all(letters[::2])) or (zeros[::2] == [True, True] and all(letters[1::2])) else ""


def kind(start: bytes) -> tuple[str, str]:
    """(what the bytes begin as, what to do about it), such as ("a Parquet file", "name it .parquet"); ("", "") where nothing says."""
    lowered = start.lstrip(b"\xef\xbb\xbf \r\n\t")[:64].lower()
    if lowered.startswith(_WEB):
        return "a web page or XML", "download the file itself: a page that shows it, or asks for a login, was saved in its place"
    return next(((what, advice) for signature, what, advice in _KINDS if start.startswith(signature)), ("", ""))


def unreadable(path: Path, called: str) -> str:
    """Why a file that is ``called`` "a Stata file" cannot be read as one: it is another kind of file, or damaged."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        start = b""
    what, advice = kind(start)
    if what and what != called:
        return f"by its first bytes it is {what}; {advice}"
    return "it is damaged, cut short, or of a version that is not known. Written once more by the program that made it, it may be whole"
