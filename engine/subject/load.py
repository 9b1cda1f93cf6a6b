"""Load any causal language model that transformers can load, and say plainly when it cannot.

The fingerprint names the weights by content where they are a folder, and by commit where they come from a hub: it goes
into the run's identity, so the place of the folder does not matter and changed weights start another run.
"""

import hashlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError

if TYPE_CHECKING:
    import torch

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


def load_subject(name: str, *, device: str | None = None) -> Subject:
    """Load 'bundled', a folder or a hub id; ModelError tells in one sentence why it cannot be."""
    import torch

    place = _place(name)
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    model, tokenizer = _read(name, place, dtype=torch.float32 if chosen.type == "cpu" else "auto")
    settings = model.config.get_text_config()
    return Subject(
        name=name,
        fingerprint=fingerprint(name, revision=getattr(model.config, "_commit_hash", None)),
        model=model.to(chosen).eval(),
        tokenizer=tokenizer,
        n_layers=int(settings.num_hidden_layers),
        width=int(settings.hidden_size),
        context=int(getattr(settings, "max_position_embeddings", 2**31)),
        device=chosen,
    )


def _read(name: str, place: str, *, dtype: "torch.dtype | str") -> tuple[Any, Any]:
    """Model and tokenizer; everything that transformers raises for files that are no model becomes a ModelError."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    told = (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError, EOFError)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
        loaded: Any = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, output_loading_info=True)
    except (*told, SafetensorError, StrictDataclassError, pickle.UnpicklingError) as error:
        raise _no_model(name, " ".join(str(error).split()) or type(error).__name__) from error
    model, loading = loaded
    # transformers fills what a file lacks with random numbers, and only warns.
    if missing := sorted(loading["missing_keys"]):
        raise _no_model(name, f"its weights lack {missing[0]} and {len(missing) - 1} more")
    return model, tokenizer


def _no_model(name: str, reason: str) -> ModelError:
    shown = reason if len(reason) <= 300 else f"{reason[:300]} …"
    return ModelError(
        f"{name} cannot be loaded as a causal language model: {shown.rstrip('.!')}.",
        hint="Name a Hugging Face folder with config.json, weights and tokenizer, a hub id, or 'bundled'.",
    )


def fingerprint(name: str, *, revision: str | None = None) -> str:
    """Hash of configuration, tokenizer and weight files of a folder, or the hub id with its commit."""
    place = _place(name)
    if not Path(place).is_dir():
        return f"{name}@{revision or _hub_revision(name)}"
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


def _hub_revision(name: str) -> str:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{name} is no folder, and the model hub gives no model of that name: {str(error).strip().splitlines()[0]}",
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
            f"{name} is no model folder: it has no config.json.",
            hint="Name a Hugging Face folder with config.json, weights and tokenizer, a hub id, or 'bundled'.",
        )
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{config} cannot be read as JSON ({error}).") from error
    if not isinstance(content, dict):
        raise ModelError(f"{config} must hold a JSON object.")
    return str(folder.expanduser())
