"""Which numbers of a screen say nothing on hover: heads of columns, tiles and number fields that stand without a help."""

from html.parser import HTMLParser

from streamlit.testing.v1 import AppTest

TILES = ("lg-headline", "lg-tiles", "lg-parts")
"""Classes whose direct children hold a number each."""
FIELDS = ("slider", "number_input", "metric")
VOID = ("br", "img", "hr", "input", "meta", "link", "wbr")


class _Reader(HTMLParser):
    """Collects the words of each head and tile that neither itself nor anything around it explains."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] | None = None
        self.opened = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        attributes = dict(attrs)
        if self.words is None and self._holds_a_number(tag):
            is_explained = any(each.get("title") for _, each in (*self.stack, (tag, attributes)))
            if not is_explained:
                self.words, self.opened = [], len(self.stack)
        elif self.words is not None and attributes.get("title"):
            self.words = None
        self.stack.append((tag, attributes))

    def _holds_a_number(self, tag: str) -> bool:
        if tag == "th":
            return any(name == "thead" for name, _ in self.stack)
        around = (self.stack[-1][1].get("class") or "").split() if self.stack else []
        return any(name in around for name in TILES)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not self.stack:
            return
        self.stack.pop()
        if self.words is not None and len(self.stack) == self.opened:
            words = " ".join("".join(self.words).split())
            self.words = None
            if words:
                self.found.append(words)

    def handle_data(self, data: str) -> None:
        if self.words is not None:
            self.words.append(data)


def unexplained(app: AppTest) -> list[str]:
    """Names of what shows a number and has no help, in the order of the screen."""
    found: list[str] = []
    for element in app.get("html"):
        reader = _Reader()
        reader.feed(element.proto.body)
        reader.close()
        found += reader.found
    fields = [each for kind in FIELDS for each in app.get(kind)]
    return found + [str(each.proto.label) for each in fields if not each.proto.help]
