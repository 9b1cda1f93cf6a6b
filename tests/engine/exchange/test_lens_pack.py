"""A lens pack holds the study's lenses to the last bit, is whole or not there, and a damaged one is told in one sentence."""

import errno
import hashlib
import io
import json
import math
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from scipy.special import expit
from torch import nn

from db import connect, query
from engine.config import change_config, read_stored_config
from engine.errors import ConfigError, LensPackError, StudyFull, StudyMissing
from engine.exchange import lens_pack_choice, lens_pack_export
from engine.exchange.lens_pack import LensPack, PackedLens, load_lens_pack
from engine.exchange.lens_pack_choice import Choice, choose_threshold
from engine.exchange.lens_pack_export import export_lens_pack
from engine.exchange.lens_pack_names import file_names
from engine.exchange.report import build_report
from engine.lenses.files import load_lens
from engine.lenses.interface import State, predict_logit
from engine.lenses.state_bytes import decode_state, encode_state, shift_logit, width_of
from engine.stages.progress import progress_bars
from engine.stages.stage import run_stage
from engine.stages.train import training
from engine.stages.training_sets import load_training_set
from tests.support.lensed_study import CONCEPTS, FAMILIES, LAYERS, PACK_LAYER, study_config

LAYOUTS = ("native", "hatcat")
PACKED_LAYERS = {"native": LAYERS, "hatcat": (2,)}
Edit = Callable[[Path], object]


@pytest.fixture(scope="module")
def study(lensed_study: Path) -> Path:
    return lensed_study


@pytest.fixture(scope="module")
def packs(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], LensPack]:
    """A pack of each layout and family, with all lenses that the layout holds."""
    folder = tmp_path_factory.mktemp("packs")
    found = {}
    for layout in LAYOUTS:
        for family in FAMILIES:
            made = folder / f"{layout}-{family}"
            choice = Choice(family=family, layers=PACKED_LAYERS[layout])
            export_lens_pack(study, made, layout=layout, choice=choice)  # type: ignore[arg-type]
            found[layout, family] = load_lens_pack(made)
    return found


def activations(study: Path, lens: PackedLens) -> np.ndarray[Any, Any]:
    """The stored activations that the lens was trained on."""
    config = study_config(Path("unused"), Path("unused"))
    run_id = next((study / "lenses").iterdir()).name
    return load_training_set(study, run_id, config, concept=lens.concept, layer=lens.layer).X


def study_state(study: Path, lens: PackedLens) -> State:
    [file] = (study / "lenses").glob(f"*/layer{lens.layer}/{lens.lens_id}.safetensors")
    return load_lens(file).state()


def plain_torch(state: dict[str, torch.Tensor]) -> nn.Module:
    """The module that the format's description gives, built from a state dict alone."""
    module = nn.Module()
    if "linear.weight" in state:
        module.linear = nn.Linear(state["linear.weight"].shape[1], 1)
    else:
        names = ["net.1", "net.4", "net.7"] if "net.7.weight" in state else ["net.0", "net.3", "net.6"]
        (h, d), (k, _) = state[f"{names[0]}.weight"].shape, state[f"{names[1]}.weight"].shape
        layers = [
            nn.Linear(d, h),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(h, k),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(k, 1),
        ]
        module.net = nn.Sequential(*([nn.LayerNorm(d)] if len(state) == 8 else []), *layers)
    module.load_state_dict(state)
    return module.eval()


