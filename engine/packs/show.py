"""What a pack holds, as plain values and as tables: layers by quadrant, what has no quadrant and why, what could be done."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.packs.buckets import plan_buckets
from engine.packs.pack import Pack, SiblingCount
from engine.packs.quadrants import QUADRANTS, Bands, Profile, profile_pack
from engine.packs.senses import plan_splits
from engine.packs.synsets import Synsets
from engine.terminal import counted

N_EXAMPLES = 3
N_NAMES = 6


@dataclass(frozen=True, slots=True)
class Outlook:
    """What splitting and bucketing would do; a reason instead where that cannot be told."""

    split: dict[str, Any]
    bucket: dict[str, Any]


def describe_pack(
    pack: Pack, *, bands: Bands, siblings: SiblingCount, outlook: Outlook | None = None, name_all: bool = False
) -> dict[str, Any]:
    """The pack in numbers; `name_all` adds each concept without a quadrant with its own reason."""
    profiles = profile_pack(pack, bands=bands, siblings=siblings)
    unassigned = Counter(_kind_of_reason(profile, bands) for profile in profiles if profile.quadrant is None)
    found: dict[str, Any] = {
        "name": pack.name,
        "version": pack.version,
        "hash": pack.pack_hash,
        "source": pack.source,
        "senses_mean": pack.senses_mean,
        "sibling_count": siblings,
        "n_concepts": len(pack.concepts),
        "n_without_definition": sum(not concept.definition for concept in pack.concepts),
        "n_split": sum(concept.origin is not None for concept in pack.concepts),
        "n_in_buckets": sum(bool(concept.buckets) for concept in pack.concepts),
        "layers": list(_layers(profiles)),
        "map": _map(profiles, bands),
        "unassigned": [{"reason": reason, "n": n} for reason, n in unassigned.most_common()],
    }
    if name_all:
        found["unassigned_concepts"] = [
            {"concept": p.concept.term, "pack_layer": p.concept.pack_layer, "reason": p.reason}
            for p in profiles
            if p.quadrant is None
        ]
    if pack.provenance:
        made = pack.provenance
        found["provenance"] = {"made_by": made.made_by, "parameters": dict(made.parameters), "from": made.origin_name}
    if outlook:
        found |= {"split": outlook.split, "bucket": outlook.bucket}
    return found


def look_ahead(pack: Pack, synsets: Synsets | None, *, reason: str = "") -> Outlook:
    """What splitting and bucketing would do with their usual settings; `reason` says why there are no synsets."""
    split: dict[str, Any] = {"reason": reason}
    if synsets:
        splits = plan_splits(pack, synsets)
        examples = sorted(splits, key=lambda one: -len(one.groups))[:N_EXAMPLES]
        split = {
            "n_concepts": len(splits),
            "n_groups": sum(len(one.groups) for one in splits),
            "examples": [{"concept": one.term, "groups": [group.label for group in one.groups]} for one in examples],
        }
    plans = plan_buckets(pack, synsets)
    largest = sorted(plans, key=lambda plan: -sum(len(bucket.terms) for bucket in plan.buckets))[:N_EXAMPLES]
    bucket = {
        "n_groups": len(plans),
        "n_buckets": sum(len(plan.buckets) for plan in plans),
        "n_concepts": len({term for plan in plans for bucket in plan.buckets for term in bucket.terms}),
        "examples": [{"parent": p.parent, "buckets": [bucket.name for bucket in p.buckets]} for p in largest],
    }
    return Outlook(split, bucket)


def _layers(profiles: Sequence[Profile]) -> Iterator[dict[str, Any]]:
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for profile in profiles:
        counts[profile.concept.pack_layer][profile.quadrant or "none"] += 1
    for layer, by_quadrant in sorted(counts.items()):
        yield {
            "pack_layer": layer,
            "n_concepts": by_quadrant.total(),
            **{q: by_quadrant[q] for q in (*QUADRANTS, "none")},
        }


def _band(n: int | None, low: int, high: int) -> str:
    if n is None:
        return "unknown"
    return "low" if n <= low else "high" if n >= high else "between"


def _map(profiles: Sequence[Profile], bands: Bands) -> list[dict[str, Any]]:
    """Concepts by band of senses (rows, many first, as on the dashboard's map) and band of siblings (columns)."""
    cells = Counter(
        (
            _band(p.n_senses, bands.senses_low, bands.senses_high),
            _band(p.n_siblings, bands.siblings_low, bands.siblings_high),
        )
        for p in profiles
    )
    columns = ("low", "between", "high", "unknown")
    return [{"senses": row} | {column: cells[row, column] for column in columns} for row in ("high", "between", "low")]


def _kind_of_reason(profile: Profile, bands: Bands) -> str:
    if profile.n_siblings is None:
        return profile.reason or "siblings are unknown"
    if bands.senses_low < profile.n_senses < bands.senses_high:
        return f"senses between the bands (more than {bands.senses_low}, fewer than {bands.senses_high})"
    return f"siblings between the bands (more than {bands.siblings_low}, fewer than {bands.siblings_high})"


def pack_tables(found: dict[str, Any]) -> Group:
    """What `describe_pack` found, for a terminal."""
    head = Text(
        f"{found['name']} {found['version']} · {counted(found['n_concepts'], 'concept')} · hash {found['hash']}"
    )
    facts = Text(
        f"Senses: {found['senses_mean']}. Siblings: {found['sibling_count']}. "
        f"{found['n_without_definition']:,} without a definition."
    )
    parts: list[Any] = [head, facts, _layer_table(found["layers"]), _map_table(found["map"])]
    if found["unassigned"]:
        parts.append(_rows("No quadrant", ["concepts", "reason"], [(u["n"], u["reason"]) for u in found["unassigned"]]))
    if "unassigned_concepts" in found:
        rows = [(u["concept"], u["pack_layer"], u["reason"]) for u in found["unassigned_concepts"]]
        parts.append(_rows("Concepts without a quadrant", ["concept", "pack layer", "reason"], rows))
    parts.extend(_outlook_lines(found))
    return Group(*parts)


def _outlook_lines(found: dict[str, Any]) -> Iterator[Text]:
    if "provenance" in found:
        made = found["provenance"]
        origin = f" of {made['from']}" if made["from"] else ""
        yield Text(f"Made by {made['made_by']}{origin}, {made['parameters']}.")
    if split := found.get("split"):
        if "reason" in split:
            yield Text(f"Splitting by sense: unknown, {split['reason']}")
        else:
            examples = " ".join(f"{e['concept']}: {_some(e['groups'])}." for e in split["examples"])
            told = f"{counted(split['n_concepts'], 'concept')} would become {split['n_groups']:,}"
            yield Text(f"Splitting by sense: {told}. {examples}")
    if bucket := found.get("bucket"):
        examples = " ".join(f"{e['parent']}: {_some(e['buckets'])}." for e in bucket["examples"])
        groups, buckets = counted(bucket["n_groups"], "sibling group"), counted(bucket["n_buckets"], "bucket")
        told = f"{counted(bucket['n_concepts'], 'concept')} of {groups} in {buckets}"
        yield Text(f"Bucketing siblings: {told}. {examples}")


def _some(names: Sequence[str]) -> str:
    shown = "; ".join(names[:N_NAMES])
    return shown if len(names) <= N_NAMES else f"{shown}; {len(names) - N_NAMES} more"


def _layer_table(layers: list[dict[str, Any]]) -> Table:
    columns = ["pack layer", "concepts", *QUADRANTS, "no quadrant"]
    rows = [(row["pack_layer"], row["n_concepts"], *(row[q] for q in (*QUADRANTS, "none"))) for row in layers]
    total = ["all", *(sum(row[i] for row in rows) for i in range(1, len(columns)))]
    return _rows("Pack layers by quadrant", columns, [*rows, tuple(total)])


def _map_table(cells: list[dict[str, Any]]) -> Table:
    letters = {("high", "low"): "D ", ("high", "high"): "C ", ("low", "low"): "A ", ("low", "high"): "B "}
    columns = ("low", "between", "high", "unknown")
    rows = [
        (f"{row['senses']} senses", *(f"{letters.get((row['senses'], c), '')}{row[c]:,}" for c in columns))
        for row in cells
    ]
    return _rows("Map", ["", *(f"{column} siblings" for column in columns)], rows)


def _rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in ("", "reason", "concept") else "right")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else Text(str(value)) for value in row))
    return table
