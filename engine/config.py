"""Every setting of a study, with its default, in one frozen object; the command line and study.toml are read from it.

Settings marked `decides="run"` decide texts, pairs or activations: their hash is the run's identity, so that changing one
starts another run beside the first. The others (judge, lenses, layers) add rows to the same run.
"""

import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from engine.errors import ConfigError

# Part of a run's identity: the same settings under another way of planning are another run.
PLAN_VERSION = 2
STEPS_RISE = "steps must be numbers of pairs that rise, from 2 on."


def _setting(default: Any, text: str, *, decides: Literal["run", "work"] = "work", **bounds: float) -> Any:
    return field(default=default, metadata={"help": text, "decides": decides, **bounds})


def _run(default: Any, text: str, **bounds: float) -> Any:
    return _setting(default, text, decides="run", **bounds)


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """Settings of one run; construct it directly, or with `read_config` from a TOML file and flags."""

    model: str = _run("bundled", "Subject model: 'bundled', a Hugging Face folder, or a hub id.")
    revision: str | None = _run(None, "Commit, tag or branch of a model from a hub.")
    trust_remote_code: bool = _run(False, "Run code that comes with a model from a hub or folder.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = _run(
        "auto", "Precision of the weights; auto is float32 on a CPU, else the model's own."
    )
    quantize: Literal["none", "8bit", "4bit"] = _run("none", "Load the weights quantised, with bitsandbytes.")
    chat: Literal["auto", "on", "off"] = _run("auto", "Use the model's chat template; auto: if it has one.")
    device: str | None = _setting(None, "Device of the model, such as cpu or cuda:1; by default a GPU if available.")
    device_map: str | None = _setting(None, "How to spread the model over devices, such as auto; needs accelerate.")
    pack: str = _run("starter", "Concept pack: 'starter' or a folder.")
    pack_layer: int | None = _run(None, "Choose concepts only from this pack layer; by default from all.", low=0)
    picker: Literal["study", "random", "all", "list"] = _run("study", "How concepts are chosen.")
    concepts: tuple[str, ...] = _run((), "Concepts for picker list, separated by commas.")
    per_quadrant: int = _run(3, "Concepts to choose from each quadrant.", low=1)
    siblings: Literal["distinct", "study"] = _run("distinct", "Which sibling count decides the quadrant.")
    senses_low: int = _run(2, "Up to this many senses count as few.", low=0)
    senses_high: int = _run(5, "From this many senses on, they count as many.", low=1)
    siblings_low: int = _run(3, "Up to this many siblings count as few.", low=0)
    siblings_high: int = _run(10, "From this many siblings on, they count as many.", low=1)
    n_positive: int = _run(10, "Positive samples for each concept.", low=1)
    n_negative: int = _run(10, "Negative samples for each concept.", low=1)
    sibling_share: float = _run(0.4, "Share of negatives that are about a sibling.", low=0, high=1)
    opposite_share: float = _run(
        0.2,
        "Share of negatives that are about an opposite, where the pack names one; the rest are unrelated.",
        low=0,
        high=1,
    )
    template_set: str = _run(
        "standard", "Prompt templates: standard, with-definition, definition-first, sense, or a file or folder."
    )
    temperature: float = _run(0.7, "Sampling temperature.", low=0.01, high=10)
    top_p: float = _run(0.9, "Nucleus sampling: smallest set of tokens with this probability.", low=0.01, high=1)
    top_k: int = _run(0, "Sample from at most this many of the likeliest tokens; 0 means no limit.", low=0)
    repetition_penalty: float = _run(
        1.0, "Divide the logits of tokens that occur in the prompt or the output so far.", low=0.1, high=10
    )
    min_new_tokens: int = _run(0, "Minimum length of an output, in tokens.", low=0)
    stop: tuple[str, ...] = _run((), "Text that ends an output and is cut from it. May be given several times.")
    max_new_tokens: int = _run(
        150, "Maximum length of an output, in tokens; less if the model's context ends first.", low=1
    )
    batch_size: int = _run(
        16, "Number of prompts generated together; part of the run's settings because it affects rounding.", low=1
    )
    seed: int = _run(0, "Seed for everything random.", low=0, high=2**31 - 1)
    layers: tuple[int | float, ...] | None = _setting(
        None, "Layers to capture: 0 is the first block's output, -1 the last block's, 0.5 the one at half the depth."
    )
    activations: Literal["float16", "float32"] = _setting("float16", "Precision of stored activations.")
    mode: Literal["in_context", "output_only"] = _setting(
        "in_context", "Capture outputs after their prompt (in_context) or alone (output_only)."
    )
    judge: str = _setting(
        "offline", "Judge: 'offline', 'anthropic' or 'anthropic:<model>', or 'local:<folder or hub id>'."
    )
    base_url: str | None = _setting(
        None, "Server for an anthropic judge, if not Anthropic's: any that offers /v1/messages."
    )
    rubric: str = _setting("standard", "Instructions for the judge: a bundled rubric or a file.")
    votes: int = _setting(1, "Number of votes of the judge on each topic and pair.", low=1, high=100)
    text_limit: int = _setting(
        20_000, "Maximum number of characters of a text that a judge sees; cuts are recorded.", low=100
    )
    budget: float | None = _setting(None, "Maximum cost of this judge in this study, in US dollars.", low=0)
    rpm: int | None = _setting(None, "Maximum number of calls per minute.", low=1)
    tpm: int | None = _setting(None, "Maximum number of input tokens per minute.", low=1)
    batches: bool = _setting(False, "Use Message Batches: half the price, answers within a day.")
    prices: str | None = _setting(None, "TOML file with prices that replace the built-in ones.")
    lenses: tuple[str, ...] = _setting(
        ("lda", "logistic"),
        "Lens families to train, the main one first: lda, logistic, ridge, mlp, mlp-norm, mlp-study.",
    )
    phase: Literal["prompt", "output"] = _setting("output", "Phase whose activations the lenses read.")
    pool: Literal["mean", "last"] = _setting(
        "mean", "What lenses read: the mean over the phase's tokens, or its last token."
    )
    folds: int = _setting(5, "Number of cross-validation folds.", low=2)
    repeats: int = _setting(
        1, "Number of cross-validation rounds, each with different folds; F1 is the mean.", low=1, high=100
    )
    validation: Literal["folds", "leave-one-group-out"] = _setting(
        "folds", "Hold out folds, or each group in turn, exactly and without refits (families ridge and lda)."
    )
    group_by: Literal["template", "template+prompt_concept"] = _setting(
        "template",
        (
            "What is held out together besides identical texts: texts of one template, or of one template and "
            "negatives about one concept."
        ),
    )
    join_layers: bool = _setting(
        False, "In addition to one lens per layer, train one on all chosen layers joined, all scaled alike."
    )
    memory_mib: int = _setting(
        512, "MiB of activations to train on at a time; further concepts are trained in separate pools.", low=1
    )
    steps: tuple[int, ...] = _setting(
        (),
        (
            "Pairs per concept, both arms together, at each step of escalation; the last must be n_positive + "
            "n_negative."
        ),
    )
    target: float = _setting(
        0.85, "F1 at which a concept graduates, unless a file of targets says otherwise.", low=0, high=1
    )
    falloff: tuple[float, ...] = _setting(
        (0.75, 0.70), "Lower F1 tiers that a concept may fall back to if it cannot reach its target."
    )
    train_gap: float = _setting(
        0.10, "Largest allowed lead of the F1 on training pairs over the held-out F1.", low=0, high=1
    )
    graduate_by: Literal["value", "lower-bound"] = _setting(
        "value", "What must reach the target: the measured F1, or the lower bound of its interval."
    )
    targets: str | None = _setting(None, "File with targets by pack layer, quadrant and concept.")
    most_samples: int | None = _setting(None, "Maximum number of texts in a run that escalates.", low=1)

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check_bounds(setting.name, getattr(self, setting.name), setting.metadata)
        if self.senses_low >= self.senses_high:
            raise ConfigError("senses_low must be below senses_high.")
        if self.siblings_low >= self.siblings_high:
            raise ConfigError("siblings_low must be below siblings_high.")
        if (self.picker == "list") != bool(self.concepts):
            raise ConfigError('picker "list" needs concepts, and no other picker takes any.')
        if self.sibling_share + self.opposite_share > 1 + 1e-9:
            raise ConfigError("sibling_share and opposite_share must not add up to more than 1.")
        if self.min_new_tokens > self.max_new_tokens:
            raise ConfigError("min_new_tokens must not be above max_new_tokens.")
        if "" in self.stop:
            raise ConfigError("stop must not hold an empty text.")
        if self.layers is not None and not self.layers:
            raise ConfigError("layers must name at least one layer.")
        if self.mode == "output_only" and self.phase == "prompt":
            raise ConfigError('phase "prompt" has no activations in mode "output_only".')
        if not all(0 <= tier <= 1 for tier in self.falloff):
            raise ConfigError("falloff must hold numbers from 0 to 1.")
        self._check_steps()

    def _check_steps(self) -> None:
        if not self.steps:
            return
        if self.steps[0] < 2 or any(a >= b for a, b in pairwise(self.steps)):
            raise ConfigError(STEPS_RISE)
        if self.steps[-1] != self.n_positive + self.n_negative:
            n_pairs = f"{self.n_positive} + {self.n_negative} = {self.n_positive + self.n_negative}"
            raise ConfigError(f"The last of steps is {self.steps[-1]}, but n_positive + n_negative is {n_pairs}.")

    def to_json(self) -> str:
        """All settings as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    def run_settings(self) -> dict[str, Any]:
        """The settings that decide the run's texts and pairs."""
        return {setting.name: getattr(self, setting.name) for setting in fields(self) if _decides_run(setting.metadata)}

    def run_id(self, *, model_fingerprint: str, pack_hash: str, template_hash: str) -> str:
        """Identity of the run: hash of its settings with model, pack and templates by content instead of by place."""
        settings = self.run_settings() | {
            "model": model_fingerprint,
            "pack": pack_hash,
            "template_set": template_hash,
            "plan": PLAN_VERSION,
        }
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=6).hexdigest()


