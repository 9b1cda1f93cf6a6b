"""Read and write KIF, the language of SUMO: expressions in parentheses, words, strings, comments.

An expression is a tuple of expressions, a `Text` is a string in quotes, a word is a plain `str`. The parser keeps its own
stack, so that depth is no danger, and takes a file character by character once: time grows with length alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.errors import PackError

_TOKEN = re.compile(
    r'(?P<blank>\s+|;[^\n]*)|(?P<open>\()|(?P<close>\))|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()";]+)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """A string, as it reads once its escapes are resolved."""

    value: str


Expression = str | Text | tuple["Expression", ...]


def parse_kif(text: str, *, source: str = "KIF") -> Iterator[Expression]:
    """Yield the expressions of a text, outermost ones; PackError names source and line where it is malformed."""
    open_at: list[int] = []
    stack: list[list[Expression]] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            # Only an opening quote without its partner matches nothing.
            raise PackError(f"{source}, line {_line(text, position)}: the string is never closed.")
        if token.lastgroup == "open":
            open_at.append(position)
            stack.append([])
        elif token.lastgroup != "blank":
            if token.lastgroup == "close":
                if not stack:
                    raise PackError(f"{source}, line {_line(text, position)}: a closing parenthesis has no partner.")
                open_at.pop()
                found: Expression = tuple(stack.pop())
            else:
                found = token["word"] if token.lastgroup == "word" else Text(_ESCAPE.sub(_unescape, token["text"]))
            if stack:
                stack[-1].append(found)
            else:
                yield found
        position = token.end()
    if open_at:
        raise PackError(f"{source}, line {_line(text, open_at[0])}: the parenthesis is never closed.")


def _unescape(escape: re.Match[str]) -> str:
    """A backslash protects a quote or itself; before anything else it stands for itself."""
    return escape[1] if escape[1] in '"\\' else escape[0]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def format_kif(expressions: Iterable[Expression]) -> str:
    """Write expressions, one a line unless a string has line breaks; parsing gives them back."""
    return "".join(f"{_format(expression)}\n" for expression in expressions)


def _format(expression: Expression) -> str:
    if isinstance(expression, Text):
        escaped = expression.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(expression, str):
        return expression
    return f"({' '.join(map(_format, expression))})"
