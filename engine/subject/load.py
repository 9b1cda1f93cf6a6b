"""Load any causal language model that transformers can load, and say plainly when it cannot.

The fingerprint names the weights by content where they are a folder, and by commit where they come from a hub: it goes
into the run's identity, so the place of the folder does not matter and changed weights start another run.
"""

import hashlib
import importlib.util
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.config import StudyConfig
from engine.errors import ModelError

if TYPE_CHECKING:
    import torch

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantize = Literal["none", "8bit", "4bit"]
Chat = Literal["auto", "on", "off"]
WHOLE_FILE = 64 * 2**20
BUNDLED = Path(__file__).parent.parent / "bundled" / "subject-model"


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded model in evaluation mode with its tokenizer; `context` is its longest sequence in tokens."""

    name: str
    fingerprint: str
    model: Any
    tokenizer: Any
    n_layers: int
    width: int
    context: int
    device: "torch.device"
    chat: bool = False


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is loaded: `dtype` auto is float32 on a CPU and the checkpoint's elsewhere; `chat` auto asks the tokenizer."""

    device: str | None = None
    device_map: str | None = None
    dtype: Dtype = "auto"
    quantize: Quantize = "none"
    revision: str | None = None
    trust_remote_code: bool = False
    chat: Chat = "auto"


def load_options(config: StudyConfig) -> LoadOptions:
    """The settings that say how the subject model is loaded."""
    return LoadOptions(
        device=config.device,
        device_map=config.device_map,
        dtype=config.dtype,
        quantize=config.quantize,
        revision=config.revision,
        trust_remote_code=config.trust_remote_code,
        chat=config.chat,
    )


def load_subject(name: str, options: LoadOptions | None = None, *, device: str | None = None) -> Subject:
    """Load 'bundled', a folder or a hub id; ModelError tells in one sentence why it cannot be."""
    options = options or LoadOptions()
    place, chosen = _place(name), find_device(device or options.device)
    model, tokenizer = _read(name, place, options, chosen)
    settings = model.config.get_text_config()
    if options.device_map is None and options.quantize == "none":
        model = model.to(chosen)
    return Subject(
        name=name,
        fingerprint=fingerprint(name, options, commit=getattr(model.config, "_commit_hash", None)),
        model=model.eval(),
        tokenizer=tokenizer,
        n_layers=int(settings.num_hidden_layers),
        width=int(settings.hidden_size),
        context=int(getattr(settings, "max_position_embeddings", 2**31)),
        device=model.get_input_embeddings().weight.device,
        chat=_asks_in_chat(name, tokenizer, options.chat),
    )


def find_device(name: str | None) -> "torch.device":
    """The device of that name, or the first GPU, else the CPU; ModelError when it cannot be used."""
    import torch

    try:
        chosen = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise ModelError(f'Device "{name}" cannot be used: {said}.', hint="Name cpu, cuda, cuda:1 or mps.") from error
    return chosen


def _asks_in_chat(name: str, tokenizer: Any, chat: Chat) -> bool:
    """Whether prompts go through the tokenizer's chat template: an instruct model that gets plain text writes another text."""
    has_template = bool(getattr(tokenizer, "chat_template", None))
    if chat == "on" and not has_template:
        raise ModelError(f"{name} has no chat template.", hint="Use plain prompts instead: --chat off.")
    return has_template and chat != "off"


def _quantization(options: LoadOptions) -> Any:
    """The quantisation that transformers shall load with, or None."""
    if options.quantize == "none":
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"Loading in {options.quantize} needs the package bitsandbytes, which is not installed.",
            hint="Install it (pip install bitsandbytes accelerate), or use --quantize none.",
        )
    from transformers import BitsAndBytesConfig

    bits = options.quantize
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_8bit=bits == "8bit", load_in_4bit=bits == "4bit"
    )


def load_tokenizer(name: str, options: LoadOptions | None = None) -> Any:
    """The tokenizer alone, without its model's weights; ModelError tells in one sentence why it cannot be loaded."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    place = _place(name)
    with _telling(name):
        return AutoTokenizer.from_pretrained(place, **_hub(options or LoadOptions()))


def precision(options: LoadOptions, device: "torch.device") -> Dtype:
    """The precision to load in: float32 on a CPU unless another is asked for; auto is the checkpoint's own."""
    return "float32" if options.dtype == "auto" and device.type == "cpu" else options.dtype


