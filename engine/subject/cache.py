"""Keys and values of a batch that is being written, with room for tokens to come.

The cache that transformers makes is copied whole for every token; here a token is written into room that is there already.
"""

from typing import TYPE_CHECKING, Any

from transformers.cache_utils import DynamicCache, DynamicLayer

from engine.subject.shared import has_plain_cache

if TYPE_CHECKING:
    import torch

# Tokens that are made room for at a time.
ROOM = 64


def roomy_cache(model: Any) -> Any:
    """An empty cache for the model, or None where it keeps more than keys and values and must make its own."""
    if not has_plain_cache(model.config.get_text_config()):
        return None
    cache = DynamicCache(config=model.config)
    cache.layers = [RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer whose keys and values [B, heads, T, d] are the written part of longer tensors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rooms: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None)

    def update(
        self, key_states: "torch.Tensor", value_states: "torch.Tensor", *_args: Any, **_options: Any
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """All keys and values with the new ones behind them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys, keys = _append(self.keys, self._rooms[0], key_states)
        self.values, values = _append(self.values, self._rooms[1], value_states)
        self._rooms = keys, values
        return self.keys, self.values


def _append(
    there: "torch.Tensor | None", room: "torch.Tensor | None", new: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """The written part with `new` at its end, and its room: another one where it is full, or rows have left `there`."""
    there = None if there is None or not there.numel() else there
    n_there = 0 if there is None else there.shape[-2]
    n = n_there + new.shape[-2]
    if there is None or room is None or room.shape[-2] < n or room.data_ptr() != there.data_ptr():
        room = new.new_empty(*new.shape[:-2], n + ROOM, new.shape[-1])
        if there is not None:
            room[..., :n_there, :] = there
    room[..., n_there:n, :] = new
    return room[..., :n, :], room
