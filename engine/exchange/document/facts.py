"""What the document tells beside the findings: the run, its pack, who rated, and texts as examples, read from the study."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from db import connect, query
from engine.config import StudyConfig
from engine.exchange.document.model import Example
from engine.exchange.snapshot import snapshot_id
from engine.stats.form import looping_span
from engine.stats.quadrants import Bands
from engine.words import integer, number

EXAMPLES_EACH: Final = 2
EXAMPLE_CHARS: Final = 700
NAME_CHARS: Final = 90
_SAID_CHARS: Final = 400
_BANDS: Final = ("senses_low", "senses_high", "siblings_low", "siblings_high")
_RATED_BY: Final = {"judge": "the judge", "override": "a person, in the judge's place", "audit": "a person, blind"}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run and what it was made with; `imported_from` is None where a model of ours wrote the texts."""

    run_id: str
    name: str
    created_at: datetime
    config: Mapping[str, Any]
    model: str
    model_fingerprint: str
    template_set: str
    seed: int
    versions: Mapping[str, str]
    pack: str
    pack_version: str
    pack_source: str
    senses_mean: str
    n_pack_concepts: int
    imported_from: str | None

    @property
    def bands(self) -> Bands:
        """What the run counts as low and high."""
        default = StudyConfig()
        low, high, few, many = (int(self.config.get(name, getattr(default, name))) for name in _BANDS)
        return Bands(low, high, few, many)


@dataclass(frozen=True, slots=True)
class Raters:
    """How many pairs people rated in one way, and how many people."""

    source: str
    n_pairs: int
    n_reviewers: int


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """All that is read beside the findings; `names` are the concepts' readable names where they are not their terms."""

    run: RunFacts
    raters: tuple[Raters, ...]
    names: Mapping[str, str]
    examples: tuple[Example, ...]
    snapshot: str

    def name(self, concept: str) -> str:
        """How a concept is called, cut where it is too long to read."""
        return shortened(self.names.get(concept, concept), NAME_CHARS)


def shortened(text: str, n_chars: int) -> str:
    """The text, or its beginning with how long it is."""
    return text if len(text) <= n_chars else f"{text[:n_chars]}… ({integer(len(text))} characters)"


def read_facts(study: Path, *, run_id: str, judge_id: str | None, form_rule: str) -> StudyFacts:
    """Read what the document tells of a run beside its findings."""
    with connect(study) as cursor:
        values = {"run_id": run_id}
        run = cursor.execute(query("report.run"), values).fetchall()[0]
        raters = cursor.execute(query("report.people"), values).fetchall()
        names = cursor.execute(query("concepts.labels"), values).fetchall()
        examples = _examples(cursor, run_id=run_id, judge_id=judge_id, form_rule=form_rule)
        snapshot = snapshot_id(cursor)
    name, created_at, config, model, fingerprint, templates, seed, versions, *pack, imported_from = run
    pack_name, pack_version, pack_source, senses_mean, n_pack_concepts = pack
    return StudyFacts(
        run=RunFacts(
            run_id=run_id,
            name=name,
            created_at=created_at,
            config=json.loads(config),
            model=model,
            model_fingerprint=fingerprint,
            template_set=templates,
            seed=seed,
            versions=json.loads(versions),
            pack=pack_name,
            pack_version=pack_version,
            pack_source=pack_source,
            senses_mean=senses_mean,
            n_pack_concepts=n_pack_concepts,
            imported_from=imported_from,
        ),
        raters=tuple(Raters(*row) for row in raters),
        names=dict(names),
        examples=examples,
        snapshot=snapshot,
    )


def _examples(
    cursor: duckdb.DuckDBPyConnection, *, run_id: str, judge_id: str | None, form_rule: str
) -> tuple[Example, ...]:
    values = {"run_id": run_id, "judge_id": judge_id, "form_rule": form_rule}
    rows = cursor.execute(query("report.examples"), values | {"n_each": EXAMPLES_EACH}).fetchall()
    return tuple(map(_example, rows))


def _example(row: tuple[Any, ...]) -> Example:
    quadrant, form, concept, prompt, output, verdict, source, explanation, unscored_reason = row
    rating = "unrated" if verdict is None else f"rated {number(verdict, digits=0 if verdict == round(verdict) else 1)}"
    return Example(
        concept=concept,
        quadrant=quadrant,
        arm="positive",
        form=form,
        prompt=shortened(prompt, _SAID_CHARS),
        text=output[:EXAMPLE_CHARS],
        loop=_shown_loop(output) if form == "repetitive" else None,
        n_cut=max(0, len(output) - EXAMPLE_CHARS),
        rating=rating,
        rated_by=_RATED_BY.get(source or "", ""),
        said=shortened(explanation or unscored_reason or "", _SAID_CHARS),
    )


def _shown_loop(output: str) -> tuple[int, int] | None:
    """Where the loop that the whole output ends in lies within the part that is shown."""
    loop = looping_span(output)
    return (loop[0], min(loop[1], EXAMPLE_CHARS)) if loop and loop[0] < EXAMPLE_CHARS else None
