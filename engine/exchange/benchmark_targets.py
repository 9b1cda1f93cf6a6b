"""From the ratings of sampled concepts to targets: what was found of each concept and group, and the F1 to ask of it.

One concept says nothing of others, so a group has a target only where two or more of its concepts have a ceiling.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.exchange.targets import FORMAT, Level, TargetCeiling, TargetEntry, TargetJudge, Targets, cell_key
from engine.packs.pack import Pack
from engine.packs.quadrants import QUADRANTS
from engine.stages.progress import now
from engine.stats.ceiling import TIERS
from engine.stats.estimate import Estimate
from engine.stats.findings import ConceptCounts, Finding, Settings, summarise

BASELINE = "rated by a baseline, which is no language model"


@dataclass(frozen=True, slots=True)
class Cell:
    """The concepts of a quadrant in one pack layer, and those that were drawn."""

    quadrant: str
    pack_layer: int
    n_concepts: int
    drawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one concept or group: `key` is its key in the targets, "" for all concepts."""

    level: Level
    key: str
    n_concepts: int
    gap: Estimate
    ceiling: Estimate
    entry: TargetEntry


def find_lines(
    counts: Sequence[ConceptCounts], cells: Sequence[Cell], *, settings: Settings, is_baseline: bool
) -> tuple[Line, ...]:
    """All concepts together, then by pack layer, quadrant and cell, then each concept."""
    groups = _groups(counts, {term: cell for cell in cells for term in cell.drawn})
    return tuple(
        _line(level, key, summarise(key or "overall", tuple(members), settings), is_baseline=is_baseline)
        for (level, key), members in groups.items()
    )


def _groups(counts: Sequence[ConceptCounts], place: Mapping[str, Cell]) -> dict[tuple[Level, str], list[ConceptCounts]]:
    groups: dict[tuple[Level, str], list[ConceptCounts]] = {("default", ""): list(counts)}
    placed = sorted(((place[one.concept], one) for one in counts), key=lambda each: _order(each[0]))
    for cell, one in placed:
        groups.setdefault(("pack_layer", str(cell.pack_layer)), []).append(one)
    for quadrant in QUADRANTS:
        if members := [one for cell, one in placed if cell.quadrant == quadrant]:
            groups["quadrant", quadrant] = members
    for cell, one in placed:
        groups.setdefault(("cell", cell_key(cell.quadrant, cell.pack_layer)), []).append(one)
    return groups | {("concept", one.concept): [one] for one in counts}


def _order(cell: Cell) -> tuple[int, str]:
    return cell.pack_layer, cell.quadrant


def _line(level: Level, key: str, finding: Finding, *, is_baseline: bool) -> Line:
    ceiling = finding.ceilings[finding.settings.model].estimate
    entry = _concept_entry(finding) if level == "concept" else _group_entry(finding)
    if is_baseline:
        entry = replace(entry, why=f"{entry.why}; {BASELINE}")
    return Line(level, key, finding.n_concepts, finding.best_gap, ceiling, entry)


def _concept_entry(finding: Finding) -> TargetEntry:
    return TargetEntry(finding.target.value, _why(finding), _ceiling(finding))


def _group_entry(finding: Finding) -> TargetEntry:
    """The target of a group, from the mean over its concepts; none from a single one."""
    n_known = sum(_has_ceiling(one, finding.settings) for one in finding.concepts)
    if n_known < 2:
        why = f"{n_known} of its concepts has a ceiling, and one says nothing of the others"
        return TargetEntry(None, why if n_known else "none of its concepts has a ceiling", None, n_known)
    why = f"{_why(finding)} (mean over {n_known} concepts)"
    return TargetEntry(finding.target.value, why, _ceiling(finding), n_known)


def _has_ceiling(one: ConceptCounts, settings: Settings) -> bool:
    return summarise(one.concept, (one,), settings).ceilings[settings.model].estimate.value is not None


def _why(finding: Finding) -> str:
    """The reason of the target; where there is none, also whether more data could give one."""
    found, target = finding.ceilings[finding.settings.model].estimate, finding.target
    if found.value is None:
        return found.reason or target.reason
    if found.low is None or found.high is None:
        return f"{target.reason} ({found.method})"
    if target.value is not None:
        return target.reason
    more = "more concepts or ratings may support one" if found.high >= min(TIERS) else "more data will not help"
    return f"{target.reason}, the upper one is {found.high:.3f}: {more}"


def _ceiling(finding: Finding) -> TargetCeiling:
    found = finding.ceilings[finding.settings.model].estimate
    return TargetCeiling(finding.settings.model, found.value, found.low, found.high, found.n)


def build_targets(
    lines: Iterable[Line], run_id: str, pack: Pack, judge: TargetJudge | None, settings: Settings
) -> Targets:
    """The targets file of a benchmark."""
    by_level: dict[Level, dict[str, TargetEntry]] = {}
    for line in lines:
        by_level.setdefault(line.level, {})[line.key] = line.entry
    return Targets(
        format=FORMAT,
        made_by="lensgap benchmark",
        made_at=f"{now():%Y-%m-%dT%H:%M:%SZ}",
        run=run_id,
        pack=f"{pack.name} {pack.version}, {pack.pack_hash}",
        asked=settings.user_target,
        judge=judge,
        default=by_level["default"][""],
        pack_layers=by_level.get("pack_layer", {}),
        quadrants=by_level.get("quadrant", {}),
        cells=by_level.get("cell", {}),
        concepts=by_level.get("concept", {}),
    )
