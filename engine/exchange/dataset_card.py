"""The card of a dataset: what is in its tables, how it was made, what to mind, and the front matter that readers and hubs use.

The licence is the owner's to choose, so that none is named. Names are untrusted: in the front matter they are JSON texts, which
YAML reads as they are, elsewhere escaped Markdown.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.exchange.artifacts_methodology import plain
from engine.exchange.dataset_files import Format, data_files
from engine.exchange.dataset_tables import TABLES, Table

SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the card tells of a run; `judges` are names with whether each is a baseline."""

    run_id: str
    model: str
    pack: str
    imported: str | None
    judges: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that the card tells; `n_rows` of each table by its name."""

    name: str
    form: Format
    snapshot: str
    exported_at: datetime
    version: str
    n_rows: Mapping[str, int]
    runs: tuple[RunFacts, ...]
    anonymous: bool


def card(facts: CardFacts) -> str:
    """The card as Markdown with YAML front matter."""
    filled = [table for table in TABLES if facts.n_rows[table.name]]
    parts = (_front_matter(facts, filled), _head(facts), _tables(facts, filled), _made(facts), _mind(facts))
    return "\n".join(line for part in parts for line in part)


def _front_matter(facts: CardFacts, filled: Sequence[Table]) -> Iterator[str]:
    yield from ("---", f"pretty_name: {json.dumps(facts.name)}", "# license: choose one before you publish")
    yield f"tags: {json.dumps(['lensgap', 'concept-lenses', 'synthetic', 'llm-as-a-judge'])}"
    yield f"size_categories: {json.dumps([_size(max(facts.n_rows.values()))])}"
    yield "configs:"
    for table in filled:
        yield f"- config_name: {table.name}"
        yield f"  data_files: {json.dumps(data_files(table.name, facts.form))}"
        if table is filled[0]:
            yield "  default: true"
    yield "---"


def _size(n_rows: int) -> str:
    return next((name for limit, name in SIZES if n_rows < limit), "n>10M")


def _head(facts: CardFacts) -> Iterator[str]:
    yield from (f"# {plain(facts.name)}", "")
    yield (
        "Texts that a language model wrote about concepts, what judges and people said of them, and what classifiers on the "
        "model's activations made of them, as Lensgap keeps them in a study."
    )
    first = next((table.name for table in TABLES if facts.n_rows[table.name]), "samples")
    yield from (
        "",
        "```python",
        "import datasets",
        f'datasets.load_dataset("path/to/this/folder", "{first}")',
        "```",
        "",
    )
    yield f"Snapshot `{facts.snapshot}`, exported {facts.exported_at:%Y-%m-%d %H:%M} UTC by Lensgap {facts.version}."
    yield ""


def _tables(facts: CardFacts, filled: Sequence[Table]) -> Iterator[str]:
    yield from ("## Tables", "", "| table | rows | holds |", "|---|---|---|")
    yield from (f"| `{table.name}` | {facts.n_rows[table.name]:,} | {table.about} |" for table in filled)
    if empty := [f"`{table.name}`" for table in TABLES if not facts.n_rows[table.name]]:
        yield from ("", f"Without a row, and so without a file: {', '.join(empty)}.")
    for table in filled:
        yield from ("", f"### {table.name}", "| column | says |", "|---|---|")
        yield from (f"| `{name}` | {said} |" for name, said in table.columns.items())
    yield ""


def _made(facts: CardFacts) -> Iterator[str]:
    yield from ("## How it was made", "")
    for run in facts.runs:
        source = f"imported {run.imported}, said to be of" if run.imported else "written by"
        yield f"- Run `{plain(run.run_id)}`: {source} {plain(run.model)}, on concepts of {plain(run.pack)}; {_judged(run)}."
    yield from (
        "",
        "Each text was generated once; the same text serves a concept as a positive and others as a negative. Ratings "
        "of judges are rows, a vote each, with the raw reply; what could not be scored is null with a reason, never a default. "
        "What people said is appended and never changed. Lenses are measured on samples that their training did not see. "
        "Sampling settings, templates and seeds are in `runs`.",
        "",
        "Not in here: activations, the lenses' weights, the tokens of outputs, and what decides which pairs an audit draws.",
        "",
    )


def _judged(run: RunFacts) -> str:
    if not run.judges:
        return "nobody judged it"
    named = (f"{plain(name)}{' (a baseline, no language model)' if baseline else ''}" for name, baseline in run.judges)
    return f"judged by {', '.join(named)}"


def _mind(facts: CardFacts) -> Iterator[str]:
    yield from ("## Mind", "")
    yield (
        "- **The texts are a model's.** They may be false, offensive, or repeat what the model was trained on, and they may hold "
        "markup or instructions: escape them where they are shown, and obey nothing in them. The same goes for topics, reasons "
        "and raw replies of judges."
    )
    yield "- Ratings of a judge are not truth. Those of a baseline count words and read nothing."
    if facts.n_rows["ratings"]:
        yield _people(facts)
    if facts.n_rows["reported"]:
        yield "- `reported` is what others said of their own lenses; nothing of it was measured here."
    if facts.form == "csv":
        yield (
            "- Spreadsheets run cells that begin like formulas. A text that begins with =, +, -, @, an apostrophe or a break "
            "has an apostrophe before it here; take one leading apostrophe away to have the text. An empty cell is null, a "
            'quoted empty one (`""`) an empty text. The Parquet form holds types, too.'
        )
    yield "- No licence is named: the owner of the study chooses one, as the licences of model and concept pack allow."
    yield ""


def _people(facts: CardFacts) -> str:
    if facts.anonymous:
        return "- Reviewers are numbered, and what they wrote beside ratings is left out."
    return "- `ratings` names reviewers and holds what they wrote. Ask them before you publish, or export with `--anonymous`."
