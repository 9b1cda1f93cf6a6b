"""The section on whether activations hold what texts lost: how lenses move, how far phases match, texts against activations."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.exchange.document.model import (
    Block,
    Cell,
    Column,
    Command,
    Paragraph,
    Row,
    Section,
    Table,
    counted,
    estimated,
    quadrant_cell,
    words,
)
from engine.words import UNKNOWN

Json = Mapping[str, Any]
TITLE: Final = "Are activations better than texts?"
_OUTPUTS: Final = ("all", "good", "degenerate")
_WORTHS: Final = (("form", "good", "degenerate"), ("topic", "on topic", "off topic"))
_TRANSFER: Final = {
    "auc_within": Column("within", "AUC on held-out outputs of lenses trained on outputs"),
    "auc_transfer": Column("transfer", "AUC on held-out outputs of lenses trained on prompts"),
    "auc_shuffled": Column("shuffled", "The same with shuffled arms"),
    "transfer_ratio": Column("ratio", "Transfer over within; a lens that knows nothing has an AUC of 0.5"),
}
_MATCH: Final = {
    "cosine": Column(
        "cosine", "Similarity of an output to its own prompt minus that to other prompts, each phase centred"
    ),
    "cosine_same_template": Column("same template", "The same among prompts with the same wording"),
    "cka": Column("CKA", "Debiased; descriptive only, not a test"),
}


def activation_section(report: Json, *, study: str) -> Section:
    """What was measured of activations, or the command that measures it."""
    found = report.get("activation_quality")
    if not found:
        text = "Activation quality has not been measured on this run."
        return Section("activations", TITLE, (Paragraph(text), Command(f"lensgap activations {study}")))
    intro = (
        f"Lenses of family {found['family']} at layer {found['layer']}, mode {found['mode']}. If activations of outputs still "
        "hold what their prompts were about, lenses trained on prompts find it in outputs, degenerate ones too."
    )
    blocks: list[Block] = [
        Paragraph(intro),
        _table(
            "Lenses moved from prompts to outputs", found, _TRANSFER, "n counts concepts; 95 % intervals over concepts."
        ),
        _table("How far outputs match their prompts", found, _MATCH, "n counts samples; for CKA, prompts."),
        *_against(found.get("outputs_against_activations")),
    ]
    return Section("activations", TITLE, tuple(blocks))


def _groups(found: Json) -> Iterator[tuple[str | None, Json]]:
    yield None, found["overall"]
    yield from found["quadrants"].items()


def _table(title: str, found: Json, measures: Mapping[str, Column], rule: str) -> Table:
    rows = [
        Row((_name(quadrant), words(outputs), *_measures(grain[outputs], measures)), strong=quadrant is None)
        for quadrant, grain in _groups(found)
        for outputs in _OUTPUTS
        if any(name in grain.get(outputs, {}) for name in measures)
    ]
    columns = (Column("group", align="words"), Column("outputs", align="words"), *measures.values())
    return Table(title, columns, tuple(rows), rule=rule)


def _name(quadrant: str | None) -> Cell:
    return quadrant_cell(quadrant) if quadrant else words("overall")


def _measures(own: Json, measures: Mapping[str, Column]) -> Iterator[Cell]:
    for name, column in measures.items():
        yield (
            _measure(own[name], of=f"{column.name}: ")
            if name in own
            else Cell(UNKNOWN, why=f"{column.name}: not measured")
        )


def _measure(found: Json, *, of: str) -> Cell:
    """An estimate with its p, where it has one, beneath."""
    cell = estimated(found, of=of)
    if found.get("p") is None:
        return cell
    p = "< 0.001" if found["p"] < 0.0005 else f"{found['p']:.3f}"
    return Cell(cell.value, f"{cell.note}, p {p}", cell.why, cell.order)


def _against(cells: Json | None) -> Iterator[Block]:
    if cells is None:
        return
    if cells["reason"]:
        yield Paragraph(f"Outputs against activations: {cells['reason']}.", "note")
        return
    groups = [(None, cells["overall"]), *cells["quadrants"].items()]
    rows = [
        Row((_name(quadrant), words(label), *_cells(tables[worth], is_good)), strong=quadrant is None)
        for quadrant, tables in groups
        for worth, good, other in _WORTHS
        for is_good, label in ((True, good), (False, other))
    ]
    columns = (
        Column("group", align="words"),
        Column("positives", "By the form of their text, and by whether it is rated on topic", align="words"),
        Column("lens fires", "Positives on whose activation the lens of outputs fires, out of fold"),
        Column("does not"),
        Column("share", "Share of the group's positives that the lens fires on"),
        Column("fires on negatives", "How often it fires on negatives of the same quality"),
    )
    rule = "Only a higher rate than on negatives of the same quality is evidence for the concept."
    yield Table("Texts against activations", columns, tuple(rows), rule=rule)


def _cells(table: Json, is_good: bool) -> Iterator[Cell]:
    own = {cell["is_on_concept"]: cell for cell in table["cells"] if cell["is_good"] == is_good}
    rates = {one["arm"]: one for one in table["fires"] if one["is_good"] == is_good}
    yield counted(own[True]["n"])
    yield counted(own[False]["n"])
    yield estimated(own[True]["share"], of="share: ")
    yield estimated(rates["negative"], of="negatives: ")
