"""Lens packs: a folder of lenses with a manifest that says what each of them reads, fires at and is worth.

Two layouts. `native` has one safetensors file a lens, `layer5/gin.safetensors`, 5 being the model's layer, or
`layer3+5/gin.safetensors` for a lens that reads several layers joined in that order. `hatcat` is that of
production lens packs: one PyTorch state dict a concept, `layer2/gin.pt`, 2 being the concept's layer in its concept pack, and all
of them read one layer of the model. We write the same manifest beside both. A production pack that has none is read as well, and
what it does not say is unknown. docs/lens-packs.md describes the format.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from db.rows import Mode, Phase
from engine.errors import LensPackError
from engine.lenses.files import read_plain
from engine.lenses.interface import State
from engine.lenses.state_bytes import decode_state, width_of

FORMAT = "lensgap-lenses/1"
MANIFEST = "manifest.json"
Layout = Literal["native", "hatcat"]
Pool = Literal["mean", "last"]
SUFFIX: dict[Layout, str] = {"native": ".safetensors", "hatcat": ".pt"}
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
FileName = Annotated[str, Field(pattern=r"^layer\d{1,4}(\+\d{1,4})*/[^/\\\x00]+\.(safetensors|pt)$")]
"""A manifest is a stranger's word, and shall not lead out of its folder."""
_NO_FILE_NAME = "it is no name of a lens file in the pack, such as layer5/gin.safetensors"
_PRODUCTION_NAME = re.compile(r"layer(?P<pack_layer>\d{1,4})/(?P<concept>[^/]+)\.pt")


@dataclass(frozen=True, slots=True)
class PackedModel:
    """The subject model whose activations the lenses read; None where the pack does not say."""

    name: str | None
    width: Annotated[int, Field(gt=0)]
    fingerprint: str | None = None
    revision: str | None = None
    dtype: str | None = None
    quantize: Literal["none", "8bit", "4bit"] | None = None
    chat: bool | None = None
    n_layers: int | None = None


@dataclass(frozen=True, slots=True)
class PackedStudy:
    """What the study was when the pack was made: the run with all settings that decide its texts and pairs."""

    run: str
    name: str
    created_at: str
    exported_at: str
    concept_pack: str
    concept_pack_version: str
    concept_pack_hash: str
    template_set: str
    template_hash: str
    n_samples: Count
    n_pairs: Count
    settings: dict[str, Any]
    versions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PackedLens:
    """One lens: its file, what it is for, where it fires, and its measures out of fold beside its baselines.

    It reads `layers`, one or several side by side in that order; `layer` is the one, and none where several are joined. It fires
    where the probability, the logistic of its file's logit, reaches `threshold`. `folded_logit` was taken off the last bias so
    that logit 0 decides; adding it gives the lens as it was trained. `variant` is what was done to it after it was trained, or
    how else it was trained; `f1_reason` then says why it has no F1, or what its F1 is of.
    """

    file: FileName
    concept: str
    layer: Count | None = None
    layers: tuple[Count, ...] = ()
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    threshold_rule: str = "the pack does not say; logit 0"
    folded_logit: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    label: str | None = None
    pack_layer: Count | None = None
    family: str | None = None
    lens_id: str | None = None
    pairs_hash: str | None = None
    n_positive: Count | None = None
    n_negative: Count | None = None
    n_excluded: Count | None = None
    n_groups: Count | None = None
    f1: Share | None = None
    f1_low: Share | None = None
    f1_high: Share | None = None
    precision: Share | None = None
    recall: Share | None = None
    auc: Share | None = None
    average_precision: Share | None = None
    always_positive_f1: Share | None = None
    shuffled_f1: Share | None = None
    text_only_f1: Share | None = None
    length_only_f1: Share | None = None
    trained_at: str | None = None
    sha256: str | None = None
    variant: str | None = None
    variant_reason: str | None = None
    variant_f1: tuple[Share, Share] | None = None
    variant_top1: tuple[Share, Share] | None = None
    f1_reason: str | None = None

    def __post_init__(self) -> None:
        read = self.layers or (() if self.layer is None else (self.layer,))
        if not read or len(set(read)) < len(read):
            raise ValueError("a lens reads one layer, or several that differ")
        if self.layer != (read[0] if len(read) == 1 else None):
            raise ValueError(f"layer {self.layer} and layers {list(read)} contradict each other")
        # Packs of earlier versions name one layer alone.
        object.__setattr__(self, "layers", read)

    @property
    def name(self) -> str:
        """What people call the concept."""
        return self.label or self.concept


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A lens of the run that is not in the pack, and why."""

    concept: str
    layer: int | None
    lens_id: str
    reason: str
    layers: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a pack says of itself; phase, mode and pool are those of the activations that every lens was trained on.

    `variant` is the refinement or the quality filter that was asked for; each lens says whether it is one.
    """

    format: str
    layout: Layout
    model: PackedModel
    phase: Phase | None
    mode: Mode | None
    pool: Pool | None
    lenses: tuple[PackedLens, ...]
    threshold_folded: bool = False
    lensgap: str | None = None
    study: PackedStudy | None = None
    left_out: tuple[LeftOut, ...] = ()
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class LensPack:
    """A pack that was read: every file was there, whole, and a lens of the model's width."""

    folder: Path
    manifest: Manifest

    def read_state(self, lens: PackedLens) -> State:
        """The weights of one lens; they are read when asked for, since a pack may hold more than memory does."""
        return read_lens_file(self.folder / lens.file, sha256=lens.sha256)


