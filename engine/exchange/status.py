"""How far each run of a study is, as JSON and as a table."""

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import connect, query
from engine.exchange.judge_names import judge_names
from engine.stats.layers import layers_name
from engine.terminal import dollars, visible


def build_status(study: Path) -> dict[str, Any]:
    """Runs, newest first, with the counts of each stage and what each judge has cost; StudyMissing without a study."""
    with connect(study) as cursor:
        runs = cursor.execute(query("findings.runs")).fetchall()
        return {"study": str(study), "runs": [_run(cursor, row) for row in runs]}


def _run(cursor: Any, row: tuple[Any, ...]) -> dict[str, Any]:
    run_id, name, created_at, model, _config, n_pairs, n_prompts, n_samples, _is_default = row
    values = {"run_id": run_id}
    judges = cursor.execute(query("judging.costs"), values)
    names = [column[0] for column in judges.description]
    costs = [dict(zip(names, row, strict=True)) for row in judges.fetchall()]
    counts = cursor.execute(query("findings.stage_counts"), values).fetchone()
    stages = cursor.execute(query("findings.progress"), values).fetchall()
    latest = cursor.execute(query("graduation.latest"), values).fetchone()
    return {
        "run": run_id,
        "name": name,
        "created_at": f"{created_at:%Y-%m-%dT%H:%M:%SZ}",
        "model": model,
        "n_concepts": counts[0],
        "n_pairs": n_pairs,
        "n_prompts": n_prompts,
        "n_samples": n_samples,
        "n_samples_with_form": counts[1],
        "n_samples_captured": counts[2],
        "n_lenses": counts[3],
        "lenses": [
            {"family": family, "reads": layers_name(layers), "layers": layers, "n_lenses": n}
            for family, layers, n in cursor.execute(query("findings.lens_counts"), values).fetchall()
        ],
        "n_ratings_by_people": counts[4],
        "graduation": dict(zip(("rule", "n_concepts", "n_graduated", "n_stopped"), latest, strict=True))
        if latest
        else None,
        "judges": [
            {"id": judge.pop("judge_id"), **judge, "parameters": json.loads(judge["parameters"])} for judge in costs
        ],
        "stages": [
            {"stage": stage, "n_done": done, "n_total": total, "seconds": round(seconds, 1)}
            for stage, done, total, seconds in stages
        ],
    }


def status_table(status: dict[str, Any]) -> Group:
    """The status for a terminal: two lines a run, its id above its model. Only these are ever shortened."""
    title = Text(f"Study {visible(status['study'])}\n", style="italic")
    if not status["runs"]:
        return Group(title, Text("No run yet. Start one with: lensgap run", style="dim"))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("run, model")
    for name in ("concepts", "pairs", "samples", "captured", "judged", "lenses", "rated", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in status["runs"]:
        table.add_row(
            Text(f"{visible(run['run'])}\n{visible(run['model'])}", no_wrap=True, overflow="ellipsis"),
            f"{run['n_concepts']:,}",
            f"{run['n_pairs']:,}",
            f"{run['n_samples']:,} of {run['n_prompts']:,}",
            f"{run['n_samples_captured']:,}",
            f"{sum(judge['n_ratings'] for judge in run['judges']):,}",
            f"{run['n_lenses']:,}",
            f"{run['n_ratings_by_people']:,}",
            _dollars(sum(j["cost_usd"] or 0 for j in run["judges"]), sum(j["n_unpriced"] for j in run["judges"])),
        )
    note = Text("\njudged: votes of all judges on pairs. rated: ratings by people. cost: of the judges.", style="dim")
    joined = [line for run in status["runs"] if (line := _joined(run))]
    graduated = [_graduation(run) for run in status["runs"] if run["graduation"]]
    blocks = [block for run in status["runs"] if run["judges"] for block in _judges(run)]
    return Group(title, table, note, *joined, *graduated, *blocks)


def _joined(run: dict[str, Any]) -> Text | None:
    """How many lenses of a run read several layers joined; nothing where none does."""
    told = [f"{one['n_lenses']:,} {one['family']} on {one['reads']}" for one in run["lenses"] if len(one["layers"]) > 1]
    return Text(f"{visible(run['run'])}: lenses on layers joined: {visible(', '.join(told))}.") if told else None


def _graduation(run: dict[str, Any]) -> Text:
    """How many concepts of a run graduated, by the rule that was applied last."""
    found = run["graduation"]
    n_left = found["n_concepts"] - found["n_graduated"] - found["n_stopped"]
    going_on = f", {n_left:,} are to get more pairs" if n_left else ""
    return Text(
        f"{visible(run['run'])}: {found['n_graduated']:,} of {found['n_concepts']:,} concepts graduated, "
        f"{found['n_stopped']:,} stopped short of it{going_on}."
    )


def _judges(run: dict[str, Any]) -> list[Table | Text]:
    """What each judge of a run said and cost by its id, which is never shortened, and who these are."""
    width = max(len(visible(judge["id"])) for judge in run["judges"])
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("judge", no_wrap=True, min_width=width)
    for name in ("topics", "ratings", "unscored", "tokens in", "cached", "tokens out", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for judge in run["judges"]:
        n_input, n_cached = judge["n_input_tokens"], judge["n_cache_read_tokens"]
        table.add_row(
            Text(visible(judge["id"])),
            f"{judge['n_topics']:,}",
            f"{judge['n_ratings']:,}",
            f"{judge['n_unscored']:,}",
            f"{n_input:,}",
            f"{n_cached / n_input:.0%}" if n_input else "",
            f"{judge['n_output_tokens']:,}",
            _dollars(judge["cost_usd"], judge["n_unpriced"]),
        )
    told = judge_names({**judge, "parameters": json.dumps(judge["parameters"])} for judge in run["judges"])
    lines = [f"{visible(judge['id'])} is {told[judge['id']]}{_extras(judge)}" for judge in run["judges"]]
    return [Text(f"\nJudges of {visible(run['run'])}", style="italic"), table, Text("\n".join(lines), style="dim")]


def _extras(judge: dict[str, Any]) -> str:
    """What a judge cost beside its votes; empty where it cost nothing."""
    probes = f" + {dollars(judge['probe_usd'])} for finding out what its server can do" if judge["probe_usd"] else ""
    lost = f" + at most {dollars(judge['lost_usd'])} for lost replies" if judge["lost_usd"] else ""
    return f"{probes}{lost}"


def _dollars(cost_usd: float | None, n_unpriced: int) -> str:
    """A sum in dollars; with votes whose price nobody told it is a part, or unknown."""
    if not n_unpriced:
        return dollars(cost_usd or 0)
    return f"{dollars(cost_usd)} + ?" if cost_usd else "unknown"
