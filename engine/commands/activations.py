"""The command `lensgap activations`: do the activations of outputs hold what their prompts were about?

Thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console


def activations(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    judge: Annotated[str | None, typer.Option(help="Judge id; by default the one that the report shows.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first in the run's settings.")] = None,
    layer: Annotated[int | None, typer.Option(help="Layer; by default the deepest that was captured.", min=0)] = None,
    form_rule: Annotated[str, typer.Option(help="Form rule: loop or study.")] = "loop",
    k: Annotated[int, typer.Option(help="Ratings above k count as on topic.", min=1, max=4)] = 2,
    as_json: JsonOption = False,
) -> None:
    """Measure how far activations of outputs hold what their prompts were about, and compare them with output quality.

    Lenses trained on prompts and tested on outputs, cosines of matched and mismatched prompts, CKA.
    The results are stored in the study.
    """
    from engine.commands.mitigate import chosen_run, chosen_verdicts
    from engine.exchange.activation_report import load_cells, load_quality
    from engine.exchange.activation_table import activation_tables
    from engine.stages.activation_quality import choose_quality, measure_quality
    from engine.stages.progress import progress_bars

    if form_rule not in ("loop", "study"):
        raise typer.BadParameter("must be loop or study", param_hint="--form-rule")
    run, settings = chosen_run(study, run_id)
    verdicts = chosen_verdicts(study, run, judge, form_rule)
    chosen, config = choose_quality(study, run, settings, family=family, layer=layer, form_rule=verdicts.form_rule)
    with progress_bars() as bar:
        identity = measure_quality(study, run, config, chosen, bar=bar)
    quality = load_quality(study, run, quality_id=identity)
    assert quality is not None
    cells = load_cells(study, quality, judge_id=verdicts.judge_id, k=k)
    if as_json:
        typer.echo(json.dumps({**quality, "outputs_against_activations": cells}, indent=2))
    else:
        baseline = "The verdicts come from a baseline judge, not a language model. Treat on and off topic accordingly."
        wide_console().print(activation_tables(quality, cells, caution=baseline if verdicts.is_baseline else None))
