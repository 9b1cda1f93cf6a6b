"""Loading: what is no model is told in one sentence; the fingerprint belongs to the content."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.subject.encode import encode_prompt, opening_tokens
from engine.subject.generate import generate_batch
from engine.subject.load import Dtype, LoadOptions, fingerprint, load_subject
from engine.subject.sampling import Sampling
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
    with pytest.raises(ModelError, match="not a model folder"):
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


def test_chat_is_detected_and_overridable(llama_folder: Path, tmp_path: Path) -> None:
    plain = load_subject(str(llama_folder), device="cpu")
    folder = build_tiny_model(tmp_path / "instruct", style="llama", chat=True)
    instruct = load_subject(str(folder), device="cpu")
    assert (plain.chat, instruct.chat) == (False, True)
    off = load_subject(str(folder), LoadOptions(chat="off"), device="cpu")
    assert encode_prompt(off, "What is gin?") == encode_prompt(plain, "What is gin?")
    asked = instruct.tokenizer.decode(encode_prompt(instruct, "What is gin?"))
    assert asked == "<|begin|>user: What is gin?<|end|>\nassistant:"
    assert opening_tokens(instruct) == [1]
    with pytest.raises(ModelError, match="no chat template"):
        load_subject(str(llama_folder), LoadOptions(chat="on"), device="cpu")


def test_chat_template_that_cannot_be_filled_in_is_told(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "broken", style="llama", chat="{{ raise_exception('only systems speak') }}")
    with pytest.raises(ModelError, match="only systems speak"):
        encode_prompt(load_subject(str(folder), device="cpu"), "Gin")


def test_model_without_a_padding_token_writes_and_is_captured(tmp_path: Path) -> None:
    subject = load_subject(str(build_tiny_model(tmp_path / "unpadded", style="gpt2", pads=False)), device="cpu")
    assert subject.tokenizer.pad_token_id is None
    sampling = Sampling(1.0, 1.0, max_new_tokens=5)
    together = generate_batch(subject, ["Gin", "What is a ship?"], seeds=[1, 2], sampling=sampling)
    alone = [
        generate_batch(subject, [p], seeds=[s], sampling=sampling)[0] for p, s in (("Gin", 1), ("What is a ship?", 2))
    ]
    assert together == alone


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_weights_have_the_precision_asked_for(llama_folder: Path, dtype: Dtype) -> None:
    subject = load_subject(str(llama_folder), LoadOptions(dtype=dtype), device="cpu")
    assert {str(weight.dtype) for weight in subject.model.parameters()} == {f"torch.{dtype}"}
    [made] = generate_batch(subject, ["Gin"], seeds=[1], sampling=Sampling(1.0, 0.9, max_new_tokens=5))
    assert made.output_ids or made.finish_reason == "stop"


def test_quantising_without_its_package_is_told(llama_folder: Path) -> None:
    with pytest.raises(ModelError, match="bitsandbytes, which is not installed"):
        load_subject(str(llama_folder), LoadOptions(quantize="8bit"), device="cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_device_that_cannot_be_used_is_told(llama_folder: Path, device: str) -> None:
    with pytest.raises(ModelError, match=f'Device "{device}"'):
        load_subject(str(llama_folder), device=device)


CODE = """
import pathlib
pathlib.Path({marker!r}).write_text("ran")
from transformers import LlamaConfig, LlamaForCausalLM
class OwnConfig(LlamaConfig): model_type = "own"
class OwnModel(LlamaForCausalLM): config_class = OwnConfig
"""


def test_code_of_a_model_runs_only_when_it_is_trusted(llama_folder: Path, tmp_path: Path) -> None:
    folder, marker = tmp_path / "own", tmp_path / "marker"
    shutil.copytree(llama_folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))
    with pytest.raises(ModelError, match="trust"):
        load_subject(str(folder), device="cpu")
    assert not marker.exists()
    assert load_subject(str(folder), LoadOptions(trust_remote_code=True), device="cpu").n_layers == 3
    assert marker.exists()
