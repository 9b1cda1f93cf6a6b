"""The roomy cache holds what the cache of transformers holds, whatever is appended and whoever leaves."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, MambaConfig
from transformers.cache_utils import DynamicLayer

from engine.subject import cache as caching
from engine.subject.cache import RoomyLayer, roomy_cache


class Model:
    def __init__(self, config: Any) -> None:
        self.config = config


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=12), st.integers(1, 6))
def test_it_holds_what_a_growing_cache_holds(steps: list[tuple[int, bool]], room: int) -> None:
    rng = torch.Generator().manual_seed(0)
    plain, roomy, n_rows = DynamicLayer(), RoomyLayer(), 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caching, "ROOM", room)
        for n_tokens, one_leaves in steps:
            new = torch.randn(2, n_rows, 2, n_tokens, 3, generator=rng)
            expected, found = plain.update(new[0], new[1]), roomy.update(new[0], new[1])
            assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
            assert roomy.get_seq_length() == plain.get_seq_length()
            if one_leaves and n_rows > 1:
                n_rows -= 1
                stay = torch.arange(n_rows).flip(0)
                plain.batch_select_indices(stay)
                roomy.batch_select_indices(stay)


def test_a_model_that_keeps_more_than_keys_and_values_makes_its_own() -> None:
    assert roomy_cache(Model(MambaConfig(num_hidden_layers=2))) is None
    assert all(isinstance(layer, RoomyLayer) for layer in roomy_cache(Model(GPT2Config(n_layer=2))).layers)