def load_lens_pack(folder: Path, *, model_layer: int | None = None) -> LensPack:
    """Read a pack of either layout and check every lens in it; LensPackError names the file that is at fault.

    `model_layer` is the model's layer that the lenses of a pack without a manifest read; such a pack cannot be read without it.
    """
    if not folder.is_dir():
        raise LensPackError(f"{folder} is no folder.", hint="Name a lens pack: lensgap export lens-pack writes one.")
    if (folder / MANIFEST).exists():
        pack = LensPack(folder, _read_manifest(folder / MANIFEST))
    else:
        pack = LensPack(folder, _describe_production(folder, model_layer))
    if not pack.manifest.lenses:
        raise LensPackError(f"{folder} holds no lenses.")
    for lens in pack.manifest.lenses:
        width, n_layers = width_of(pack.read_state(lens)), len(lens.layers)
        if width != pack.manifest.model.width * n_layers:
            times = f" at {n_layers} layers joined" if n_layers > 1 else ""
            raise LensPackError(
                f"{folder / lens.file} is {width} wide, and the pack's model {pack.manifest.model.width}{times}."
            )
    return pack


def read_lens_file(file: Path, *, sha256: str | None = None) -> State:
    """The weights in a lens file, which must have the hash if one is given; LensPackError says what is wrong with it."""
    content = read_plain(file)
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise LensPackError(
            f"{file} is not as it was written: its content does not have the hash that {MANIFEST} names.",
            hint="Export the pack again; a lens that was changed has no known measures.",
        )
    return decode_state(content, suffix=file.suffix, where=str(file))


def _read_manifest(file: Path) -> Manifest:
    content = read_plain(file)
    found = _read_object(content, file)
    if found.get("format") != FORMAT:
        said = str(found.get("format"))[:80]
        raise LensPackError(f"{file} has the format {said!r}, and this version reads {FORMAT!r}.")
    try:
        manifest = TypeAdapter(Manifest).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = _NO_FILE_NAME if first["type"] == "string_pattern_mismatch" else first["msg"]
        raise LensPackError(f"{file} is no manifest of a lens pack: {place}: {said}.") from error
    if any(Path(lens.file).suffix != SUFFIX[manifest.layout] for lens in manifest.lenses):
        raise LensPackError(f"{file} names files that are not {SUFFIX[manifest.layout]} files.")
    return manifest


def _read_object(content: bytes, file: Path) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LensPackError(f"{file} is no JSON file ({error}).") from error
    if not isinstance(found, dict):
        raise LensPackError(f"{file} must hold a JSON object.")
    return found


def _describe_production(folder: Path, model_layer: int | None) -> Manifest:
    """What a production pack without a manifest says by its files' names and its first lens."""
    files = (found.relative_to(folder).as_posix() for found in sorted(folder.glob("layer*/*.pt")))
    names = [name for file in files if (name := _PRODUCTION_NAME.fullmatch(file))]
    if not names:
        raise LensPackError(f"{folder} is no lens pack: it has neither {MANIFEST} nor files such as layer0/Concept.pt.")
    if model_layer is None:
        raise LensPackError(
            f"{folder} has no {MANIFEST} that says which layer of the model its lenses read: name it with --model-layer."
        )
    lenses = tuple(
        PackedLens(file=name[0], concept=name["concept"], layer=model_layer, pack_layer=int(name["pack_layer"]))
        for name in names
    )
    width = width_of(read_lens_file(folder / lenses[0].file))
    return Manifest(FORMAT, "hatcat", PackedModel(None, width), phase=None, mode=None, pool=None, lenses=lenses)
