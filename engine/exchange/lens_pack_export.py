"""Write lenses of a run as a lens pack, whole or not at all.

A pack holds one family, reading one phase in one mode and pool; ours at any of the trained layers, alone or joined, a production
pack at one, since its files are named for their concepts alone. A lens whose F1 is unknown was never fitted; it and those below
the F1 asked for are listed in the manifest with the reason, so that nobody misses them in vain.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
from scipy.special import logit

from db import connect, query
from engine.config import StudyConfig, read_stored_config
from engine.errors import ConfigError, LensPackError, StudyMissing
from engine.exchange.lens_pack import (
    FORMAT,
    MANIFEST,
    SUFFIX,
    Layout,
    Manifest,
    PackedLens,
    PackedModel,
    PackedStudy,
)
from engine.exchange.lens_pack_choice import Candidate, Choice, StudyLens, choose_lenses, choose_threshold
from engine.exchange.lens_pack_filtered import Filtered, fit_filtered_lenses, measure_filtered, settings_of
from engine.exchange.lens_pack_names import file_names
from engine.exchange.lens_pack_refined import put_refined
from engine.exchange.new_folder import new_folder
from engine.lenses.interface import State
from engine.lenses.refine_standing import Variant
from engine.lenses.state_bytes import encode_state, shift_logit, width_of
from engine.stages.lens_rows import lens_file
from engine.stages.progress import now
from engine.stages.refined_files import read_own_lens
from engine.stats.layers import layers_name
from engine.terminal import counted

Json = dict[str, Any]
_ALIKE = tuple({f.name for f in fields(PackedLens)} & {f.name for f in fields(StudyLens)} - {"trained_at", "threshold"})


def export_lens_pack(
    study: Path,
    folder: Path,
    *,
    layout: Layout,
    run_id: str | None = None,
    choice: Choice | None = None,
    fold_threshold: bool = False,
    refined: Variant | None = None,
    filtered: Filtered | None = None,
) -> Manifest:
    """Write the lenses that are chosen of a run (the latest by default) into a new folder, and return its manifest.

    With `fold_threshold` each lens's threshold is taken off its last bias, so that logit 0 decides. With `refined` the lenses
    whose refinement of that kind is kept go in refined, the others as they were trained; with `filtered` all are fitted anew on
    the pairs that a quality filter leaves. StudyMissing without such a run,
    ConfigError for a choice that the run does not offer or the layout cannot hold, LensPackError when no lens is left or the
    folder is not new.
    """
    choice = choice or Choice()
    with connect(study) as cursor:
        run = _run(cursor, study, run_id)
        config = read_stored_config(run["config"])
        # A filter's own F1 decides, which is not known yet.
        at_first = replace(choice, min_f1=None) if filtered else choice
        chosen, left_out = choose_lenses(_candidates(cursor, run), at_first, settings=config)
        if not chosen:
            raise LensPackError(
                f"None of {counted(len(left_out), 'lens', 'lenses')} can go into the pack: {left_out[0].concept} at "
                f"{layers_name(left_out[0].layers)}, for one: {left_out[0].reason}."
            )
        if layout == "hatcat":
            _require_one_layer(chosen)
        values = {"run_id": run["run_id"], "lens_ids": [one.row.lens_id for one in chosen]}
        scored = {row["lens_id"]: row for row in _named(cursor.execute(query("lens_packs.scored_pairs"), values))}
        totals = cursor.execute(query("stages.totals"), {"run_id": run["run_id"]}).fetchone() or (0, 0, 0)
    described = _describe(chosen, scored, layout=layout)
    sources = [lens_file(study, run["run_id"], c.row.layers, c.row.lens_id) for c in chosen]
    if refined:
        described, sources = put_refined(study, run["run_id"], refined, described, sources)
    content: Iterable[tuple[PackedLens, State]] = (
        (lens, read_own_lens(source, variant=lens.variant)) for lens, source in zip(described, sources, strict=True)
    )
    if filtered:
        own = settings_of(config, chosen[0].kind)
        described, too_bad = measure_filtered(study, run["run_id"], own, filtered, described, min_f1=choice.min_f1)
        content = fit_filtered_lenses(study, run["run_id"], own, filtered, described)
        left_out += too_bad
    with new_folder(folder) as scratch:
        lenses, width = _write_lenses(scratch, content, fold=fold_threshold)
        _, phase, mode, pool = chosen[0].kind
        manifest = Manifest(
            format=FORMAT,
            layout=layout,
            model=_model(run, config, width),
            phase=phase,  # type: ignore[arg-type]
            mode=mode,  # type: ignore[arg-type]
            pool=pool,  # type: ignore[arg-type]
            lenses=lenses,
            threshold_folded=fold_threshold,
            lensgap=version("lensgap"),
            study=_study(run, config, n_samples=totals[1], n_pairs=totals[2]),
            left_out=tuple(left_out),
            variant=filtered.how.name if filtered else refined,
        )
        _write_json(scratch / MANIFEST, asdict(manifest))
    return manifest


def _run(cursor: duckdb.DuckDBPyConnection, study: Path, run_id: str | None) -> Json:
    if run_id is None:
        latest = cursor.execute(query("stages.latest_run")).fetchone()
        run_id = str(latest[0]) if latest else ""
    rows = _named(cursor.execute(query("lens_packs.run"), {"run_id": run_id}))
    if not rows:
        raise StudyMissing(
            f"{study} holds no run{f' {run_id}' if run_id else ' yet'}.", hint=f"See its runs: lensgap status {study}."
        )
    return rows[0]


def _named(found: duckdb.DuckDBPyConnection) -> list[Json]:
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _candidates(cursor: duckdb.DuckDBPyConnection, run: Json) -> list[Candidate]:
    rows = _named(cursor.execute(query("lens_packs.lenses"), {"run_id": run["run_id"]}))
    names = [field.name for field in fields(StudyLens)]
    return [
        Candidate(
            StudyLens(**{name: row[name] for name in names} | {"layers": tuple(row["layers"])}),
            row["label"],
            row["pack_layer"],
        )
        for row in rows
    ]


def _require_one_layer(chosen: Sequence[Candidate]) -> None:
    layers = sorted({layer for one in chosen for layer in one.row.layers})
    if any(len(one.row.layers) > 1 for one in chosen):
        raise ConfigError(
            f"The hatcat layout cannot hold lenses that read several layers joined ({'+'.join(map(str, layers))}): name one "
            "layer with --layer, or take the native layout."
        )
    if len(layers) > 1:
        raise ConfigError(
            f"A pack in the hatcat layout reads one layer of the model, and the lenses chosen read layers "
            f"{', '.join(map(str, layers))}: name one with --layer."
        )


def _describe(chosen: Sequence[Candidate], scored: Mapping[str, Json], *, layout: Layout) -> list[PackedLens]:
    """What the manifest says of each lens, but for its content."""
    names = file_names(one.row.concept for one in chosen)
    described = []
    for one in chosen:
        scores = scored[one.row.lens_id]
        threshold, rule = choose_threshold(one.row.family, scores["arms"], scores["probabilities"], one.row.threshold)
        lens = PackedLens(
            file=_file(one, names[one.row.concept], layout=layout),
            threshold=threshold,
            threshold_rule=rule,
            label=one.label,
            pack_layer=one.pack_layer,
            pairs_hash=scores["pairs_hash"],
            trained_at=_time(one.row.trained_at),
            **{name: getattr(one.row, name) for name in _ALIKE},
        )
        described.append(lens)
    return described


def _file(one: Candidate, name: str, *, layout: Layout) -> str:
    folder = "+".join(map(str, one.row.layers)) if layout == "native" else one.pack_layer
    return f"layer{folder}/{name}{SUFFIX[layout]}"


def _write_lenses(
    folder: Path, content: Iterable[tuple[PackedLens, State]], *, fold: bool
) -> tuple[tuple[PackedLens, ...], int]:
    """Write the files one after the other; the lenses with the hashes of their content, and the width that they share."""
    written, widths = [], set[int]()
    for lens, state in content:
        widths.add(width_of(state) // len(lens.layers))
        if fold:
            by = float(logit(lens.threshold))
            state, lens = shift_logit(state, -by), replace(lens, threshold=0.5, folded_logit=by)
        encoded = encode_state(state, suffix=Path(lens.file).suffix)
        (folder / lens.file).parent.mkdir(exist_ok=True)
        (folder / lens.file).write_bytes(encoded)
        written.append(replace(lens, sha256=hashlib.sha256(encoded).hexdigest()))
    if len(widths) != 1:
        raise LensPackError(f"The lenses of the run are of different widths: {', '.join(map(str, sorted(widths)))}.")
    return tuple(written), widths.pop()


def _model(run: Json, config: StudyConfig, width: int) -> PackedModel:
    return PackedModel(
        name=run["model"],
        width=width,
        fingerprint=run["model_fingerprint"],
        revision=config.revision,
        dtype=run["dtype"],
        quantize=config.quantize,
        chat=run["chat"],
        n_layers=run["n_layers"],
    )


def _study(run: Json, config: StudyConfig, *, n_samples: int, n_pairs: int) -> PackedStudy:
    return PackedStudy(
        run=run["run_id"],
        name=run["name"],
        created_at=_time(run["created_at"]),
        exported_at=_time(now()),
        concept_pack=run["pack_name"],
        concept_pack_version=run["pack_version"],
        concept_pack_hash=run["pack_hash"],
        template_set=run["template_set"],
        template_hash=run["template_hash"],
        n_samples=n_samples,
        n_pairs=n_pairs,
        # As a reader of the manifest gets them, with lists for tuples.
        settings=json.loads(json.dumps(config.run_settings())),
        versions=json.loads(run["versions"]),
    )


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _write_json(file: Path, content: Json) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
