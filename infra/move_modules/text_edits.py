"""Replacements in a file's bytes, made all at once."""

from dataclasses import dataclass, field


@dataclass
class Report:
    """What was done, what is left to a person, and what stops everything."""

    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Note something that a person should look at, once."""
        if text not in self.warnings:
            self.warnings.append(text)


class Edits:
    """Replacements by position; of two that overlap, the one that came first counts."""

    def __init__(self) -> None:
        self._by_span: dict[tuple[int, int], bytes] = {}

    def add(self, start: int, end: int, new: str) -> None:
        """Replace the bytes from start to end."""
        if (start, end) in self._by_span:
            return
        if any(start < to and begin < end for begin, to in self._by_span):
            return
        self._by_span[start, end] = new.encode()

    def __bool__(self) -> bool:
        return bool(self._by_span)

    def apply(self, data: bytes) -> str:
        """Return the text with every replacement made."""
        for (start, end), new in sorted(self._by_span.items(), reverse=True):
            data = data[:start] + new + data[end:]
        return data.decode()
