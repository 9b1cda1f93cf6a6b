"""`lensgap export` and `lensgap score`: what a lens pack says of new texts is what plain transformers and torch say."""

import json
import shutil
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from db import connect, insert, transaction
from db.rows import RatingRow
from engine.exchange.lens_pack import load_lens_pack
from engine.lenses.files import load_lens
from engine.lenses.folds import join_groups
from engine.lenses.interface import State, linear_state, predict_logit
from engine.lenses.registry import FAMILIES
from engine.pipeline import run
from engine.stages.lens_rows import store_lens
from engine.stages.progress import now
from engine.stages.refined_files import refined_folder, write_list
from engine.stages.training_sets import load_training_set
from tests.support.command import Command, Outcome
from tests.support.lensed_study import CONCEPTS, LAYERS, study_config
from tests.support.tiny_models import build_tiny_model

TEXTS = ("Gin is a clear spirit.", "Tell me about ships that sail the sea, and of houses.", "A sword")


@pytest.fixture(scope="module")
def study(lensed_study: Path) -> Path:
    return lensed_study


@pytest.fixture
def pack(study: Path, tmp_path: Path, lensgap: Command) -> Path:
    """A pack of linear lenses at both layers."""
    folder = tmp_path / "packed"
    assert lensgap("export", "lens-pack", study, "--out", folder, "--family", "logistic").status == 0
    return folder


def is_told(outcome: Outcome) -> bool:
    """Exit status 1, nothing on stdout, one sentence on stderr."""
    said = outcome.stderr.strip()
    is_one = len(said.splitlines()) == 1 and said.endswith((".", "?")) and "Traceback" not in said
    return outcome.status == 1 and outcome.stdout == "" and is_one


def probabilities(text: dict[str, Any]) -> dict[tuple[str, int], float]:
    return {(score["concept"], score["layer"]): score["probability"] for score in text["scores"]}


def test_a_pack_is_written_and_named(study: Path, tmp_path: Path, lensgap: Command) -> None:
    for layout, layers, told, file in (
        ("native", [], "10 logistic lenses of 5 concepts, layers 0, 2; 0 left out", "layer0/Gin"),
        ("hatcat", ["--layer", "2"], "5 logistic lenses of 5 concepts, layer 2; 0 left out", "layer1/"),
    ):
        found = lensgap("export", "lens-pack", study, "--out", tmp_path / layout, "--layout", layout, *layers)
        assert found.status == 0, found.stderr
        assert found.stdout == f"{tmp_path / layout}\n"
        assert told in found.stderr
        assert any(one.file.startswith(file) for one in load_lens_pack(tmp_path / layout).manifest.lenses)


def keep_refined(study: Path, concept: str) -> tuple[str, State]:
    """Keep a refinement of a linear lens at layer 2 that turns it into another; the lens's id and the other's weights."""
    with connect(study) as cursor:
        [(run_id, lens_id)] = cursor.execute(
            "select run_id, lens_id from lenses where concept = $concept and layers = [2] and family = 'logistic'",
            {"concept": concept},
        ).fetchall()
    folder = refined_folder(study, run_id, 2)
    state = linear_state(np.linspace(-1, 1, 32), 0.25)
    store_lens(state, folder / f"{lens_id}-ridge.safetensors")
    told = {"concept": concept, "lens_id": lens_id, "variant": "ridge", "file": f"{lens_id}-ridge.safetensors"}
    told |= {"threshold": 0.4, "top1": [0.5, 0.75], "f1": [0.6, 0.625]}
    write_list(folder, [told], measured={lens_id}, variants=["ridge"])
    return lens_id, state


