"""The section on the form of the texts, by quadrant and arm."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.groups import group_cell
from engine.exchange.document.model import (
    Column,
    Paragraph,
    Row,
    Section,
    Table,
    counted,
    estimated_from,
    words,
)
from engine.exchange.document.shares import share_over_concepts
from engine.stats.estimate import Estimate, unknown
from engine.words import FORM

Json = Mapping[str, Any]
_FORMS: Final = ("empty", "short", "repetitive", "good")


def form_section(report: Json) -> Section:
    """The form of the texts by quadrant and arm."""
    columns = (
        Column("group", align="words"),
        Column("arm", align="words"),
        Column("texts", "Number of texts whose form was measured"),
        *(Column(form, f"Share of the texts whose form is {form}") for form in _FORMS),
    )
    groups = [("overall", None), *((f"quadrant {letter}", letter) for letter in report["quadrants"])]
    rows = []
    for name, letter in groups:
        among = [one for one in report["concepts"] if letter is None or one["quadrant"] == letter]
        for arm in ("positive", "negative"):
            shares = (_share(among, arm, form) for form in _FORMS)
            n = sum(formed(one, arm, "good")[1] for one in among)
            rows.append(
                Row((group_cell(name), words(arm), counted(n), *map(estimated_from, shares)), strong=letter is None)
            )
    rule = "Shares of 1 with their 95 % interval, concepts as the units; n counts concepts."
    return Section(
        "form", "Form of the texts", (Paragraph(FORM), Table("Form of the texts", columns, tuple(rows), rule))
    )


def _share(concepts: Sequence[Json], arm: str, form: str) -> Estimate:
    if not concepts:
        return unknown("no concept", method="share")
    return share_over_concepts([formed(one, arm, form) for one in concepts])


def formed(one: Json, arm: str, form: str) -> tuple[float, int]:
    """How many texts of an arm have a form, of how many whose form is known."""
    share, n = one["form"][arm][form], one["n_formed"][arm]
    return (0.0, 0) if share is None else (share * n, n)
