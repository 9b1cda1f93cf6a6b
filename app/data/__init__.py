"""What the screens read from a study and the one thing they write: ratings. Each call borrows a cursor and gives it back."""

from app.data.concepts import Concept, Lens, Sense, Sibling, load_concept, load_lenses
from app.data.ratings import (
    Correction,
    Saying,
    add_override,
    load_corrections,
    load_history,
    new_rating_id,
    undo_override,
)
from app.data.samples import Filters, PageRow, Pair, PairDetail, PairPage, Sort, load_page, load_pair
from app.data.study import Judge, Profile, Run, Stage, load_counts, load_judges, load_profiles, load_runs, load_stages
from engine.stats.findings import ConceptCounts

__all__ = [
    "Concept",
    "ConceptCounts",
    "Correction",
    "Filters",
    "Judge",
    "Lens",
    "PageRow",
    "Pair",
    "PairDetail",
    "PairPage",
    "Profile",
    "Run",
    "Saying",
    "Sense",
    "Sibling",
    "Sort",
    "Stage",
    "add_override",
    "load_concept",
    "load_corrections",
    "load_counts",
    "load_history",
    "load_judges",
    "load_lenses",
    "load_page",
    "load_pair",
    "load_profiles",
    "load_runs",
    "load_stages",
    "new_rating_id",
    "undo_override",
]
