"""What to ask of the lenses of a pack, found on a sample of its concepts before any lens is trained.

Concepts are drawn at random from each cell, a quadrant in one pack layer. Their texts are generated and judged, and the F1
that the ratings permit becomes a target for each concept, cell, quadrant and pack layer. A concept that was not drawn gets the
target of its cell, or of what holds its cell: `resolve` says which.
"""

import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from db import connect, query
from engine.config import StudyConfig, change_config
from engine.errors import PackError, TargetsError
from engine.exchange.benchmark_report import Benchmark
from engine.exchange.benchmark_targets import Cell, build_targets, find_lines
from engine.exchange.targets import TargetJudge, Targets, read_targets, resolve, write_targets
from engine.judges.open import open_judge
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.pickers import configured_bands
from engine.packs.quadrants import QUADRANTS, Profile, profile_pack
from engine.pipeline import StageName, run
from engine.stages.judge import judge_id
from engine.stages.judge_run import AskOptions
from engine.stats.findings import ConceptCounts, Settings, count_concepts

STAGES: tuple[StageName, ...] = ("select", "generate", "judge")


def draw_cells(profiles: Iterable[Profile], *, per_cell: int, seed: int) -> tuple[Cell, ...]:
    """Draw from each quadrant in each pack layer without replacement; a cell's draw depends on no other cell."""
    members: dict[tuple[int, str], list[str]] = {}
    layers: dict[int, None] = {}
    for profile in profiles:
        layers[profile.concept.pack_layer] = None
        if profile.quadrant:
            members.setdefault((profile.concept.pack_layer, profile.quadrant), []).append(profile.concept.term)
    cells = []
    for layer in sorted(layers):
        for quadrant in QUADRANTS:
            terms = sorted(members.get((layer, quadrant), []))
            rng = random.Random(f"{seed}|{layer}|{quadrant}")
            cells.append(Cell(quadrant, layer, len(terms), tuple(rng.sample(terms, min(per_cell, len(terms))))))
    return tuple(cells)


def run_benchmark(
    study: Path, config: StudyConfig, *, per_cell: int, settings: Settings, asking: AskOptions | None = None
) -> Benchmark:
    """Draw, generate, judge and estimate; what is there already is not done again. PackError where no cell has a concept."""
    pack = load_pack(config.pack)
    profiles = profile_pack(
        pack, bands=configured_bands(config), siblings=config.siblings, pack_layer=config.pack_layer
    )
    cells = draw_cells(profiles, per_cell=per_cell, seed=config.seed)
    drawn = tuple(term for cell in cells for term in cell.drawn)
    if not profiles:
        raise PackError(f'"{pack.name}" has no pack layer {config.pack_layer}.')
    if not drawn:
        raise PackError(f'No concept of "{pack.name}" lies in any quadrant, so there is nothing to draw from.')
    chosen = change_config(config, {"concepts": drawn})
    done = run(study, chosen, only=STAGES, asking=asking)
    return estimate(study, done.run_id, chosen, pack, cells, profiles, settings)


def estimate(
    study: Path,
    run_id: str,
    config: StudyConfig,
    pack: Pack,
    cells: tuple[Cell, ...],
    profiles: Sequence[Profile],
    settings: Settings,
) -> Benchmark:
    """Ceilings and targets of a run that was judged."""
    judge = judge_id(open_judge(config, pack, is_asked=False).identity)
    counts, told = _read(study, run_id, judge, config, pack)
    lines = find_lines(counts, cells, settings=settings, is_baseline=told is not None and told.is_baseline)
    targets = build_targets(lines, run_id, pack, told, settings)
    sources = Counter(
        resolve(
            targets,
            one.concept.term,
            quadrant=one.quadrant,
            pack_layer=one.concept.pack_layer,
            otherwise=settings.user_target,
        ).level
        for one in profiles
    )
    return Benchmark(run_id, config.model, pack.name, cells, lines, targets, sources)


def _read(
    study: Path, run_id: str, judge: str, config: StudyConfig, pack: Pack
) -> tuple[list[ConceptCounts], TargetJudge | None]:
    values = {"run_id": run_id, "judge_id": judge, "concept": None, "form_rule": "loop"}
    with connect(study) as cursor:
        profiles = cursor.execute(query("findings.quadrants"), {"run_id": run_id}).fetchall()
        counts = cursor.execute(query("findings.counts"), values).fetchall()
        judges = cursor.execute(query("findings.judges"), {"run_id": run_id}).fetchall()
    told = next((TargetJudge(row[0], f"{row[1]}:{row[2]}", row[4]) for row in judges if row[0] == judge), None)
    quadrants, layers = {row[0]: row[1] for row in profiles}, {row[0]: row[6] for row in profiles}
    return count_concepts(counts, quadrants=quadrants, pack_layers=layers), told


def keep_targets(file: Path, targets: Targets) -> Path | None:
    """Write the targets; a file that says something else is kept beside under a number. Returns where, if so."""
    kept = None
    if file.exists():
        if _says_the_same(file, targets):
            return None
        number = next(n for n in range(1, 10**6) if not _numbered(file, n).exists())
        kept = _numbered(file, number)
        try:
            file.rename(kept)
        except OSError as error:
            raise TargetsError(f"{file} cannot be replaced: {error.strerror or error}.") from error
    write_targets(file, targets)
    return kept


def keep_report(file: Path, text: str) -> Path:
    """Write the report, whole, in the place of an earlier one; returns the file."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        scratch.write_text(text, encoding="utf-8", errors="replace")
        os.replace(scratch, file)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise TargetsError(f"{file} cannot be written: {error.strerror or error}.") from error
    return file


def _numbered(file: Path, number: int) -> Path:
    return file.with_name(f"{file.stem}-{number}{file.suffix}")


def _says_the_same(file: Path, targets: Targets) -> bool:
    """Whether the file holds these targets, whenever it was made."""
    try:
        return replace(read_targets(file), made_at=targets.made_at) == targets
    except TargetsError:
        return False
