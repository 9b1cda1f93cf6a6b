"""What a call costs, against sums made by hand; a table that cannot be used is told with file and field."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.judges.costs.prices import Price, Prices, load_prices
from engine.judges.judge import Usage

BUNDLED = load_prices()
COUNT = st.integers(0, 2_000_000)
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT)
KINDS = ("n_input_tokens", "n_output_tokens", "n_cache_read_tokens", "n_cache_write_tokens")


def table(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("model", "usage", "batch", "dollars"),
    [
        # 600 × 0.10 + 20 × 0.50 = 70 millionths.
        ("claude-haiku-5-5", Usage(600, 20), False, 0.000070),
        # The same in a batch: half.
        ("claude-haiku-5-5", Usage(600, 20), True, 0.000035),
        # 100 × 0.10 + 1,000 × 0.125 + 40 × 0.50 = 10 + 125 + 20.
        ("claude-haiku-5-5", Usage(100, 40, 0, 1_000), False, 0.000155),
        # 100 × 0.10 + 1,000 × 0.01 + 40 × 0.50 = 10 + 10 + 20.
        ("claude-haiku-5-5", Usage(100, 40, 1_000, 0), False, 0.000040),
        # A prompt of 100,000 tokens is on the first step: 10,000 + 50; one more is on the second: 50,000.5 + 250.
        ("claude-haiku-5-5", Usage(100_000, 100), False, 0.010050),
        ("claude-haiku-5-5", Usage(100_001, 100), False, 0.0502505),
        # What is read from the cache is part of the prompt: 60,000 × 0.50 + 60,000 × 0.05.
        ("claude-haiku-5-5", Usage(60_000, 0, 60_000), False, 0.033),
        # 1,000 × 1 + 200 × 5 + 5,000 × 0.10 + 2,000 × 1.25 = 1,000 + 1,000 + 500 + 2,500.
        ("claude-haiku-4-5", Usage(1_000, 200, 5_000, 2_000), False, 0.005),
        ("claude-sonnet-5-5", Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000), False, 14.60),
        ("claude-opus-5-5", Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000), True, 14.60),
        ("claude-opus-5", Usage(200_000, 1_000), False, 1.025),
    ],
)
def test_cost_is_that_of_a_sum_by_hand(model: str, usage: Usage, batch: bool, dollars: float) -> None:
    assert BUNDLED.cost(model, usage, batch=batch) == pytest.approx(dollars, rel=1e-12)


def test_a_model_that_no_table_names_has_no_price_and_not_the_price_nothing() -> None:
    for model in ("", "qwen3:8b", "claude-haiku-5-5-20261007", "claude-3-5-haiku-20241022"):
        assert BUNDLED.find(model) is None
        assert BUNDLED.cost(model, Usage(10, 10)) is None
        assert BUNDLED.cost(model, Usage()) is None


def test_a_dated_name_is_the_model_only_where_the_table_says_so() -> None:
    assert BUNDLED.find("claude-haiku-4-5-20251001") is BUNDLED.find("claude-haiku-4-5")
    assert BUNDLED.find("claude-haiku-4-5-20251002") is None


def test_every_bundled_price_says_when_it_was_so_and_where_it_stands() -> None:
    for price in BUNDLED.by_name.values():
        assert isinstance(price.as_of, date)
        assert price.source is not None
        assert price.source.startswith("https://platform.claude.com/docs/")
        for step in price.steps:
            assert 0 < step.cache_read < step.input < step.cache_write < step.output


@given(st.sampled_from(sorted(BUNDLED.by_name)), st.lists(USAGE, min_size=2, max_size=2), st.booleans())
def test_cost_adds_up_within_a_step(model: str, usages: list[Usage], batch: bool) -> None:
    price = BUNDLED.find(model)
    assert price is not None
    both = Usage(*(sum(getattr(usage, kind) for usage in usages) for kind in KINDS))
    for step in price.steps:
        alone = replace(step, up_to=None)
        one_step = Price("m", (alone,), price.batch_factor)
        parts = [one_step.cost(usage, batch=batch) for usage in usages]
        assert one_step.cost(both, batch=batch) == pytest.approx(sum(parts), rel=1e-9, abs=1e-15)


@given(st.sampled_from(sorted(BUNDLED.by_name)), USAGE, st.sampled_from(KINDS), st.integers(1, 100_000))
def test_a_token_more_never_costs_less(model: str, usage: Usage, kind: str, more: int) -> None:
    larger = replace(usage, **{kind: getattr(usage, kind) + more})
    cost, larger_cost = BUNDLED.cost(model, usage), BUNDLED.cost(model, larger)
    assert cost is not None
    assert larger_cost is not None
    assert larger_cost > cost >= 0


def test_a_table_of_the_user_goes_before_the_bundled_one_model_by_model(tmp_path: Path) -> None:
    own = """
    [models.house]
    steps = [{ input = 3, output = 4 }]
    [models.claude-haiku-4-5]
    as_of = 2027-01-02
    steps = [{ up_to = 10, input = 1, output = 2 }, { input = 7, output = 8, cache_read = 0 }]
    """
    prices = load_prices(table(tmp_path, own))
    # What a table leaves out of cache and batch costs as much as input does.
    assert prices.cost("house", Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000), batch=True) == 13.0
    assert prices.cost("claude-haiku-4-5", Usage(5, 0)) == pytest.approx(5e-6)
    assert prices.cost("claude-haiku-4-5-20251001", Usage(0, 0, 1_000_000)) == 0.0
    assert prices.find("claude-haiku-4-5-20251001").as_of == date(2027, 1, 2)  # type: ignore[union-attr]
    assert prices.find("claude-haiku-5-5") == BUNDLED.find("claude-haiku-5-5")


STEP = "steps = [{ input = 1, output = 2 }]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "models"),
        ("models = 3", "models"),
        ("model = 3", "model"),
        ("[models]", "models"),
        ("[models]\nhouse = 3", "house"),
        ("[models.house]", "steps"),
        ("[models.house]\nsteps = []", "steps"),
        ("[models.house]\nsteps = [3]", "step 1"),
        ("[models.house]\nsteps = [{ input = 1 }]", "output"),
        ("[models.house]\nsteps = [{ input = -1, output = 2 }]", "input"),
        ("[models.house]\nsteps = [{ input = nan, output = 2 }]", "input"),
        ("[models.house]\nsteps = [{ input = true, output = 2 }]", "input"),
        ('[models.house]\nsteps = [{ input = 1, output = "2" }]', "output"),
        ("[models.house]\nsteps = [{ input = 1, output = 2, thinking = 3 }]", "thinking"),
        ("[models.house]\nsteps = [{ up_to = 5, input = 1, output = 2 }]", "up_to"),
        ("[models.house]\nsteps = [{ input = 1, output = 2 }, { input = 1, output = 2 }]", "up_to"),
        ("[models.house]\nsteps = [{ up_to = 0, input = 1, output = 2 }, { input = 1, output = 2 }]", "up_to"),
        (f"[models.house]\n{STEP}\nbatch_factor = inf", "batch_factor"),
        (f"[models.house]\n{STEP}\ncache_minimum = 1.5", "cache_minimum"),
        (f"[models.house]\n{STEP}\naliases = 'home'", "aliases"),
        (f"[models.house]\n{STEP}\naliases = ['house']", "two prices"),
        (f"[models.house]\n{STEP}\nas_of = 'today'", "as_of"),
        (f"[models.house]\n{STEP}\nsource = 3", "source"),
        (f"[models.house]\n{STEP}\nsourc = ''", "sourc"),
        ("[models.house", "TOML"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_with_file_and_field(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_prices(table(tmp_path, text))
    assert "mine.toml" in str(told.value)
    assert words in str(told.value)
    assert "\n" not in str(told.value).rstrip()


def test_a_missing_or_binary_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_prices(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.toml is not a TOML file"):
        load_prices(tmp_path / "binary.toml")


def test_no_table_is_no_price() -> None:
    assert Prices().cost("claude-haiku-5-5", Usage(1, 1)) is None


def test_a_mark_of_utf_8_before_a_table_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("[models.own]\nsteps = [{input = 1, output = 2}]", encoding="utf-8-sig")
    assert load_prices(file).cost("own", Usage(1_000_000, 0)) == 1
