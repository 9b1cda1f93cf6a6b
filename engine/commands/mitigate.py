"""The commands `lensgap refine` and `lensgap filter`: what can be done to lenses without new texts, measured before and after.

Thin bodies as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, chosen_settings, wide_console
from engine.lists import SEVERAL, parted

if TYPE_CHECKING:
    from engine.config import StudyConfig
    from engine.stages.filter import Verdicts

RunOption = Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")]
FamilyOption = Annotated[
    str | None, typer.Option(help="Lens family; by default the first in the run's settings that was trained.")
]
BASELINE = "The verdicts come from a baseline judge, not a language model. Treat them accordingly."
LayerOption = Annotated[int | None, typer.Option(help="Layer; by default the deepest that was trained.", min=0)]


def refine(
    study: StudyArgument = DEFAULT_STUDY,
    variant: Annotated[
        list[str] | None,
        typer.Option(help=f"margin (ranking) or ridge (closed form); by default both. {SEVERAL}"),
    ] = None,
    run_id: RunOption = None,
    family: FamilyOption = None,
    layer: LayerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train lenses a second time against their siblings' lenses, and keep what helps on held-out pairs.

    Top-1 among siblings, margin and F1 before and after. Refined lenses that are kept are written next to the originals.
    """
    from engine.exchange.mitigation_table import build_mitigation, mitigation_table
    from engine.lenses.refine import VARIANTS
    from engine.stages.before_after import choose_lenses
    from engine.stages.progress import progress_bars
    from engine.stages.refine import LINEAR, refine_run

    names = parted(variant)
    for name in names:
        if name not in VARIANTS:
            raise typer.BadParameter("must be margin or ridge", param_hint="--variant")
    run, config = chosen_run(study, run_id)
    chosen = choose_lenses(study, run, config, family=family, layer=layer)
    able = [one for one in VARIANTS if one != "ridge" or chosen.family in LINEAR]
    asked = [one for one in VARIANTS if one in names] if names else able
    with progress_bars() as bar:
        ids = refine_run(study, run, config, chosen, variants=asked, bar=bar)
    found = [build_mitigation(study, identity) for identity in ids.values()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(mitigation_table(found))


def filter_samples(
    study: StudyArgument = DEFAULT_STUDY,
    variant: Annotated[
        list[str] | None,
        typer.Option(help=f"good-only, verdict>=k or weighted; by default all, with k = 3. {SEVERAL}"),
    ] = None,
    run_id: RunOption = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Judge id; by default the one that the report shows. People's ratings take precedence."),
    ] = None,
    form_rule: Annotated[str, typer.Option(help="Form rule: loop or study.")] = "loop",
    family: FamilyOption = None,
    layer: LayerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure training without bad samples, or weighted by verdict, on the same held-out pairs, bad ones included."""
    from engine.exchange.mitigation_table import build_mitigation, mitigation_table
    from engine.lenses.filters import parse_filter, require_weights
    from engine.lenses.registry import FAMILIES
    from engine.stages.before_after import choose_lenses
    from engine.stages.filter import filter_run
    from engine.stages.progress import progress_bars

    if form_rule not in ("loop", "study"):
        raise typer.BadParameter("must be loop or study", param_hint="--form-rule")
    filters = [parse_filter(name) for name in parted(variant) or ("good-only", "verdict>=3", "weighted")]
    run, config = chosen_run(study, run_id)
    chosen = choose_lenses(study, run, config, family=family, layer=layer)
    if any(one.kind == "weighted" for one in filters):
        require_weights(FAMILIES[chosen.family])
    verdicts = chosen_verdicts(study, run, judge, form_rule)
    with progress_bars() as bar:
        ids = filter_run(study, run, config, chosen, filters=filters, verdicts=verdicts, bar=bar)
    found = [build_mitigation(study, identity) for identity in ids.values()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        is_caution = verdicts.is_baseline and any(one.needs_verdicts for one in filters)
        wide_console().print(mitigation_table(found, caution=BASELINE if is_caution else None))


def chosen_run(study: Path, run_id: str | None) -> "tuple[str, StudyConfig]":
    """The run that is meant, with its settings."""
    from db import connect
    from engine.exchange.runs import find_run

    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
    return run, chosen_settings(study, None, {}, run_id=run)


def chosen_verdicts(study: Path, run: str, judge: str | None, form_rule: Any) -> "Verdicts":
    """Whose verdicts count; ConfigError for a judge that did not rate the run."""
    from db import connect, query
    from engine.errors import ConfigError
    from engine.stages.filter import Verdicts

    with connect(study) as cursor:
        judges = {row[0]: bool(row[4]) for row in cursor.execute(query("findings.judges"), {"run_id": run}).fetchall()}
    if judge is not None and judge not in judges:
        known = f"Judges: {', '.join(judges)}." if judges else "Judge it with: lensgap judge."
        raise ConfigError(f"No judge {judge} has rated run {run}.", hint=known)
    chosen = judge or next(iter(judges), None)
    return Verdicts(chosen, judges.get(chosen, False) if chosen else False, form_rule)