def test_kept_refinements_go_into_a_pack_the_others_as_they_were_and_are_scored(
    study: Path, tmp_path: Path, lensgap: Command
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    asked = ("export", "lens-pack", copied, "--layer", "2", "--layout", "hatcat", "--refined", "ridge")
    nothing = lensgap(*asked, "--out", tmp_path / "none")
    assert is_told(nothing), nothing
    assert "lensgap refine" in nothing.stderr
    lens_id, state = keep_refined(copied, "gin")
    made = lensgap(*asked, "--out", tmp_path / "pack")
    assert made.status == 0, made.stderr
    assert "5 concepts, layer 2, 1 of them refined by ridge; 0 left out" in made.stderr
    pack, plain = load_lens_pack(tmp_path / "pack"), {}
    assert pack.manifest.variant == "ridge"
    X = np.random.default_rng(0).normal(size=(20, 32))
    for lens in pack.manifest.lenses:
        [file] = copied.glob(f"lenses/*/layer2/{lens.lens_id}.safetensors")
        ours = state if lens.lens_id == lens_id else load_lens(file).state()
        np.testing.assert_allclose(predict_logit(pack.read_state(lens), X), predict_logit(ours, X), rtol=0, atol=1e-5)
        plain[lens.concept] = (lens.variant, lens.f1 is None, lens.f1_reason is None, lens.variant_reason is None)
    as_trained, refined = (None, False, True, False), ("ridge", True, False, True)
    assert plain == {concept: refined if concept == "gin" else as_trained for concept in CONCEPTS}
    [gin] = [lens for lens in pack.manifest.lenses if lens.concept == "gin"]
    assert (gin.threshold, gin.variant_top1, gin.variant_f1) == (0.4, (0.5, 0.75), (0.6, 0.625))
    scored = json.loads(lensgap("score", tmp_path / "pack", "gin", "--concept", "gin", "--json").stdout)
    [score] = scored["texts"][0]["scores"]
    assert score["fires"] == (score["probability"] >= 0.4)
    assert score["f1"] is None


def rate_all(study: Path) -> dict[tuple[str, str], int]:
    """Have a person rate every pair; ratings by concept and sample."""
    with connect(study) as cursor:
        pairs = cursor.execute("select run_id, concept, sample_id, position from pairs order by all").fetchall()
    ratings = {(concept, sample): 1 + at % 5 for _, concept, sample, at in pairs}
    with transaction(study) as cursor:
        rows = [
            RatingRow(f"r{i}", run, c, s, "ann", "override", ratings[c, s], None, None, False, None, now())
            for i, (run, c, s, _) in enumerate(pairs)
        ]
        insert(cursor, rows)
    return ratings


def test_lenses_of_a_filter_are_fits_on_what_it_leaves_with_the_f1_that_was_measured_of_it(
    study: Path, llama_folder: Path, tmp_path: Path, lensgap: Command
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    ratings = rate_all(copied)
    asked = ("export", "lens-pack", copied, "--filter", "verdict>=3", "--out", tmp_path / "pack")
    several = lensgap(*asked)
    assert is_told(several), several
    made = lensgap(*asked, "--layer", "2")
    assert made.status == 0, made.stderr
    assert "layer 2, filter verdict>=3" in made.stderr
    [told] = json.loads(lensgap("filter", copied, "--variant", "verdict>=3", "--json").stdout)
    pack = load_lens_pack(tmp_path / "pack")
    config = study_config(llama_folder, study.parent / "pack")
    assert {lens.concept for lens in pack.manifest.lenses} == {
        c for c, one in told["concepts"].items() if not one["reason"]
    }
    assert len(pack.manifest.lenses) + len(pack.manifest.left_out) == len(CONCEPTS)
    for lens in pack.manifest.lenses:
        data = load_training_set(
            copied, next((copied / "lenses").iterdir()).name, config, concept=lens.concept, layer=2
        )
        kept = np.array(
            [
                arm == 0 or ratings[lens.concept, sample] >= 3
                for arm, sample in zip(data.y, data.sample_ids, strict=True)
            ]
        )
        groups = join_groups(data.templates, data.texts)
        ours = FAMILIES["logistic"].fit(data.X[kept], data.y[kept], groups=groups[kept], seed=config.seed)
        found = predict_logit(pack.read_state(lens), data.X)
        np.testing.assert_allclose(found, predict_logit(ours.state(), data.X), rtol=0, atol=1e-5)
        assert 0 < (lens.n_positive or 0) == data.y[kept].sum() < data.y.sum()
        f1 = told["concepts"][lens.concept]["measures"]["f1"]
        assert (lens.f1, lens.variant_f1) == (f1["after"], (f1["before"], f1["after"]))
        assert (lens.f1_low, lens.precision, lens.lens_id, lens.variant) == (None, None, None, "verdict>=3")
    assert lensgap("score", tmp_path / "pack", "gin", "--json").status == 0
    nothing = lensgap(*asked[:-1], tmp_path / "none", "--layer", "2", "--min-f1", "1")
    assert is_told(nothing), nothing


@pytest.mark.parametrize("damage", ["file", "list"])
def test_a_damaged_refinement_is_told_and_no_pack_is_written(
    study: Path, tmp_path: Path, lensgap: Command, damage: str
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    keep_refined(copied, "gin")
    [listed] = copied.glob("lenses/*/refined/layer2/refined.json")
    if damage == "file":
        next(listed.parent.glob("*.safetensors")).write_bytes(b"no lens")
    else:
        listed.write_text(listed.read_text().replace("-ridge.safetensors", "/../../x.safetensors"))
    told = lensgap("export", "lens-pack", copied, "--layer", "2", "--refined", "ridge", "--out", tmp_path / "pack")
    assert is_told(told), told
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--run", "nowhere"], "nowhere"),
        (["--family", "sun"], "sun"),
        (["--layer", "1"], "layer 1"),
        (["--concept", "rum"], "rum"),
        (["--min-f1", "1"], "None of"),
        (["--layout", "hatcat"], "layers 0, 2: name one with --layer."),
        (["--layout", "hatcat", "--layer", "2", "--layer", "0"], "layers 0, 2: name one with --layer."),
    ],
)
def test_what_cannot_be_exported_is_told(
    study: Path, tmp_path: Path, lensgap: Command, arguments: list[str], named: str
) -> None:
    found = lensgap("export", "lens-pack", study, "--out", tmp_path / "out", *arguments)
    assert is_told(found), found
    assert named in found.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_study_is_told(tmp_path: Path, lensgap: Command) -> None:
    assert is_told(lensgap("export", "lens-pack", tmp_path / "nothing", "--out", tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["export"],
        ["export", "lens-pack"],
        ["export", "lens-pack", "s", "--out", "o", "--layout", "flat"],
        ["score"],
        ["score", "p"],
    ],
)
def test_wrong_usage_ends_with_two(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lensgap(*arguments).status == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("layout", "layers"), [("native", LAYERS), ("hatcat", (0,))])
@pytest.mark.parametrize("family", ["logistic", "mlp-study"])
def test_scores_are_those_of_plain_transformers_and_torch(
    study: Path, tmp_path: Path, llama_folder: Path, lensgap: Command, layout: str, layers: Any, family: str
) -> None:
    folder = tmp_path / "packed"
    named = [word for layer in layers for word in ("--layer", str(layer))]
    lensgap("export", "lens-pack", study, "--out", folder, "--layout", layout, "--family", family, *named)
    found = lensgap("score", folder, *TEXTS, "--json")
    assert found.status == 0, found.stderr
    scored = json.loads(found.stdout)
    assert [text["text"] for text in scored["texts"]] == list(TEXTS)
    pack = load_lens_pack(folder)
    for text in scored["texts"]:
        assert set(probabilities(text)) == {(concept, layer) for concept in CONCEPTS for layer in layers}
        X = mean_residual(llama_folder, text["text"], layer=0)
        for lens in pack.manifest.lenses:
            if lens.layer == 0:
                expected = 1 / (1 + np.exp(-predict_logit(pack.read_state(lens), X[None])[0]))
                assert probabilities(text)[lens.concept, 0] == pytest.approx(expected, abs=1e-5)
        assert all(score["fires"] == (score["probability"] >= score["threshold"]) for score in text["scores"])
        said = [score["probability"] for score in text["scores"]]
        assert said == sorted(said, reverse=True)


def mean_residual(model_folder: Path, text: str, *, layer: int, prompt: str = "") -> np.ndarray[Any, Any]:
    """The mean residual over a text's own tokens, after the prompt's, by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).eval()
    before, own = tokenizer(prompt)["input_ids"], tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        states = model(input_ids=torch.tensor([[*before, *own]]), output_hidden_states=True).hidden_states
    return np.asarray(states[layer + 1][0, len(before) :].mean(dim=0))


def test_after_a_prompt_only_the_text_is_pooled(llama_folder: Path, pack: Path, lensgap: Command) -> None:
    prompt = "What is gin?"
    found = lensgap("score", pack, *TEXTS, "--prompt", prompt, "--layer", "0", "--json")
    assert "Caution" not in found.stderr
    loaded = load_lens_pack(pack)
    for text in json.loads(found.stdout)["texts"]:
        X = mean_residual(llama_folder, text["text"], layer=0, prompt=prompt)[None]
        expected = {
            lens.concept: predict_logit(loaded.read_state(lens), X)[0]
            for lens in loaded.manifest.lenses
            if lens.layer == 0
        }
        assert {score["concept"]: score["logit"] for score in text["scores"]} == pytest.approx(expected, abs=1e-4)


def test_a_text_alone_is_told_to_be_another_mode(pack: Path, lensgap: Command) -> None:
    alone, after = lensgap("score", pack, "gin", "--json"), lensgap("score", pack, "gin", "--prompt", "What?", "--json")
    assert "output_only" in alone.stderr
    assert "Caution" in alone.stderr
    told = json.loads(alone.stdout)
    assert (told["mode"], told["trained_mode"]) == ("output_only", "in_context")
    assert any("--prompt" in caution for caution in told["cautions"])
    assert json.loads(after.stdout)["mode"] == "in_context"
    assert json.loads(after.stdout)["cautions"] == []
    assert probabilities(json.loads(after.stdout)["texts"][0]) != probabilities(told["texts"][0])


def test_lenses_of_the_prompt_phase_and_of_last_tokens_read_what_they_were_trained_on(
    study: Path, llama_folder: Path, tmp_path: Path, lensgap: Command
) -> None:
    copied = Path(shutil.copytree(study, tmp_path / "study"))
    changes = {"phase": "prompt", "pool": "last", "lenses": ("logistic",), "layers": (2,)}
    config = study_config(llama_folder, study.parent / "pack", **changes)
    run_id = run(copied, config, only=("train",), quiet=True).run_id
    folder = tmp_path / "packed"
    assert lensgap("export", "lens-pack", copied, "--out", folder, "--phase", "prompt").status == 0
    loaded = load_lens_pack(folder)
    assert (loaded.manifest.phase, loaded.manifest.pool) == ("prompt", "last")
    data = load_training_set(copied, run_id, config, concept="gin", layer=2)
    with connect(copied) as cursor:
        prompts = dict(cursor.execute("select sample_id, prompt from prompts").fetchall())
    [lens] = [one for one in loaded.manifest.lenses if one.concept == "gin"]
    expected = predict_logit(loaded.read_state(lens), data.X)
    found = lensgap("score", folder, *[prompts[sample] for sample in data.sample_ids], "--concept", "gin", "--json")
    scored = json.loads(found.stdout)
    assert scored["cautions"] == []
    logits = [text["scores"][0]["logit"] for text in scored["texts"]]
    np.testing.assert_allclose(logits, expected, atol=0.02)
    assert is_told(lensgap("score", folder, "gin", "--prompt", "What?"))


def test_a_model_of_another_width_or_depth_is_refused(pack: Path, tmp_path: Path, lensgap: Command) -> None:
    wide = lensgap("score", pack, "gin", "--model", "bundled")
    assert is_told(wide), wide
    assert all(word in wide.stderr for word in ("32", "256", "--model"))
    shallow = lensgap(
        "score", pack, "gin", "--model", build_tiny_model(tmp_path / "shallow", style="llama", n_layers=2)
    )
    assert is_told(shallow), shallow
    assert "layers 0 to 1" in shallow.stderr


def test_another_model_of_the_same_width_is_told_and_scored(pack: Path, gpt2_folder: Path, lensgap: Command) -> None:
    found = lensgap("score", pack, "gin", "--prompt", "What?", "--model", gpt2_folder, "--json")
    assert found.status == 0, found.stderr
    [caution] = json.loads(found.stdout)["cautions"]
    assert "fingerprint" in caution
    assert caution in found.stderr


def test_a_model_that_is_gone_is_told(pack: Path, tmp_path: Path, lensgap: Command) -> None:
    found = lensgap("score", pack, "gin", "--model", tmp_path / "nowhere")
    assert is_told(found), found


def test_texts_come_from_a_file_or_from_standard_input(
    pack: Path, tmp_path: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.txt").write_bytes("\ufeffgin\r\n\n  \nschöner Wein\n".encode())
    found = json.loads(lensgap("score", pack, "first", "--file", tmp_path / "texts.txt", "--json").stdout)
    assert [text["text"] for text in found["texts"]] == ["first", "gin", "schöner Wein"]
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"rum\n")))
    found = json.loads(lensgap("score", pack, "--file", "-", "--json").stdout)
    assert [text["text"] for text in found["texts"]] == ["rum"]


@pytest.mark.parametrize("content", [None, b"gin \xff rum"])
def test_a_file_that_holds_no_text_is_told(pack: Path, tmp_path: Path, lensgap: Command, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "texts.txt").write_bytes(content)
    found = lensgap("score", pack, "--file", tmp_path / "texts.txt")
    assert is_told(found), found
    assert "texts.txt" in found.stderr


def test_a_text_without_tokens_is_unscored_and_a_long_one_is_cut(pack: Path, lensgap: Command) -> None:
    long = "gin and vodka " * 90
    found = lensgap("score", pack, "", long, "gin", "--json")
    scored = json.loads(found.stdout)
    empty, cut, plain = scored["texts"]
    assert (empty["scores"], empty["reason"]) == ([], "the text has no tokens")
    # The model's context is 96, and one opening token stands first.
    assert cut["n_tokens"] - cut["n_tokens_cut"] == 95
    assert plain["n_tokens_cut"] == 0
    assert len(cut["scores"]) == len(plain["scores"]) == 10
    assert any("cut" in caution for caution in scored["cautions"])
    assert is_told(lensgap("score", pack, "gin", "--prompt", long))
    # An empty text is a text, also where it is the only one.
    alone = lensgap("score", pack, "")
    assert alone.status == 0, alone.stderr
    assert "the text has no tokens" in alone.stdout


def test_a_text_scores_alike_in_any_company(pack: Path, lensgap: Command) -> None:
    together = json.loads(lensgap("score", pack, *TEXTS, "--json").stdout)["texts"]
    for text in together:
        [alone] = json.loads(lensgap("score", pack, text["text"], "--json").stdout)["texts"]
        for key, probability in probabilities(text).items():
            assert probabilities(alone)[key] == pytest.approx(probability, abs=1e-5)


def test_the_table_shows_the_strongest_and_no_control_of_a_text(pack: Path, lensgap: Command) -> None:
    found = lensgap("score", pack, "gin\x1b[31m[red]rum[/red]", "--top", "2")
    assert found.status == 0, found.stderr
    assert r"gin\x1b[31m[red]rum[/red]" in found.stdout
    assert "\x1b" not in found.stdout
    shown = [concept for concept in CONCEPTS if f"\n{concept} " in found.stdout]
    assert len(shown) == 2
    assert "3 more concepts" in found.stdout
    assert "layer 0" in found.stdout
    assert "layer 2" in found.stdout


def test_concepts_and_layers_narrow_the_scores(pack: Path, lensgap: Command) -> None:
    found = lensgap("score", pack, "gin", "--concept", "../up", "--layer", "2", "--json")
    assert set(probabilities(json.loads(found.stdout)["texts"][0])) == {("../up", 2)}
    assert is_told(lensgap("score", pack, "gin", "--concept", "rum"))
    assert is_told(lensgap("score", pack, "gin", "--layer", "1"))


def test_a_production_pack_alone_is_scored_with_what_is_unknown_told(
    study: Path, llama_folder: Path, tmp_path: Path, lensgap: Command
) -> None:
    folder = tmp_path / "packed"
    lensgap(
        "export", "lens-pack", study, "--out", folder, "--layout", "hatcat", "--layer", "2", "--family", "mlp-study"
    )
    whole = json.loads(lensgap("score", folder, "gin", "--json").stdout)
    (folder / "manifest.json").unlink()
    no_layer = lensgap("score", folder, "gin", "--model", llama_folder)
    assert is_told(no_layer), no_layer
    assert "--model-layer" in no_layer.stderr
    assert is_told(lensgap("score", folder, "gin", "--model-layer", "2"))
    bare = lensgap("score", folder, "gin", "--model-layer", "2", "--model", llama_folder, "--json")
    assert bare.status == 0, bare.stderr
    scored = json.loads(bare.stdout)
    assert len(scored["cautions"]) == 2
    # Names that no file can have are not told without the manifest.
    logits = sorted(score["logit"] for score in scored["texts"][0]["scores"])
    np.testing.assert_allclose(logits, sorted(score["logit"] for score in whole["texts"][0]["scores"]), atol=1e-6)


def test_a_folder_that_is_no_pack_is_told(tmp_path: Path, lensgap: Command) -> None:
    assert is_told(lensgap("score", tmp_path / "nowhere", "gin"))
    (tmp_path / "empty").mkdir()
    assert is_told(lensgap("score", tmp_path / "empty", "gin"))
