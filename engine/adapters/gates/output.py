"""The output of a gate: its head and tail for people, its hash for the record."""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from engine.domain.text import printable

KEPT_BYTES = 64 * 1024
MAX_REPORT_BYTES = 64 * 1024 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_LINE_CHARACTERS = 200
# Colours and cursor movements (ECMA-48), removed from error lines.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class TruncatedOutput:
    """Hash and size of the whole output, and 64 KiB of its head and tail; `secrets` are masked."""

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._secrets = secrets
        self._hash = hashlib.sha256()
        self._head = b""
        self._tail = b""
        self.size = 0

    def feed(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size += len(chunk)
        room = KEPT_BYTES // 2 - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._tail = (self._tail + chunk)[-KEPT_BYTES // 2 :]

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def content(self) -> bytes:
        missing = self.size - len(self._head) - len(self._tail)
        if missing <= 0:
            return self._masked(self._head + self._tail)
        # This line itself takes the place of some bytes of the tail, hence "and more".
        mark = f"\n… {missing} bytes and more left out …\n".encode()
        return self._masked(self._head + mark + self._tail[len(mark) :])

    def _masked(self, content: bytes) -> bytes:
        for secret in self._secrets:
            content = content.replace(secret, b"***")
        return content

    @property
    def last_line(self) -> str:
        """The last line that is not blank: printable, at most 200 characters."""
        text = _CONTROL_SEQUENCE.sub("", self.content.decode(errors="replace"))
        lines = (line.strip() for line in reversed(text.splitlines()))
        line = next(filter(None, lines), "")
        shown = printable(line[: _LINE_CHARACTERS + 1])
        return shown if len(shown) <= _LINE_CHARACTERS else f"{shown[: _LINE_CHARACTERS - 1]}…"


class Report:
    """The whole standard output of a scanner, on disk when large; a context manager."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed in __exit__
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def feed(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size += len(chunk)
        if not self.too_large:
            self._file.write(chunk)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def too_large(self) -> bool:
        return self.size > MAX_REPORT_BYTES

    def read(self) -> bytes:
        self._file.seek(0)
        return self._file.read()
