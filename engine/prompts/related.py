"""Which concepts can never be a negative of another: its ancestors, descendants, and all that share a name or an origin.

Names and children are indexed once for the pack, so that the question costs as much as its answer is long.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from engine.packs.pack import Concept, Pack


class Relations:
    """The relations of a pack's concepts."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        for concept in pack.concepts:
            for name in names(concept):
                self._by_name[name].append(concept.term)
        self._children = {parent: [c.term for c in children] for parent, children in pack.children.items()}

    def related(self, term: str) -> set[str]:
        """The concept itself, its ancestors and descendants, and all that go by one of its names."""
        found = {other for name in names(self._pack.by_term[term]) for other in self._by_name[name]}
        found |= _reachable(term, self._parents)
        found |= _reachable(term, lambda one: self._children.get(one, ()))
        return found | {term}

    def _parents(self, term: str) -> Iterator[str]:
        return (parent for parent in self._pack.by_term[term].parents if parent in self._pack.by_term)


def names(concept: Concept) -> set[str]:
    """All that a concept is called, without case; concepts split from one origin share its name."""
    called = (concept.term, concept.name, *concept.aliases, *((concept.origin,) if concept.origin else ()))
    return {name.casefold() for name in called}


def _reachable(start: str, neighbours: Callable[[str], Iterable[str]]) -> set[str]:
    """All that steps lead to from the start; circles end, and the start itself counts only if a circle leads back."""
    found: set[str] = set()
    frontier = [start]
    while frontier:
        for other in neighbours(frontier.pop()):
            if other not in found:
                found.add(other)
                frontier.append(other)
    return found
