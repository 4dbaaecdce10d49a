from __future__ import annotations

import json
import subprocess
import sys

import pytest

from generation.engine.capabilities import UnsupportedSpec, read_capabilities
from generation.engine.protocol import ModelMissing
from tests.engine.conftest import WEIGHTS


def test_the_shipped_model_offers_its_default():
    capabilities = read_capabilities(WEIGHTS)
    capabilities.check(*capabilities.default_size, capabilities.default_seconds)
    assert 0 < capabilities.default_steps <= capabilities.max_steps
    assert not capabilities.draws_people


def test_an_unsupported_size_names_every_size_there_is():
    capabilities = read_capabilities(WEIGHTS)
    with pytest.raises(UnsupportedSpec) as refused:
        capabilities.check(123, 45, 4)
    assert refused.value.field == "size"
    for width, height in capabilities.sizes:
        assert f"{width}x{height}" in refused.value.message


def test_an_unsupported_length_names_every_length_there_is():
    capabilities = read_capabilities(WEIGHTS)
    with pytest.raises(UnsupportedSpec) as refused:
        capabilities.check(*capabilities.default_size, 17)
    assert refused.value.field == "seconds"
    assert all(str(s) in refused.value.message for s in capabilities.seconds)


def test_every_offered_size_names_what_is_really_drawn():
    capabilities = read_capabilities(WEIGHTS)
    for size in capabilities.sizes:
        width, height = capabilities.native_size(*size)
        assert width % 32 == height % 32 == 0
        assert width <= size[0] and height <= size[1]


def test_longer_clips_and_more_steps_are_estimated_to_take_longer():
    estimate = read_capabilities(WEIGHTS).estimate_seconds
    assert estimate(512, 288, 2, 20) < estimate(512, 288, 4, 20) < estimate(512, 288, 4, 40)


def test_a_missing_folder_is_named_with_its_setting(tmp_path):
    with pytest.raises(ModelMissing, match=r"nowhere.*SORA_MODEL_DIR"):
        read_capabilities(tmp_path / "nowhere")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ModelMissing, match="SORA_MODEL_DIR"):
        read_capabilities(tmp_path)


def test_plain_ltx_weights_get_the_table_of_their_family(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "LTXConditionPipeline"}')
    capabilities = read_capabilities(tmp_path)
    capabilities.check(*capabilities.default_size, capabilities.default_seconds)
    assert capabilities.draws_people


def test_an_incomplete_table_is_refused(tmp_path):
    table = json.loads((WEIGHTS / "capabilities.json").read_text())
    del table["fps"]
    (tmp_path / "capabilities.json").write_text(json.dumps(table))
    with pytest.raises(ModelMissing, match="fps"):
        read_capabilities(tmp_path)


def test_reading_capabilities_loads_no_torch():
    code = (
        "import sys; from pathlib import Path; from generation.engine.capabilities import "
        "read_capabilities as r; r(Path(sys.argv[1])); "
        "sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(WEIGHTS)], check=False).returncode == 0
