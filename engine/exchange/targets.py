"""targets.json: the F1 to ask of each concept, with the ceiling that it follows from, or why there is none.

The most particular entry that has a target decides: the concept's own, else its quadrant's in its pack layer, else its
quadrant's, else its pack layer's, else the default. A ceiling is taken from a concept's own entry alone: that of a group is a
mean, which bounds none of its concepts. docs/targets.md describes the format, targets.schema.json is its JSON Schema.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from engine.errors import TargetsError
from engine.stats.ceiling_models import CeilingName
from engine.stats.estimate import Estimate

FORMAT: Final = "lensgap-targets/1"
SCHEMA = Path(__file__).with_name("targets.schema.json")
Level = Literal["concept", "cell", "quadrant", "pack_layer", "default", "settings"]
"""Which entry decided; `settings` where the file has none that does."""
OF_SETTINGS: Final = "target of the settings"
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
QuadrantKey = Annotated[str, Field(pattern=r"^[ABCD]$")]
LayerKey = Annotated[str, Field(pattern=r"^[0-9]{1,4}$")]
CellKey = Annotated[str, Field(pattern=r"^[ABCD]/[0-9]{1,4}$")]
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class TargetCeiling:
    """A ceiling with its interval, by the name of its model; `n` ratings (or concepts, of a mean) are behind it."""

    __pydantic_config__ = _STRICT
    model: CeilingName
    value: Share | None
    low: Share | None = None
    high: Share | None = None
    n: Count = 0

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.value, self.high) if end is not None]
        if (self.low is None) != (self.high is None) or ends != sorted(ends):
            raise ValueError("an interval has two ends, and its value lies between them")


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """What to ask of one concept or of a group of them; `target` is null where the data cannot say, and `why` says why."""

    __pydantic_config__ = _STRICT
    target: Share | None
    why: Annotated[str, Field(min_length=1)]
    ceiling: TargetCeiling | None = None
    n_concepts: Count | None = None


@dataclass(frozen=True, slots=True)
class TargetJudge:
    """Whose ratings the ceilings rest on; a baseline is no language model."""

    __pydantic_config__ = _STRICT
    id: str
    model: str
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Targets:
    """All of the file. Keys are concepts, quadrants (`A`), pack layers (`2`) and both of these together (`A/2`)."""

    __pydantic_config__ = _STRICT
    format: Literal["lensgap-targets/1"]
    made_by: str | None = None
    made_at: str | None = None
    run: str | None = None
    pack: str | None = None
    asked: Share | None = None
    judge: TargetJudge | None = None
    default: TargetEntry | None = None
    pack_layers: Mapping[LayerKey, TargetEntry] = field(default_factory=dict)
    quadrants: Mapping[QuadrantKey, TargetEntry] = field(default_factory=dict)
    cells: Mapping[CellKey, TargetEntry] = field(default_factory=dict)
    concepts: Mapping[str, TargetEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConceptTarget:
    """The target that holds for a concept, which entry it is from, and the concept's own ceiling where one is known.

    `why` tells of every entry that was passed over; `in_short` tells who decided, or else why the nearest entry did not.
    """

    concept: str
    target: float
    level: Level
    why: str
    ceiling: Estimate | None
    in_short: str


def cell_key(quadrant: str, pack_layer: int) -> str:
    """The key of a quadrant's concepts in one pack layer."""
    return f"{quadrant}/{pack_layer}"


def resolve(
    targets: Targets | None, concept: str, *, quadrant: str | None, pack_layer: int | None, otherwise: float
) -> ConceptTarget:
    """The concept's target: of the most particular entry that has one, else the settings' (`otherwise`)."""
    passed: list[str] = []
    for level, name, entry in _entries(targets, concept, quadrant, pack_layer):
        if entry.target is not None:
            here = f"target of {name}: {entry.why}"
            why = "; ".join([*passed, here])
            return ConceptTarget(concept, entry.target, level, why, concept_ceiling(targets, concept), here)
        passed.append(f"none of {name}: {entry.why}")
    why, in_short = ("; ".join([*entries, OF_SETTINGS]) for entries in (passed, passed[:1]))
    return ConceptTarget(concept, otherwise, "settings", why, concept_ceiling(targets, concept), in_short)


def concept_ceiling(targets: Targets | None, concept: str) -> Estimate | None:
    """The ceiling of the concept's own entry; None where it has none, or where a baseline rated."""
    entry = targets.concepts.get(concept) if targets else None
    ceiling = entry.ceiling if entry else None
    if targets is None or ceiling is None or ceiling.value is None or (targets.judge and targets.judge.is_baseline):
        return None
    return Estimate(
        ceiling.value, ceiling.low, ceiling.high, ceiling.n, None, f"{ceiling.model} ceiling of the targets"
    )


def unknown_concepts(targets: Targets, concepts: Sequence[str]) -> tuple[str, ...]:
    """Concepts that the file speaks of and the run does not hold."""
    return tuple(sorted(set(targets.concepts) - set(concepts)))


def read_targets(file: Path) -> Targets:
    """Read and check the file; TargetsError names the first entry that is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        json.loads(text, object_pairs_hook=_refuse_twice)
        return TypeAdapter(Targets).validate_json(text)
    except OSError as error:
        raise TargetsError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        raise TargetsError(f"{file}: {_fault(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise TargetsError(f"{file} is not a JSON file of targets: {error}.") from error


def write_targets(file: Path, targets: Targets) -> None:
    """Write the file whole or not at all; what stood there is replaced."""
    text = json.dumps(asdict(targets), indent=2, ensure_ascii=False)
    scratch = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(f"{text}\n", encoding="utf-8", errors="replace")
        os.replace(scratch, file)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise TargetsError(f"{file} cannot be written: {error.strerror or error}.") from error


def targets_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    schema = TypeAdapter(Targets).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Targets of concept lenses"} | schema


def _entries(
    targets: Targets | None, concept: str, quadrant: str | None, pack_layer: int | None
) -> Iterator[tuple[Level, str, TargetEntry]]:
    """The entries that speak of a concept, the most particular first, with their names in words."""
    if targets is None:
        return
    cell = cell_key(quadrant, pack_layer) if quadrant is not None and pack_layer is not None else None
    candidates: tuple[tuple[Level, str, TargetEntry | None], ...] = (
        ("concept", "the concept", targets.concepts.get(concept)),
        ("cell", f"quadrant {quadrant} in pack layer {pack_layer}", targets.cells.get(cell) if cell else None),
        ("quadrant", f"quadrant {quadrant}", targets.quadrants.get(quadrant) if quadrant else None),
        ("pack_layer", f"pack layer {pack_layer}", targets.pack_layers.get(str(pack_layer))),
        ("default", "all concepts", targets.default),
    )
    for level, name, entry in candidates:
        if entry is not None:
            yield level, name, entry


def _fault(error: ValidationError) -> str:
    """The first fault in words: where it is, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = " → ".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{place}: no such name is known there (docs/targets.md tells which are)"
    said = first["msg"].removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    return f"{place}: {said}" if place else said


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; ValueError where a name stands twice, since the first would be lost in silence."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(f'"{twice}" stands there twice')
    return dict(pairs)
