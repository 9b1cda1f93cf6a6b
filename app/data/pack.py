"""The run's whole pack: where it comes from, how its concepts spread over layers and counts, and its concepts page by page.

Only distinct counts come out of the database, a few hundred even of a large pack; the quadrant of each is then assigned by
the rule of the statistics, and filters name the counts that they want.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from app.data.memory import remembered
from app.data.rows import read
from app.data.study import Run

PackSort = Literal["name", "layer", "senses", "siblings"]
PACK_ROWS: Final = 20


@dataclass(frozen=True, slots=True)
class PackFacts:
    """A pack and what it was made from; `n_split` concepts were split from `n_origins` others, `n_bucketed` are in a bucket."""

    name: str
    version: str
    source: str
    senses_mean: str
    n_concepts: int
    made_by: str | None
    made_from: str | None
    n_split: int
    n_origins: int
    n_bucketed: int


@dataclass(frozen=True, slots=True)
class Position:
    """Concepts of one pack layer with the same counts; `names` are the first few of them."""

    pack_layer: int
    n_senses: int
    n_siblings: int | None
    n_concepts: int
    n_chosen: int
    names: list[str]

    @property
    def place(self) -> str:
        """The counts as filters and addresses name them."""
        return place_of(self.n_senses, self.n_siblings)


@dataclass(frozen=True, slots=True)
class PackConcept:
    """A concept of the pack in the list; `in_run` tells whether this run chose it."""

    concept: str
    name: str
    pack_layer: int
    definition: str
    origin: str | None
    bucket: str | None
    n_senses: int
    n_siblings: int | None
    in_run: bool
    n_total: int


@dataclass(frozen=True, slots=True)
class PackPage:
    """One page of concepts; `number` counts from 1 and lies within `n_pages`, which is at least 1."""

    rows: tuple[PackConcept, ...]
    number: int
    n_pages: int
    n_total: int


@dataclass(frozen=True, slots=True)
class PackFilters:
    """What a page of concepts is narrowed to; None passes everything. A place is named as `Position.place`."""

    layers: tuple[int, ...] | None = None
    places: tuple[str, ...] | None = None
    text: str | None = None
    only_chosen: bool = False


def place_of(n_senses: int, n_siblings: int | None) -> str:
    """Counts as `senses x siblings`, with nothing after the x where siblings are unknown."""
    return f"{n_senses}x{'' if n_siblings is None else n_siblings}"


def load_pack(folder: Path, run_id: str) -> PackFacts:
    """The run's pack."""
    return remembered(folder, ("pack", run_id), lambda: read(folder, "concepts.pack", PackFacts, run_id=run_id)[0])


def load_positions(folder: Path, run: Run) -> tuple[Position, ...]:
    """Concepts of the run's pack by layer and counts, siblings counted as the run counts them."""
    chosen = {"run_id": run.run_id, "sibling_count": run.sibling_count}
    key = ("positions", run.run_id)
    return remembered(folder, key, lambda: read(folder, "concepts.positions", Position, **chosen))


def load_pack_page(folder: Path, run: Run, filters: PackFilters, *, number: int, sort: PackSort) -> PackPage:
    """One page of the concepts that pass the filters; a number beyond the last page gives the last page."""
    number = max(1, number)
    rows = _rows(folder, run, filters, number, sort)
    if not rows and number > 1:
        first = load_pack_page(folder, run, filters, number=1, sort=sort)
        last = first.n_pages
        return first if last == 1 else load_pack_page(folder, run, filters, number=last, sort=sort)
    n_total = rows[0].n_total if rows else 0
    return PackPage(rows, number, max(1, -(-n_total // PACK_ROWS)), n_total)


def _rows(folder: Path, run: Run, filters: PackFilters, number: int, sort: PackSort) -> tuple[PackConcept, ...]:
    return read(
        folder,
        "concepts.pack_page",
        PackConcept,
        run_id=run.run_id,
        sibling_count=run.sibling_count,
        layers=_list(filters.layers),
        places=_list(filters.places),
        text=filters.text,
        only_chosen=filters.only_chosen,
        sort=sort,
        n_rows=PACK_ROWS,
        n_skipped=(number - 1) * PACK_ROWS,
    )


def _list(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None else list(values)
