"""Put refined lenses into a pack in place of those that they began with.

Which refinements are kept was decided on held-out pairs, and F1 there is one of the two things that decided. So a refined lens
has no F1 that another lens's could be compared with; the manifest tells what it had before and after where that was decided.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import LensPackError
from engine.exchange.lens_pack import PackedLens
from engine.lenses.refine_standing import Variant
from engine.stages.refined_files import KeptLens, read_kept, refined_folder

WHY_NO_F1 = (
    "it is kept because it ranked higher with no lower F1 on the held-out pairs, so its F1 there flatters; variant_f1 and "
    "variant_top1 are what it had before and after"
)


def put_refined(
    study: Path, run_id: str, variant: Variant, lenses: Sequence[PackedLens], sources: Sequence[Path]
) -> tuple[list[PackedLens], list[Path]]:
    """The lenses and their files, refined where a refinement is kept, each of the others with the reason why it is not.

    LensPackError where none of them is refined.
    """
    layers = {lens.layer for lens in lenses if lens.layer is not None}
    kept = {layer: read_kept(refined_folder(study, run_id, layer), variant) for layer in layers}
    found = [kept[lens.layer].get(lens.lens_id or "") if lens.layer is not None else None for lens in lenses]
    if not any(found):
        raise LensPackError(
            f"The run keeps no refinement by {variant} of any lens that is chosen.",
            hint=f"Refine them, and see which are kept: lensgap refine --variant {variant}.",
        )
    described = [
        _refined(lens, one) if one else _as_trained(lens, variant) for lens, one in zip(lenses, found, strict=True)
    ]
    files = [
        refined_folder(study, run_id, lens.layer) / one.file if one and lens.layer is not None else source
        for lens, one, source in zip(lenses, found, sources, strict=True)
    ]
    return described, files


def _refined(lens: PackedLens, one: KeptLens) -> PackedLens:
    return replace(
        without_measures(lens),
        variant=one.variant,
        threshold=one.threshold,
        variant_f1=one.f1,
        variant_top1=one.top1,
        f1_reason=WHY_NO_F1,
    )


def without_measures(lens: PackedLens) -> PackedLens:
    """The lens without what was measured of its own scores; what holds for its pairs stays."""
    return replace(
        lens,
        f1=None,
        f1_low=None,
        f1_high=None,
        precision=None,
        recall=None,
        auc=None,
        average_precision=None,
        shuffled_f1=None,
    )


def _as_trained(lens: PackedLens, variant: Variant) -> PackedLens:
    return replace(lens, variant_reason=f"no refinement of it by {variant} is kept; it is as it was trained")