def _hub(options: LoadOptions) -> dict[str, Any]:
    return {"revision": options.revision, "trust_remote_code": options.trust_remote_code}


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """Turns everything that transformers raises for files that are no model into a ModelError."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    told = (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError, EOFError)
    try:
        yield
    except (*told, SafetensorError, StrictDataclassError, pickle.UnpicklingError) as error:
        raise _no_model(name, " ".join(str(error).split()) or type(error).__name__) from error


def _read(name: str, place: str, options: LoadOptions, device: "torch.device") -> tuple[Any, Any]:
    """Model and tokenizer of a place."""
    from transformers import AutoModelForCausalLM

    placed = options.device_map or ({"": device} if options.quantize != "none" else None)
    more = {"quantization_config": _quantization(options), "device_map": placed}
    given = {key: value for key, value in more.items() if value is not None}
    tokenizer = load_tokenizer(name, options)
    dtype = precision(options, device)
    with _telling(name):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            place, dtype=dtype, output_loading_info=True, **_hub(options), **given
        )
    model, loading = loaded
    # transformers fills what a file lacks with random numbers, and only warns.
    if missing := sorted(loading["missing_keys"]):
        raise _no_model(name, f"its weights lack {missing[0]} and {len(missing) - 1} more")
    return model, tokenizer


def _no_model(name: str, reason: str) -> ModelError:
    if "trust_remote_code" in reason or "custom code" in reason:
        return ModelError(
            f"{name} comes with its own code, which is run only if you trust it.",
            hint="Read the code, then: --trust-remote-code.",
        )
    shown = reason if len(reason) <= 300 else f"{reason[:300]} …"
    return ModelError(
        f"{name} cannot be loaded as a causal language model: {shown.rstrip('.!')}.",
        hint="Name a Hugging Face folder with config.json, weights and tokenizer, a hub id, or 'bundled'.",
    )


def fingerprint(name: str, options: LoadOptions | None = None, *, commit: str | None = None) -> str:
    """Hash of configuration, tokenizer and weight files of a folder, or the hub id with its commit."""
    place = _place(name)
    if not Path(place).is_dir():
        return f"{name}@{commit or _hub_commit(name, options or LoadOptions())}"
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(Path(place).iterdir()):
        if file.suffix in {".json", ".safetensors", ".bin", ".model", ".jinja"}:
            digest.update(file.name.encode())
            _hash_file(digest, file)
    return digest.hexdigest()


def _hash_file(digest: "hashlib.blake2b", file: Path) -> None:
    """Small files whole; of a large weight file its size, header and end, since reading 16 GB at each start is no use."""
    size = file.stat().st_size
    digest.update(str(size).encode())
    with file.open("rb") as stream:
        if size <= WHOLE_FILE:
            digest.update(stream.read())
            return
        digest.update(stream.read(WHOLE_FILE // 2))
        stream.seek(-WHOLE_FILE // 2, 2)
        digest.update(stream.read())


def _hub_commit(name: str, options: LoadOptions) -> str:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(
            name, revision=options.revision, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            (
                f"{name} is not a folder, and the model hub has no model of that name: "
                f"{str(error).strip().splitlines()[0]}"
            ),
            hint="Name a Hugging Face folder, a hub id that this machine can reach, or 'bundled'.",
        ) from error
    return str(getattr(config, "_commit_hash", None) or "unknown")


def _place(name: str) -> str:
    """Where transformers shall look; refuses a path that exists but holds no model, and one that does not exist."""
    if name == "bundled":
        return str(BUNDLED)
    folder = Path(name)
    looks_like_path = name.startswith((".", "/", "~")) or folder.exists() or name.count("/") > 1
    if not looks_like_path:
        return name
    config = folder.expanduser() / "config.json"
    if not config.is_file():
        raise ModelError(
            f"{name} is not a model folder: it has no config.json.",
            hint="Name a Hugging Face folder with config.json, weights and tokenizer, a hub id, or 'bundled'.",
        )
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{config} cannot be read as JSON ({error}).") from error
    if not isinstance(content, dict):
        raise ModelError(f"{config} must hold a JSON object.")
    return str(folder.expanduser())
