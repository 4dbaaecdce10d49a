"""A progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 24


class Bar:
    """`with Bar(...) as bar: bar.show(40, "text")`. Percent never goes back."""

    def __init__(self, *, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.stream = stream or sys.stderr
        self.quiet = quiet
        self.is_terminal = self.stream.isatty()
        self.percent = 0
        self._line_text, self._line_percent, self._line_at = "", -10, 0.0

    def show(self, percent: float, text: str) -> None:
        self.percent = max(self.percent, min(100, int(percent)))
        if self.quiet:
            return
        if self.is_terminal:
            filled = round(WIDTH * self.percent / 100)
            bar = "█" * filled + "░" * (WIDTH - filled)
            self._write(f"\r\033[2K  {bar} {self.percent:3d} %  {text[:60]}")
        elif self._worth_a_line(text):
            self._line_at, self._line_percent = time.monotonic(), self.percent
            self._line_text = text
            self._write(f"  [{self.percent:3d} %] {text}\n")

    def _worth_a_line(self, text: str) -> bool:
        """In a log, one line for each new activity, and for each tenth or ten seconds of a long one."""
        new = text.split(":")[0] != self._line_text.split(":")[0]
        moved = self.percent >= self._line_percent + 10
        return new or moved or time.monotonic() - self._line_at > 10

    def note(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self.quiet:
            return
        self._write(f"\r\033[2K{text}\n" if self.is_terminal else f"{text}\n")

    def close(self) -> None:
        if self.is_terminal and not self.quiet:
            self._write("\r\033[2K")

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            self.stream.write(text.encode("ascii", "replace").decode())
        except OSError:
            self.quiet = True  # nobody listens any more
            return
        self.stream.flush()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()
