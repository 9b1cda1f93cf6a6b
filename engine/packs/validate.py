"""Everything that is wrong with a pack, whatever its layout, and what is sound in it."""

from dataclasses import dataclass
from pathlib import Path

from engine.packs.folder import find_folder, read_pack
from engine.packs.pack import Pack
from engine.packs.reading import Problem, Problems


@dataclass(frozen=True, slots=True)
class Validation:
    """All problems in order of files, and the pack of what is sound; None when that is nothing."""

    folder: Path
    problems: tuple[Problem, ...]
    pack: Pack | None


def validate_pack(name: str) -> Validation:
    """List every problem of a bundled pack or a folder; PackError when there is no folder or it is too large."""
    folder, problems = find_folder(name), Problems("nothing")
    pack = read_pack(folder, problems)
    cycles = find_cycles(pack) if pack else ()
    told = (
        Problem(str(folder), f'parents of "{cycle[0]}"', f"the parents go round in a circle: {_chain(cycle)}.")
        for cycle in cycles
    )
    return Validation(folder, (*problems.found, *told), pack)


def _chain(cycle: tuple[str, ...]) -> str:
    shown = cycle if len(cycle) <= 8 else (*cycle[:7], f"{len(cycle) - 7} more")
    return " → ".join(f'"{term}"' if term in cycle else term for term in (*shown, cycle[0]))


def find_cycles(pack: Pack) -> tuple[tuple[str, ...], ...]:
    """Circles of parents, one for each set of concepts that reach each other; each a walk from child to parent."""
    cycles: list[tuple[str, ...]] = []
    state: dict[str, int] = {}
    for concept in pack.concepts:
        if concept.term not in state:
            cycles.extend(_walk(pack, concept.term, state))
    return tuple(cycles)


def _walk(pack: Pack, start: str, state: dict[str, int]) -> list[tuple[str, ...]]:
    """Depth-first without recursion: state 1 is on the path, 2 is done."""
    cycles, path = [], [start]
    state[start] = 1
    branches = [iter(pack.by_term[start].parents)]
    while branches:
        parent = next(branches[-1], None)
        if parent is None:
            branches.pop()
            state[path.pop()] = 2
        elif state.get(parent) == 1:
            cycles.append(tuple(path[path.index(parent) :]))
        elif parent in pack.by_term and parent not in state:
            state[parent] = 1
            path.append(parent)
            branches.append(iter(pack.by_term[parent].parents))
    return cycles
