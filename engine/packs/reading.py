"""Read JSON that people and scripts wrote, and collect what is wrong with it, each problem with its file and field.

A reader tells problems to a `Problems`, which decides whether the first one ends the reading: our own format is strict, a
public layout only refuses what makes it unreadable, and a validation lists everything.
"""

import json
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import PackError

MAX_BYTES = 128 * 1024 * 1024
"""Most JSON that one pack may hold; parsed it takes about eight times that in memory."""

MAX_NAME = 200
"""Most characters of a term or label; what is longer is a sentence and no name."""

_BREAKING = {"Cc", "Zl", "Zp"}
"""Unicode's categories of control characters and of what parts lines and paragraphs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a pack, where; `field` is empty when it is the whole file."""

    file: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass
class Problems:
    """What was found so far. `refuse` says what ends the reading with a PackError: anything, the unreadable, nothing."""

    refuse: Literal["anything", "unreadable", "nothing"]
    found: list[Problem] = field(default_factory=list)
    n_bytes: int = 0

    def tell(self, file: Path, text: str, *, field: str = "", unreadable: bool = False) -> None:
        """Add a problem, or raise it as the PackError that ends the reading."""
        problem = Problem(str(file), field, text)
        if self.refuse == "anything" or (unreadable and self.refuse == "unreadable"):
            raise PackError(str(problem))
        self.found.append(problem)

    def read_object(self, file: Path) -> dict[str, Any] | None:
        """The JSON object in a file; None once its problem has been told. PackError when the pack grows too large."""
        try:
            self._account(file)
            content = json.loads(file.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            self.tell(file, "the file is missing.", unreadable=True)
        except OSError as error:
            self.tell(file, f"the file cannot be read: {error.strerror}.", unreadable=True)
        except UnicodeDecodeError as error:
            self.tell(file, f"the file is not UTF-8 text (byte {error.start}).", unreadable=True)
        except json.JSONDecodeError as error:
            where = f"at line {error.lineno}, column {error.colno}"
            self.tell(file, f"the file is not JSON: {error.msg} {where}.", unreadable=True)
        except ValueError:
            self.tell(file, "the file holds a number with thousands of digits.", unreadable=True)
        except RecursionError:
            self.tell(file, "the file is nested too deeply.", unreadable=True)
        else:
            if isinstance(content, dict):
                return content
            self.tell(file, "the file must hold a JSON object.", unreadable=True)
        return None

    def _account(self, file: Path) -> None:
        self.n_bytes += file.stat().st_size
        if self.n_bytes > MAX_BYTES:
            raise PackError(
                f"The pack is too large: with {file} its files hold {self.n_bytes / 2**20:,.0f} MB of JSON, "
                f"and at most {MAX_BYTES // 2**20} MB are read.",
                hint="Reduce it to the pack layers or fields that you need.",
            )

    def text(self, entry: dict[str, Any], name: str, file: Path, place: str = "") -> str | None:
        """A field that must be a text with something in it; None once its problem has been told."""
        value, where = entry.get(name), f"{place}.{name}" if place else name
        if not isinstance(value, str) or not value.strip():
            self.tell(file, f'field "{where}" must be a non-empty text, not {_shown(value)}.', field=where)
            return None
        return value if self._is_whole(value, file, where) else None

    def name(self, entry: dict[str, Any], name: str, file: Path, place: str = "") -> str | None:
        """A text that concepts are called by: one line that a prompt, a table and a terminal can show whole."""
        text, where = self.text(entry, name, file, place), f"{place}.{name}" if place else name
        if text is None:
            return None
        if len(text) > MAX_NAME:
            self.tell(file, f'field "{where}" has {len(text):,} characters; at most {MAX_NAME} are read.', field=where)
            return None
        if not text.isprintable() and any(unicodedata.category(one) in _BREAKING for one in text):
            self.tell(file, f'field "{where}" holds control characters or line breaks: {_shown(text)}.', field=where)
            return None
        return text

    def texts(self, entry: dict[str, Any], name: str, file: Path, place: str) -> tuple[str, ...]:
        """A field that may be absent and must be a list of texts; what is no text is told and left out."""
        value, where = entry.get(name), f"{place}.{name}"
        if value is None and name not in entry:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.tell(file, f'field "{where}" must be a list of texts.', field=where)
            value = value if isinstance(value, list) else []
        return tuple(i for i in value if isinstance(i, str) and i and self._is_whole(i, file, where))

    def _is_whole(self, text: str, file: Path, where: str) -> bool:
        """JSON can escape half a character, which no tokenizer and no database takes."""
        if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
            return True
        self.tell(file, f'field "{where}" holds half of a surrogate pair: {text!a}.', field=where)
        return False


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def numbered(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    """Files or folders called layerN, by their number."""
    found = [(path.stem[5:], path) for path in folder.glob(pattern)]
    return sorted((int(number), path) for number, path in found if number.isdecimal() and number.isascii())
