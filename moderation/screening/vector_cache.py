"""Vectors of texts kept between runs of training and evaluation. Checksums of texts, never texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
BATCH = 32
SAVE_EVERY = 100  # batches


class VectorCache:
    """A file of vectors beside the encoder that makes them; a cache is good for one encoder only."""

    def __init__(self, path: Path | None, encode: Callable[[list[str]], Vectors]) -> None:
        """Raises ValueError when the file is there but no cache."""
        self._path, self._encode = path, encode
        self._known: dict[str, NDArray[np.float16]] = {}
        if path is not None and path.is_file():
            try:
                with np.load(path, allow_pickle=False) as stored:
                    names, vectors = stored["names"].tolist(), stored["vectors"]
                self._known = dict(zip(names, vectors, strict=True))
            except (OSError, KeyError, ValueError) as error:
                raise ValueError(f"{path} is no cache of vectors; delete it.") from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 [texts, width]; what is not known yet is made in batches of similar length."""
        names = [_name(text) for text in texts]
        missing = sorted(
            {n: t for n, t in zip(names, texts, strict=True) if n not in self._known}.items(),
            key=lambda item: len(item[1]),
        )
        for number, start in enumerate(range(0, len(missing), BATCH), start=1):
            batch = missing[start : start + BATCH]
            vectors = self._encode([text for _, text in batch])
            for (name, _), vector in zip(batch, vectors, strict=True):
                self._known[name] = vector.astype(np.float16)
            if number % SAVE_EVERY == 0:
                self.save()
        return np.stack([self._known[name] for name in names]).astype(np.float32)

    def save(self) -> None:
        if self._path is None or not self._known:
            return
        partial = self._path.with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(
                file, names=np.array(list(self._known)), vectors=np.stack([*self._known.values()])
            )
        partial.replace(self._path)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
