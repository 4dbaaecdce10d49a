from __future__ import annotations

import sys
from types import ModuleType

import pytest

from generation.engine import text_encoder
from generation.engine.protocol import ModelMissing


def test_the_packaged_encoder_is_the_known_one():
    assert (text_encoder.minilm_folder() / "model.safetensors").is_file()


def test_a_changed_encoder_is_refused_with_both_hashes(monkeypatch):
    monkeypatch.setattr(text_encoder, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelMissing, match=r"sha256 53aa51.*expected 0000"):
        text_encoder.minilm_folder()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, text_encoder.PACKAGE, None)
    with pytest.raises(ModelMissing, match=text_encoder.PACKAGE):
        text_encoder.minilm_folder()


def test_a_package_without_weights_is_named(monkeypatch, tmp_path):
    empty = ModuleType(text_encoder.PACKAGE)
    empty.__file__ = str(tmp_path / "__init__.py")
    monkeypatch.setitem(sys.modules, text_encoder.PACKAGE, empty)
    with pytest.raises(ModelMissing, match="incomplete"):
        text_encoder.minilm_folder()
