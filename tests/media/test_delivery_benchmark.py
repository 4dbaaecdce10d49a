"""The delivery benchmark really delivers, and answers in the form that every benchmark has."""

from __future__ import annotations

import json

from benchmarks import delivery


def test_it_prints_measures_and_context():
    result = json.loads(json.dumps(delivery.run(width=320, height=192, seconds=2)))

    assert set(result) == {"measures", "context"}
    assert set(result["measures"]) == {"delivery_over_encode", "memory_20s_over_2s"}
    assert result["measures"]["delivery_over_encode"] > 1
    assert 0.8 < result["measures"]["memory_20s_over_2s"] < 1.2
    assert {"versions", "machine", "load", "date"} <= set(result["context"])
    assert all(seconds > 0 for seconds in result["context"]["cpu_seconds"].values())