def _decides_run(metadata: Mapping[str, Any]) -> bool:
    return bool(metadata["decides"] == "run")


def _check_bounds(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} must be a number, not {value}.")
    low, high = metadata.get("low"), metadata.get("high")
    if low is not None and value < low:
        raise ConfigError(f"{name} must be at least {_shown(low)}, not {value}.")
    if high is not None and value > high:
        raise ConfigError(f"{name} must be at most {_shown(high)}, not {value}.")


def _shown(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def read_config(
    file: Path | None = None, *, flags: Mapping[str, Any] | None = None, base: StudyConfig | None = None
) -> StudyConfig:
    """The base (or the defaults), overlaid by the TOML file, overlaid by the flags that are given (not None)."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    return change_config(change_config(base or StudyConfig(), _read_toml(file) if file else {}), given)


def read_stored_config(text: str) -> StudyConfig:
    """Settings of an earlier run, as `to_json` wrote them; ConfigError when this version does not know them."""
    stored: dict[str, Any] = json.loads(text)
    return change_config(StudyConfig(), {name: value for name, value in stored.items() if value is not None})


def order_families(trained: Iterable[str], asked: Sequence[str]) -> list[str]:
    """Families of lenses in the order in which a run was set to train them, then others by name: the first is shown first.

    The order is fixed before any F1 is seen; the highest of several would flatter.
    """
    place = {family: number for number, family in enumerate(asked)}
    return sorted(set(trained), key=lambda family: (place.get(family, len(place)), family))


def change_config(config: StudyConfig, changes: Mapping[str, Any]) -> StudyConfig:
    """A copy with some settings replaced; ConfigError names an unknown setting or a value of the wrong type."""
    hints = get_type_hints(StudyConfig)
    unknown = [name for name in changes if name not in hints]
    if unknown:
        raise ConfigError(f'There is no setting "{unknown[0]}".', hint=f"Known settings: {', '.join(hints)}.")
    values = {name: _coerce(name, value, hints[name]) for name, value in changes.items()}
    # Naming concepts is choosing them; another picker lets go of the concepts that an earlier one was given.
    if values.get("concepts"):
        values.setdefault("picker", "list")
    elif values.get("picker", "list") != "list":
        values["concepts"] = ()
    return replace(config, **_with_arms(config, values))


def _with_arms(config: StudyConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, with arms as large as the last step asks for, in the proportion that they have; other arms end the steps."""
    arms = {name: values[name] for name in ("n_positive", "n_negative") if name in values}
    if not values.get("steps"):
        return ({"steps": ()} if arms else {}) | dict(values)
    n_pairs = values["steps"][-1]
    if n_pairs < 2:
        raise ConfigError(STEPS_RISE)
    if not arms:
        share = config.n_positive / (config.n_positive + config.n_negative)
        arms["n_positive"] = min(max(1, round(n_pairs * share)), max(1, n_pairs - 1))
    arms.setdefault("n_positive", n_pairs - arms.get("n_negative", 0))
    return {"n_negative": n_pairs - arms["n_positive"], **values, **arms}


def _coerce(name: str, value: Any, hint: Any) -> Any:
    options = get_args(hint) if get_origin(hint) is not None else (hint,)
    if hint == int | float and isinstance(value, str):
        value = _number(name, value)
    if get_origin(hint) is Literal:
        if value not in options:
            raise ConfigError(f"{name} must be one of {', '.join(options)}, not {value!r}.")
        return value
    for option in (hint,) if get_origin(hint) is tuple else options:
        if get_origin(option) is tuple and isinstance(value, (list, tuple)):
            return tuple(_coerce(name, item, get_args(option)[0]) for item in value)
        if option is float and int not in options and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(option, type) and isinstance(value, option) and (option is bool or not isinstance(value, bool)):
            return value
    raise ConfigError(f"{name} cannot be {value!r}.")


def _number(name: str, text: str) -> int | float:
    """A number from the command line, where 1 and 1.0 mean different layers."""
    try:
        return float(text) if {".", "e"} & set(text) else int(text)
    except ValueError as error:
        raise ConfigError(f"{name} must be numbers, such as 2, -1 or 0.5, not {text!r}.") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not a TOML file: {error}.") from error
