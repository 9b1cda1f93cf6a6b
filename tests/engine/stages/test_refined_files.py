"""Files of lenses that a second pass begins with and of those that it keeps: what is damaged is told, and nothing is lost."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, LensPackError
from engine.lenses.files import save_lens
from engine.lenses.interface import linear_state
from engine.stages.refined_files import read_own_lens, write_list


@pytest.mark.parametrize("text", ["[1]", "{}", "null", "5", '[{"lens_id": "a"}]', "[" * 100_000, '[{"lens_id"'])
def test_a_list_that_is_none_is_told_and_stays(tmp_path: Path, text: str) -> None:
    (tmp_path / "refined.json").write_text(text)
    with pytest.raises(ConfigError, match=r"refined\.json"):
        write_list(tmp_path, [{"lens_id": "b", "variant": "ridge"}], measured={"a"}, variants=["ridge"])
    assert [file.read_text() for file in tmp_path.iterdir()] == [text]


@pytest.mark.parametrize("damage", ["torn", "another width", "not finite", "missing"])
def test_a_damaged_lens_is_told(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "gin.safetensors"
    save_lens(
        linear_state(np.full(5 if damage == "another width" else 4, np.nan if damage == "not finite" else 1), 0.0), file
    )
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:-3])
    if damage == "missing":
        file.unlink()
    with pytest.raises(LensPackError, match=r"gin\.safetensors"):
        read_own_lens(file, width=4)


def test_a_whole_lens_is_read(tmp_path: Path) -> None:
    file = tmp_path / "gin.safetensors"
    save_lens(linear_state(np.arange(4), 2.0), file)
    assert read_own_lens(file, width=4)["linear.weight"].tolist() == [[0.0, 1.0, 2.0, 3.0]]