def torch_logit(state: dict[str, torch.Tensor], X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    module = plain_torch(state)
    with torch.inference_mode():
        layers: Any = module.linear if "linear.weight" in state else module.net
        return np.asarray(layers(torch.from_numpy(np.asarray(X, dtype=np.float32)))[:, 0])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_exported_logits_are_those_of_the_study(
    study: Path, packs: dict[tuple[str, str], LensPack], layout: str, family: str
) -> None:
    pack = packs[layout, family]
    packed = {(lens.concept, lens.layer) for lens in pack.manifest.lenses}
    assert packed == {(concept, layer) for concept in CONCEPTS for layer in PACKED_LAYERS[layout]}
    for lens in pack.manifest.lenses:
        X = activations(study, lens)
        ours = predict_logit(study_state(study, lens), X)
        assert np.ptp(ours) > 0
        np.testing.assert_allclose(predict_logit(pack.read_state(lens), X), ours, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_torch_gives_the_same_logits(study: Path, packs: dict[tuple[str, str], LensPack], family: str) -> None:
    pack = packs["hatcat", family]
    for lens in pack.manifest.lenses:
        X = activations(study, lens)
        state = torch.load(pack.folder / lens.file, weights_only=True)
        assert type(state) is dict
        assert all(type(value) is torch.Tensor and value.dtype == torch.float32 for value in state.values())
        np.testing.assert_allclose(
            torch_logit(state, X), predict_logit(study_state(study, lens), X), rtol=1e-5, atol=1e-5
        )


def test_both_layouts_say_the_same_of_their_lenses(packs: dict[tuple[str, str], LensPack]) -> None:
    def told(layout: str) -> dict[Any, Any]:
        own = ("file", "sha256")
        lenses = packs[layout, "logistic"].manifest.lenses
        return {
            lens.lens_id: {name: getattr(lens, name) for name in PackedLens.__slots__ if name not in own}
            for lens in lenses
        }

    native, hatcat = told("native"), told("hatcat")
    assert hatcat == {lens_id: said for lens_id, said in native.items() if said["layer"] == 2}


def test_the_manifest_holds_what_the_study_measured(study: Path, packs: dict[tuple[str, str], LensPack]) -> None:
    names = (
        "f1",
        "f1_low",
        "f1_high",
        "precision",
        "recall",
        "auc",
        "always_positive_f1",
        "shuffled_f1",
        "text_only_f1",
    )
    pack = packs["native", "mlp-study"]
    with connect(study) as cursor:
        rows = cursor.execute(
            "select lens_id, concept, layer, n_positive, * from lens_results where family = 'mlp-study'"
        )
        columns = [column[0] for column in rows.description]
        stored = {row[0]: dict(zip(columns, row, strict=True)) for row in rows.fetchall()}
        [(fingerprint, run_id)] = cursor.execute("select model_fingerprint, run_id from runs").fetchall()
    assert {lens.lens_id for lens in pack.manifest.lenses} == set(stored)
    for lens in pack.manifest.lenses:
        row = stored[lens.lens_id]
        assert (lens.concept, lens.layer, lens.n_positive) == (row["concept"], row["layer"], row["n_positive"])
        assert [getattr(lens, name) for name in names] == [row[name] for name in names]
        assert lens.pack_layer == PACK_LAYER[lens.concept]
    told = pack.manifest
    assert told.study
    assert (told.model.fingerprint, told.study.run) == (fingerprint, run_id)
    assert (told.phase, told.mode, told.pool) == ("output", "in_context", "mean")
    assert (told.model.width, told.model.n_layers, told.model.dtype) == (32, 3, "float32")


def test_the_pairs_hash_is_that_of_the_documented_lines(study: Path, packs: dict[tuple[str, str], LensPack]) -> None:
    with connect(study) as cursor:
        rows = cursor.execute(
            "select p.concept, p.sample_id, p.arm, s.output from pairs p join samples s on s.sample_id = p.sample_id "
            "join activations a on a.sample_id = p.sample_id "
            "where a.phase = 'output' and a.layer = 0 and a.shard is not null"
        ).fetchall()
    for lens in packs["native", "logistic"].manifest.lenses:
        lines = sorted(
            f"{sample} {arm} {hashlib.md5(text.encode()).hexdigest()}"
            for concept, sample, arm, text in rows
            if concept == lens.concept
        )
        assert lens.pairs_hash == hashlib.md5("\n".join(lines).encode()).hexdigest()


def test_production_files_are_the_names_of_concepts_under_their_pack_layers(
    packs: dict[tuple[str, str], LensPack],
) -> None:
    lenses = packs["hatcat", "logistic"].manifest.lenses
    names = file_names(CONCEPTS)
    assert {lens.file for lens in lenses} == {f"layer{PACK_LAYER[c]}/{names[c]}.pt" for c in CONCEPTS}


@pytest.mark.parametrize("choice", [Choice(), Choice(layers=LAYERS), Choice(concepts=("con",))])
def test_a_production_pack_of_several_layers_is_refused(study: Path, tmp_path: Path, choice: Choice) -> None:
    with pytest.raises(ConfigError, match=r"layers 0, 2: name one with --layer\.$"):
        export_lens_pack(study, tmp_path / "out" / "pack", layout="hatcat", choice=choice)
    assert not (tmp_path / "out").exists()


def forget_f1(cursor: duckdb.DuckDBPyConnection, which: str) -> None:
    cursor.execute(
        "update lens_measures set value = null, low = null, high = null, reason = 'one arm only' "
        f"where measure = 'f1' and lens_id in (select lens_id from lenses where {which})"
    )


def test_a_production_pack_needs_no_layer_named_where_one_is_left(study: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    with connect(copied) as cursor:
        forget_f1(cursor, "layers = [0]")
    made = export_lens_pack(copied, tmp_path / "pack", layout="hatcat")
    assert {lens.layer for lens in made.lenses} == {2}
    assert {lens.layer for lens in made.left_out} == {0}


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds are chosen however few pairs there are, as for lenses that were stored without one."""
    monkeypatch.setattr(lens_pack_choice, "THRESHOLD_ROWS", 2)
    monkeypatch.setattr(lens_pack_export, "choose_threshold", lambda *asked: choose_threshold(*asked[:3]))


@pytest.mark.usefixtures("few_are_enough")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folded_threshold_decides_alike_at_logit_0(study: Path, tmp_path: Path, layout: Any) -> None:
    choice = Choice(family="logistic", layers=PACKED_LAYERS[layout])
    plain = export_lens_pack(study, tmp_path / "plain", layout=layout, choice=choice)
    folded = export_lens_pack(study, tmp_path / "folded", layout=layout, choice=choice, fold_threshold=True)
    assert folded.threshold_folded
    assert not plain.threshold_folded
    assert len({lens.threshold for lens in plain.lenses}) > 1
    as_measured, shifted = load_lens_pack(tmp_path / "plain"), load_lens_pack(tmp_path / "folded")
    for before, after in zip(plain.lenses, folded.lenses, strict=True):
        X = activations(study, before)
        ours, theirs = predict_logit(as_measured.read_state(before), X), predict_logit(shifted.read_state(after), X)
        assert after.threshold == 0.5
        np.testing.assert_allclose(theirs + after.folded_logit, ours, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(theirs >= 0, expit(ours) >= before.threshold)


probabilities = st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 0.99)), min_size=60, max_size=90)


@given(probabilities)
def test_a_chosen_threshold_has_the_best_f1(scored: list[tuple[int, float]]) -> None:
    arms, said = [arm for arm, _ in scored], [p for _, p in scored]
    threshold, rule = choose_threshold("logistic", arms, said)
    assert "best F1" in rule
    # Firing on everything is the always-positive baseline and no candidate.
    cuts = [0.5, *sorted(set(said))[1:]]
    assert f1_at(threshold, scored) >= max(f1_at(cut, scored) for cut in cuts) - 1e-9


def f1_at(threshold: float, scored: list[tuple[int, float]]) -> float:
    hits = sum(arm and p >= threshold for arm, p in scored)
    return 2 * hits / max(sum(p >= threshold for _, p in scored) + sum(arm for arm, _ in scored), 1)


def test_a_threshold_stays_neutral_where_it_cannot_be_chosen() -> None:
    arms, said = [0, 1] * 40, [0.1, 0.3] * 40
    assert choose_threshold("logistic", arms[:58], said[:58])[0] == 0.5
    assert choose_threshold("mlp-study", arms, said)[0] == 0.5
    assert choose_threshold("of a later version", arms, said)[0] == 0.5
    assert choose_threshold("logistic", arms, said)[0] == pytest.approx(0.2)
    assert choose_threshold("logistic", arms, said, 0.3) == (0.3, choose_threshold("logistic", arms, said)[1])


def test_lenses_below_the_f1_asked_for_are_left_out_with_the_reason(study: Path, tmp_path: Path) -> None:
    everything = export_lens_pack(study, tmp_path / "all", layout="native")
    bound = sorted(lens.f1 or 0 for lens in everything.lenses)[len(everything.lenses) // 2]
    made = export_lens_pack(study, tmp_path / "good", layout="native", choice=Choice(min_f1=bound))
    assert {lens.lens_id for lens in made.lenses} == {x.lens_id for x in everything.lenses if (x.f1 or 0) >= bound}
    assert {lens.lens_id for lens in made.left_out} == {x.lens_id for x in everything.lenses if (x.f1 or 0) < bound}
    assert made.left_out
    assert all(f"below {bound:g}" in lens.reason for lens in made.left_out)
    assert load_lens_pack(tmp_path / "good").manifest == made


def test_a_lens_without_an_f1_is_left_out_with_its_reason(study: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    with connect(copied) as cursor:
        forget_f1(cursor, "concept = 'gin' and layers = [0]")
    made = export_lens_pack(copied, tmp_path / "pack", layout="native")
    assert [(lens.concept, lens.layer, lens.reason) for lens in made.left_out] == [("gin", 0, "one arm only")]
    with connect(copied) as cursor:
        forget_f1(cursor, "true")
    with pytest.raises(LensPackError, match="one arm only"):
        export_lens_pack(copied, tmp_path / "none", layout="native")
    assert not (tmp_path / "none").exists()


def train_gin_otherwise(study: Path, *, folds: int) -> str:
    """Train gin's lens anew with other folds than the run's; returns its id."""
    with connect(study) as cursor:
        [(run_id, stored)] = cursor.execute("select run_id, config from runs").fetchall()
        config = change_config(read_stored_config(stored), {"folds": folds, "lenses": ["logistic"]})
    own, trial = (
        training(study, run_id, one, layers=[0], concepts=["gin"]) for one in (read_stored_config(stored), config)
    )
    assert own.last_word
    assert trial.last_word
    assert own.last_word() is None
    assert f"trial (folds {folds} instead of 3)" in str(trial.last_word())
    with progress_bars(quiet=True) as bar:
        assert run_stage(study, run_id, trial, bar) == 1
    with connect(study) as cursor:
        [(latest,)] = cursor.execute("select arg_max(lens_id, trained_at) from lenses").fetchall()
    return str(latest)


def copy_lens(study: Path, lens_id: str, *, called: str, days: int) -> None:
    """Put a lens into the study again, as if it had been trained so many days later."""
    with connect(study) as cursor:
        cursor.execute(
            "insert into lenses select * replace ($new as lens_id, trained_at + to_days($days) as trained_at) "
            "from lenses where lens_id = $old",
            {"new": called, "days": days, "old": lens_id},
        )
        for table in ("lens_measures", "lens_scores"):
            cursor.execute(
                f"insert into {table} select * replace ($new as lens_id) from {table} where lens_id = $old",
                {"new": called, "old": lens_id},
            )
    [file] = study.glob(f"lenses/*/layer0/{lens_id}.safetensors")
    shutil.copy(file, file.with_name(f"{called}.safetensors"))


def test_of_a_lens_trained_again_the_latest_that_is_validated_as_the_run_says_stands_for_it(
    study: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    with connect(copied) as cursor:
        [(run_id, first)] = cursor.execute(
            "select run_id, lens_id from lenses where concept = 'gin' and layers = [0] and family = 'logistic'"
        ).fetchall()
    choice = Choice(concepts=("gin",), layers=(0,))

    def shown() -> str:
        """The lens in the pack, which is that of the report and the dashboard, too."""
        folder = tmp_path / f"pack{len(list(tmp_path.iterdir()))}"
        [lens] = export_lens_pack(copied, folder, layout="native", choice=choice).lenses
        with connect(copied) as cursor:
            rows = cursor.execute(query("findings.lenses"), {"run_id": run_id, "concept": "gin"}).fetchall()
        assert [row[20] for row in rows if (row[1], row[2]) == ("logistic", [0])] == [lens.lens_id]
        return str(lens.lens_id)

    trial = train_gin_otherwise(copied, folds=2)
    assert shown() == first
    copy_lens(copied, first, called="earlier", days=-1)
    copy_lens(copied, first, called="later", days=1)
    assert shown() == "later"
    # Of earlier versions' lenses nobody wrote how they were validated; they stand between.
    with connect(copied) as cursor:
        forget = "update lens_measures set method = split_part(method, '; validation', 1) where lens_id = "
        cursor.execute(f"{forget} 'later'")
    assert shown() == first
    copy_lens(copied, trial, called="later trial", days=2)
    with connect(copied) as cursor:
        cursor.execute(f"{forget} $lens_id or lens_id = 'earlier'", {"lens_id": first})
    assert shown() == "later"
    with connect(copied) as cursor:
        cursor.execute("update lens_measures set method = method || '; validation otherwise' where measure = 'f1'")
    assert shown() == "later trial"


def test_concepts_and_layers_narrow_a_pack(study: Path, tmp_path: Path) -> None:
    choice = Choice(layers=(2,), concepts=("gin", "../up"))
    made = export_lens_pack(study, tmp_path / "pack", layout="native", choice=choice)
    assert {(lens.concept, lens.layer) for lens in made.lenses} == {("gin", 2), ("../up", 2)}


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        (Choice(layers=(1,)), "layer 1"),
        (Choice(concepts=("rum",)), '"rum"'),
        (Choice(family="sun"), "sun"),
        (Choice(phase="prompt"), "prompt"),
        (Choice(pool="last"), "last"),
    ],
)
def test_a_choice_that_the_run_does_not_offer_is_told(study: Path, tmp_path: Path, choice: Choice, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        export_lens_pack(study, tmp_path / "pack", layout="native", choice=choice)
    assert not (tmp_path / "pack").exists()


def test_a_run_that_is_not_there_is_told(study: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyMissing, match="nowhere"):
        export_lens_pack(study, tmp_path / "pack", layout="native", run_id="nowhere")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_stay_in_the_pack_and_apart_whatever_concepts_are_called(
    packs: dict[tuple[str, str], LensPack], layout: str
) -> None:
    pack = packs[layout, "logistic"]
    folder = pack.folder.resolve()
    written = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    files = [lens.file for lens in pack.manifest.lenses]
    assert written == {*files, "manifest.json"}
    assert len({file.lower() for file in files}) == len(files)
    stems = {Path(file).name.split(".")[0].lower() for file in files}
    assert not stems & {"con", "gin"}


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), max_size=8))
def test_file_names_are_safe_and_apart(concepts: list[str]) -> None:
    names = file_names([*concepts, *(concept.swapcase() for concept in concepts)])
    assert len({name.lower() for name in names.values()}) == len(names)
    for name in names.values():
        assert name.isascii()
        assert 0 < len(name) <= 80
        assert not set(name) & set('/\\.:*?"<>|\0\n')
        assert name == name.strip()
        assert name.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


def test_plain_names_stand_as_they_are() -> None:
    plain = ["gin", "MedicalClinic", "claw hammer", "iron (golf club)", "C", "x_1"]
    assert file_names(plain) == {name: name for name in plain}
    hashed = next(iter(file_names(["a.b"]).values()))
    assert file_names([hashed, "a.b"])[hashed] != hashed


@pytest.mark.parametrize("there", ["a file", "a folder with a file"])
def test_nothing_is_overwritten(study: Path, tmp_path: Path, there: str) -> None:
    target = tmp_path / "pack"
    if there == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").write_text("mine")
    with pytest.raises(LensPackError, match="exists already"):
        export_lens_pack(study, target, layout="native")
    assert (target if there == "a file" else target / "mine").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_empty_folder_is_filled(study: Path, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    made = export_lens_pack(study, tmp_path / "pack", layout="native")
    assert load_lens_pack(tmp_path / "pack").manifest == made


def test_a_pack_that_cannot_be_finished_leaves_nothing(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    last = sorted(copied.glob("lenses/*/layer2/*"))
    for file in last:
        file.unlink()
    with pytest.raises(LensPackError, match="is missing"):
        export_lens_pack(copied, tmp_path / "out" / "pack", layout="native")
    assert not list((tmp_path / "out").iterdir())

    def full(_file: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StudyFull, match="No space left"):
        export_lens_pack(study, tmp_path / "out" / "pack", layout="native")
    assert not list((tmp_path / "out").iterdir())


def state(d: int = 4, **changes: Any) -> State:
    rng = np.random.default_rng(0)
    shapes = {"net.0": (3, d), "net.3": (2, 3), "net.6": (1, 2)}
    weights = {f"{name}.weight": rng.normal(size=shape) for name, shape in shapes.items()}
    return weights | {f"{name}.bias": rng.normal(size=shape[0]) for name, shape in shapes.items()} | changes


def normalised_state(d: int = 6) -> State:
    rng = np.random.default_rng(1)
    shapes = {"net.1": (5, d), "net.4": (3, 5), "net.7": (1, 3)}
    found: State = {"net.0.weight": rng.normal(size=d), "net.0.bias": rng.normal(size=d)}
    for name, shape in shapes.items():
        found |= {f"{name}.weight": rng.normal(size=shape), f"{name}.bias": rng.normal(size=shape[0])}
    return found


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize(
    "given_state", [state(), normalised_state(), {"linear.weight": np.ones((1, 3)), "linear.bias": np.ones(1)}]
)
def test_every_form_of_lens_comes_back(given_state: State, suffix: str) -> None:
    found = decode_state(encode_state(given_state, suffix=suffix), suffix=suffix, where="file")
    assert found.keys() == given_state.keys()
    for name, values in given_state.items():
        np.testing.assert_array_equal(found[name], values.astype(np.float32))
    X = np.random.default_rng(2).normal(size=(7, width_of(given_state)), scale=9) + 3
    as_torch = {name: torch.from_numpy(values.astype(np.float32)) for name, values in given_state.items()}
    np.testing.assert_allclose(predict_logit(found, X), torch_logit(as_torch, X), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(predict_logit(shift_logit(found, 2.5), X), predict_logit(found, X) + 2.5, atol=1e-12)


class Planted:
    """A pickled object whose loading would leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def torch_bytes(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def tensors(**changes: Any) -> dict[str, Any]:
    """A lens of three layers and width 32 as tensors, with some replaced."""
    found = {name: torch.from_numpy(values.astype(np.float32)) for name, values in state(32).items()}
    return found | {name.replace("__", "."): value for name, value in changes.items()}


class Vast:
    """A pickled object that asks for more memory than there is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (10**15,)


def compressed(content: bytes) -> bytes:
    """The same archive, deflated."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    return packed.getvalue()


TORCH_FAULTS: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "torn": lambda _: torch_bytes(tensors())[:900],
    "no PyTorch file": lambda _: b"gin" * 99,
    "a pickled class": lambda mark: torch_bytes(tensors() | {"net.0.weight": Planted(mark)}),
    "a bare pickle": lambda mark: pickle.dumps(Planted(mark)),
    "a list": lambda _: torch_bytes([1, 2]),
    "a module's dict in a dict": lambda _: torch_bytes({"state_dict": tensors()}),
    "unknown keys": lambda _: torch_bytes(tensors(net__9__weight=torch.ones(1))),
    "a key missing": lambda _: torch_bytes({k: v for k, v in tensors().items() if k != "net.6.bias"}),
    "keys that break the line": lambda _: torch_bytes({"net\n.0\x1b[31m": torch.ones(1)}),
    "keys that are no text": lambda _: torch_bytes({1: torch.ones(1)}),
    "a number for a tensor": lambda _: torch_bytes(tensors(net__6__bias=1.0)),
    "whole numbers": lambda _: torch_bytes(tensors(net__6__bias=torch.ones(1, dtype=torch.int64))),
    "sparse": lambda _: torch_bytes(tensors(net__3__weight=torch.eye(3)[:2].to_sparse())),
    "a tensor of no size": lambda _: torch_bytes(tensors(net__0__weight=torch.ones(3, 0))),
    "layers that do not fit": lambda _: torch_bytes(tensors(net__3__weight=torch.ones(2, 4))),
    "two logits": lambda _: torch_bytes(tensors(net__6__weight=torch.ones(2, 2), net__6__bias=torch.ones(2))),
    "a vector for a matrix": lambda _: torch_bytes(tensors(net__0__weight=torch.ones(32))),
    "NaN": lambda _: torch_bytes(tensors(net__6__bias=torch.tensor([math.nan]))),
    "infinity": lambda _: torch_bytes(tensors(net__0__weight=torch.full((3, 32), math.inf))),
    "a small file of a huge tensor": lambda _: torch_bytes(tensors(net__0__weight=torch.ones(1).expand(2**20, 2**20))),
    "another width": lambda _: torch_bytes(tensors(net__0__weight=torch.ones(3, 31))),
    "numbers that only double precision holds": lambda _: torch_bytes(
        tensors(net__0__weight=torch.full((3, 32), 1e308, dtype=torch.float64))
    ),
    "a tensor without numbers": lambda _: torch_bytes(tensors(net__0__weight=torch.ones(3, 32, device="meta"))),
    "numbers of four bits": lambda _: torch_bytes(
        tensors(net__0__weight=torch.zeros(3, 32, dtype=torch.uint8).view(torch.float4_e2m1fn_x2))
    ),
    "nested": lambda _: torch_bytes(tensors(net__6__bias=torch.nested.nested_tensor([torch.ones(1)]))),
    "more memory than there is": lambda _: torch_bytes(tensors(net__6__bias=Vast())),
    "a small file that unpacks to a large one": lambda _: compressed(
        torch_bytes(tensors(net__0__weight=torch.zeros(3, 2**16)))
    ),
}


def replace_lens(folder: Path, content: bytes) -> Path:
    """Put other bytes in the place of a pack's second lens, with a manifest that knows them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    lens = manifest["lenses"][1]
    (folder / lens["file"]).write_bytes(content)
    lens["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / str(lens["file"])


def assert_told(error: LensPackError, *named: object) -> None:
    said = str(error)
    assert all(str(one) in said for one in named), said
    assert len(said.splitlines()) == 1
    assert said.endswith(".")
    assert len(said) < 700


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("fault", TORCH_FAULTS)
def test_a_production_file_that_is_no_lens_is_told_and_never_run(
    packs: dict[tuple[str, str], LensPack], tmp_path: Path, fault: str
) -> None:
    folder = Path(shutil.copytree(packs["hatcat", "mlp-study"].folder, tmp_path / "pack"))
    file = replace_lens(folder, TORCH_FAULTS[fault](tmp_path / "mark"))
    with pytest.raises(LensPackError) as told:
        load_lens_pack(folder)
    assert_told(told.value, file)
    assert not (tmp_path / "mark").exists()


SAFETENSORS_FAULTS = {
    "empty": b"",
    "torn": save({"linear.weight": np.ones((1, 32), np.float32), "linear.bias": np.ones(1, np.float32)})[:-3],
    "a huge header": (2**40).to_bytes(8, "little") + b"{}",
    "unknown keys": save({"weight": np.ones((1, 32), np.float32)}),
    "no tensors": save({}),
    "NaN": save({"linear.weight": np.full((1, 32), np.nan, np.float32), "linear.bias": np.ones(1, np.float32)}),
    "whole numbers": save({"linear.weight": np.ones((1, 32), np.int32), "linear.bias": np.ones(1, np.float32)}),
    "two logits": save({"linear.weight": np.ones((2, 32), np.float32), "linear.bias": np.ones(2, np.float32)}),
    "another width": save({"linear.weight": np.ones((1, 8), np.float32), "linear.bias": np.ones(1, np.float32)}),
}


@pytest.mark.parametrize("fault", SAFETENSORS_FAULTS)
def test_a_native_file_that_is_no_lens_is_told(
    packs: dict[tuple[str, str], LensPack], tmp_path: Path, fault: str
) -> None:
    folder = Path(shutil.copytree(packs["native", "logistic"].folder, tmp_path / "pack"))
    file = replace_lens(folder, SAFETENSORS_FAULTS[fault])
    with pytest.raises(LensPackError) as told:
        load_lens_pack(folder)
    assert_told(told.value, file)


def edit_manifest(**changes: Any) -> Edit:
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))

    return edit


def edit_lens(**changes: Any) -> Edit:
    def edit(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["lenses"][0] |= changes
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return edit


def write_manifest(content: bytes) -> Edit:
    return lambda folder: (folder / "manifest.json").write_bytes(content)


def pipe(file: Path) -> None:
    os.mkfifo(file)
    edit_lens(file=f"{file.parent.name}/{file.name}")(file.parent.parent)


PACK_FAULTS: dict[str, tuple[Edit, str]] = {
    "no folder": (shutil.rmtree, "is no folder"),
    "nothing in it": (lambda folder: (shutil.rmtree(folder), folder.mkdir()), "neither manifest.json nor"),
    "half a manifest": (write_manifest(b'{"format": "lensgap'), "is no JSON"),
    "no UTF-8": (write_manifest(b"\xff\xfe\x00gin"), "is no JSON"),
    "deep brackets": (write_manifest(b"[" * 100_000), "is no JSON"),
    "a list": (write_manifest(b"[]"), "JSON object"),
    "a later format": (edit_manifest(format="lensgap-lenses/2"), "lensgap-lenses/2"),
    "no lenses": (edit_manifest(lenses=[]), "no lenses"),
    "another layout": (edit_manifest(layout="hatcat"), ".pt"),
    "an unknown layout": (edit_manifest(layout="flat"), "layout"),
    "a width of nothing": (edit_manifest(model={"name": "m", "width": 0}), "model.width"),
    "a width of words": (edit_manifest(model={"name": "m", "width": "wide"}), "model.width"),
    "another model's width": (edit_manifest(model={"name": "m", "width": 64}), "64"),
    "a way out of the folder": (edit_lens(file="../../etc/passwd.safetensors"), "no name of a lens file in the pack"),
    "an absolute file": (edit_lens(file="/layer0/x.safetensors"), "lenses.0.file"),
    "a NUL in a file's name": (edit_lens(file="layer0/\0.safetensors"), "lenses.0.file"),
    "a file that is not there": (edit_lens(file="layer0/nothing.safetensors"), "is missing"),
    "a threshold of 1": (edit_lens(threshold=1), "lenses.0.threshold"),
    "a threshold that is no number": (edit_lens(threshold=math.nan), "lenses.0.threshold"),
    "a negative layer": (edit_lens(layer=-1), "lenses.0.layer"),
    "another hash": (edit_lens(sha256="0" * 64), "is not as it was written"),
    "a pipe without an end": (lambda folder: pipe(folder / "layer0/pipe.safetensors"), "is no plain file"),
}


@pytest.mark.parametrize("fault", PACK_FAULTS)
def test_a_pack_with_a_fault_is_told(packs: dict[tuple[str, str], LensPack], tmp_path: Path, fault: str) -> None:
    folder = Path(shutil.copytree(packs["native", "logistic"].folder, tmp_path / "pack"))
    edit, named = PACK_FAULTS[fault]
    edit(folder)
    with pytest.raises(LensPackError) as told:
        load_lens_pack(folder)
    assert_told(told.value, folder, named)


WHOLE = {suffix: encode_state(state(), suffix=suffix) for suffix in (".pt", ".safetensors")}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_bytes_are_a_lens_or_told(suffix: str, data: st.DataObject) -> None:
    whole = WHOLE[suffix]
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for place in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=4)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    try:
        found = decode_state(bytes(content), suffix=suffix, where="a file")
    except LensPackError as error:
        assert_told(error, "a file")
    else:
        assert np.isfinite(predict_logit(found, np.zeros((2, width_of(found))))).all()


def production_pack(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(torch_bytes(tensors()))
    return folder


def test_a_production_pack_without_a_manifest_is_read(tmp_path: Path) -> None:
    folder = production_pack(tmp_path / "pack", "layer1/Gin.pt", "layer4/St. Louis.pt")
    pack = load_lens_pack(folder, model_layer=3)
    told = [(lens.concept, lens.pack_layer, lens.layer, lens.f1) for lens in pack.manifest.lenses]
    assert told == [("Gin", 1, 3, None), ("St. Louis", 4, 3, None)]
    assert (pack.manifest.model.name, pack.manifest.model.width) == (None, 32)
    assert (pack.manifest.phase, pack.manifest.mode, pack.manifest.pool, pack.manifest.study) == (None,) * 4


def test_a_pack_without_a_manifest_asks_for_the_models_layer(tmp_path: Path) -> None:
    folder = production_pack(tmp_path / "pack", "layer1/Gin.pt")
    with pytest.raises(LensPackError) as told:
        load_lens_pack(folder)
    assert_told(told.value, folder, "manifest.json", "--model-layer")
    assert load_lens_pack(folder, model_layer=0).manifest.lenses[0].layer == 0


@pytest.mark.parametrize("name", ["Gin.pt", "layer1/Gin.bin", "layerx/Gin.pt", "layer1/deep/Gin.pt"])
def test_files_outside_the_layout_make_no_pack(tmp_path: Path, name: str) -> None:
    folder = production_pack(tmp_path / "pack", name)
    with pytest.raises(LensPackError, match="is no lens pack"):
        load_lens_pack(folder, model_layer=0)


def test_an_exported_production_pack_is_read_without_its_manifest(
    packs: dict[tuple[str, str], LensPack], tmp_path: Path
) -> None:
    whole = packs["hatcat", "mlp-study"]
    folder = Path(shutil.copytree(whole.folder, tmp_path / "pack"))
    (folder / "manifest.json").unlink()
    found = load_lens_pack(folder, model_layer=2)
    places = {lens.file: (lens.layer, lens.pack_layer) for lens in found.manifest.lenses}
    assert places == {lens.file: (lens.layer, lens.pack_layer) for lens in whole.manifest.lenses}


OTHER_SETTINGS = [("prompt", "in_context", "mean"), ("output", "output_only", "mean"), ("output", "in_context", "last")]


@pytest.mark.parametrize("other", OTHER_SETTINGS)
def test_lenses_of_other_settings_that_were_trained_later_are_not_the_runs_own(
    study: Path, tmp_path: Path, other: tuple[str, str, str]
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    before = build_report(copied)
    train_later(copied, *other)
    after = build_report(copied)
    assert before["overall"]["lens"]["mean_f1"] not in (None, 1.0)
    assert (after["overall"]["lens"], after["lens"]) == (before["overall"]["lens"], before["lens"])
    assert [one["lens"] for one in after["concepts"]] == [one["lens"] for one in before["concepts"]]
    plain = export_lens_pack(copied, tmp_path / "plain", layout="native")
    untouched = export_lens_pack(study, tmp_path / "untouched", layout="native")
    assert (plain.phase, plain.mode, plain.pool) == ("output", "in_context", "mean")
    assert {lens.lens_id for lens in plain.lenses} == {lens.lens_id for lens in untouched.lenses}


def test_where_none_is_of_the_runs_settings_the_nearest_are_reported(study: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    train_later(copied, "prompt", "in_context", "mean")
    train_later(copied, "output", "output_only", "mean", f1=0.25)
    with connect(copied) as cursor:
        cursor.execute(
            """update runs set config = json_merge_patch(config, '{"pool": "last", "mode": "output_only"}')"""
        )
    assert build_report(copied)["overall"]["lens"]["mean_f1"] == 0.25


def train_later(study: Path, phase: str, mode: str, pool: str, f1: float = 1.0) -> None:
    """Copies of the study's lenses under other settings, a year younger and with another F1."""
    named = f"lens_id || '-{phase}-{mode}-{pool}'"
    with connect(study) as cursor:
        own = "phase = 'output' and mode = 'in_context' and pool = 'mean'"
        cursor.execute(
            f"insert into lenses select l.* replace ({named} as lens_id, '{phase}' as phase, '{mode}' as mode, "
            f"'{pool}' as pool, trained_at + interval 1 year as trained_at) from lenses l where {own}"
        )
        cursor.execute(
            f"insert into lens_measures select {named}, 'f1', {f1}, {f1}, {f1}, 12, null, 'planted' from lenses where {own}"
        )
