"""Loading: what is no model is told in one sentence; the fingerprint belongs to the content."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.subject.load import fingerprint, load_subject
from tests.support.tiny_models import build_tiny_model


def configure(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


def write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def halve(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return change


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "half a config": (halve("config.json"), "config.json"),
    "config is a list": (write("config.json", b"[]"), "config.json"),
    "config not UTF-8": (write("config.json", b'{"a": "\xff"}'), "config.json"),
    "empty config": (write("config.json", b"{}"), "model_type"),
    "unknown architecture": (configure(model_type="nope"), "nope"),
    "no causal language model": (configure(model_type="t5", architectures=["T5Model"]), "causal"),
    "width is a text": (configure(hidden_size="wide"), "hidden_size"),
    "weights missing": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    "half of the weights": (halve("model.safetensors"), "header"),
    "weights are junk": (write("model.safetensors", b"junk"), "header"),
    "weights of fewer layers": (configure(num_hidden_layers=5), "lack model.layers"),
    "weights of another width": (configure(intermediate_size=64), "mismatched"),
    "no tokenizer": (lambda folder: [file.unlink() for file in folder.glob("token*")], "tokenizer"),
    "half a tokenizer": (halve("tokenizer.json"), "causal language model"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_folder_that_is_no_model_is_told_in_one_sentence(llama_folder: Path, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(llama_folder, folder)
    change, named = FAULTS[fault]
    change(folder)
    with pytest.raises(ModelError) as told:
        load_subject(str(folder), device="cpu")
    assert named in str(told.value)
    assert str(folder) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_path_that_does_not_exist_is_told_without_asking_the_hub(name: str) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        fingerprint(name)


def test_unreachable_hub_id_is_told() -> None:
    with pytest.raises(ModelError, match="hub"):
        fingerprint("nobody/no-such-model")


def test_fingerprint_belongs_to_the_content_and_not_to_the_place(llama_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.copytree(llama_folder, folder)
    assert fingerprint(str(folder)) == fingerprint(str(llama_folder))
    (folder / "README.md").write_text("A card is no weight.")
    assert fingerprint(str(folder)) == fingerprint(str(llama_folder))
    build_tiny_model(folder, style="llama", seed=1)
    assert fingerprint(str(folder)) != fingerprint(str(llama_folder))
