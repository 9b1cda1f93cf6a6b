"""One lens as the bytes of a file, and back: safetensors for our own layout, a PyTorch state dict for the production layout.

What is read may be a stranger's. Nothing of it is run: a `.pt` is read with `weights_only`, and a file that holds anything but
finite numbers in the shapes of a lens is told in one sentence.
"""

import io
import pickle
import warnings
import zipfile
from typing import Any

import numpy as np

from engine.errors import LensPackError
from engine.lenses.interface import FloatArray, State
from engine.terminal import visible

LINEAR = ("linear",)
THREE_LAYERS = ("net.0", "net.3", "net.6")
NORMALISED = ("net.0", "net.1", "net.4", "net.7")
"""A LayerNorm of the input, then three linear layers."""
_FORMS = {
    frozenset(f"{name}.{kind}" for name in form for kind in ("weight", "bias")): form
    for form in (LINEAR, THREE_LAYERS, NORMALISED)
}


def encode_state(state: State, *, suffix: str) -> bytes:
    """The bytes of a `.safetensors` or `.pt` file with the state's weights in float32."""
    arrays = {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in sorted(state.items())}
    if suffix == ".safetensors":
        from safetensors.numpy import save

        return bytes(save(arrays))
    import torch

    buffer = io.BytesIO()
    torch.save({name: torch.from_numpy(values.copy()) for name, values in arrays.items()}, buffer)
    return buffer.getvalue()


def decode_state(content: bytes, *, suffix: str, where: str) -> State:
    """The state in a file's bytes; LensPackError says what is wrong with it, naming `where` it is."""
    tensors = _read_safetensors(content, where) if suffix == ".safetensors" else _read_torch(content, where)
    form = _FORMS.get(frozenset(tensors))
    if form is None:
        raise _no_lens(where, f"its keys are those of no lens: {_shown(tensors)}")
    state = {name: _numbers(tensor, name, where) for name, tensor in tensors.items()}
    _check_shapes(state, form, where)
    return state


def width_of(state: State) -> int:
    """The width d of the activations that the lens reads."""
    first = next(name for name in ("linear.weight", "net.1.weight", "net.0.weight") if name in state)
    return int(state[first].shape[1])


def shift_logit(state: State, by: float) -> State:
    """The same lens with `by` added to every logit."""
    last = next(name for name in ("linear.bias", "net.7.bias", "net.6.bias") if name in state)
    return state | {last: state[last] + by}


def _read_safetensors(content: bytes, where: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(content))
    except (SafetensorError, ValueError, KeyError) as error:
        raise _no_lens(where, f"it is no whole safetensors file ({_one_line(error)})") from error


def _read_torch(content: bytes, where: str) -> dict[str, Any]:
    import torch

    faults = (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
    told = (*faults, OverflowError, MemoryError, zipfile.BadZipFile)
    try:
        if _is_inflated(content):
            raise _no_lens(where, "it is compressed, which no lens file is")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _no_lens(where, "it holds more than tensors, and no code of a lens file is ever run") from error
    except told as error:
        raise _no_lens(where, f"it is no whole PyTorch file ({_one_line(error)})") from error
    if not isinstance(found, dict):
        raise _no_lens(where, f"it holds a {type(found).__name__} instead of a state dict")
    return dict(found)


def _is_inflated(content: bytes) -> bool:
    """Whether it is an archive of more than its own bytes; PyTorch compresses nothing, and a few bytes can be made any number."""
    packed = io.BytesIO(content)
    if not zipfile.is_zipfile(packed):
        return False
    with zipfile.ZipFile(packed) as archive:
        return sum(one.file_size for one in archive.infolist()) > len(content)


def _numbers(tensor: Any, name: str, where: str) -> FloatArray:
    """The tensor as an array, once it is sure to be one of plain numbers that single precision holds."""
    import torch

    plain = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
    is_tensor = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and not tensor.is_nested
    if not is_tensor or tensor.dtype not in plain or tensor.device.type != "cpu":
        raise _no_lens(where, f"{name} is no tensor of floating-point numbers")
    # A few bytes can describe a tensor of any size, all of it the same number.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise _no_lens(where, f"{name} is larger than what the file holds")
    values: FloatArray = tensor.detach().double().numpy()
    # Larger ones, in double precision, would make logits that are not finite.
    if not (np.abs(values) <= np.finfo(np.float32).max).all():
        raise _no_lens(where, f"{name} holds numbers that are not finite in single precision")
    return values


def _check_shapes(state: State, form: tuple[str, ...], where: str) -> None:
    """Raise LensPackError where the layers do not fit each other, or do not end in one logit."""
    norm, layers = (form[0], form[1:]) if form is NORMALISED else (None, form)
    for name in layers:
        if state[f"{name}.weight"].ndim != 2 or 0 in state[f"{name}.weight"].shape:
            raise _no_lens(where, f"{name}.weight has shape {state[f'{name}.weight'].shape}, not [out, in]")
    width = state[f"{layers[0]}.weight"].shape[1]
    expected: dict[str, tuple[int, ...]] = {f"{norm}.{kind}": (width,) for kind in ("weight", "bias") if norm}
    for name, after in zip(layers, [*layers[1:], None], strict=True):
        n_out = state[f"{after}.weight"].shape[1] if after else 1
        expected |= {f"{name}.weight": (n_out, state[f"{name}.weight"].shape[1]), f"{name}.bias": (n_out,)}
    for key, shape in expected.items():
        if state[key].shape != shape:
            raise _no_lens(where, f"{key} has shape {list(state[key].shape)}, not {list(shape)}")


def _no_lens(where: str, reason: str) -> LensPackError:
    return LensPackError(f"{where} cannot be read as a lens: {reason}.")


def _shown(tensors: dict[str, Any]) -> str:
    names = [visible(str(name)[:40]) for name in list(tensors)[:8]]
    return ", ".join(names) + (", …" if len(tensors) > 8 else "") if names else "it has none"


def _one_line(error: BaseException) -> str:
    said = visible(" ".join(str(error).split()).rstrip("."))
    return said[:160] or type(error).__name__
