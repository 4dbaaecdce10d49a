"""Find copies: the same file again, and the same scene re-encoded, resized, recut or re-timed.

A model that sees a clip twice learns it by heart. Files are compared by SHA-256, scenes by the PDQ
hashes of their pictures, four a second (`generation.provenance.fingerprint`): an index on shared
bands gives candidates, whose pictures must agree on one offset in time. Clips of the renderer are
told apart by their seed: drawings by one hand look alike without being copies.
"""

from __future__ import annotations

from collections import defaultdict

from generation.provenance import fingerprint
from generation.provenance.fingerprint import Candidate, FrameHash
from generation.training.corpus.manifest import Item, Refused


class Duplicates:
    """Remembers what it has seen. Give it every clip that would be kept, the better one first."""

    def __init__(self, share: float) -> None:
        """share: of a clip's pictures that must be found in one earlier clip."""
        self._share = share
        self._bands: dict[int, set[str]] = defaultdict(set)
        self._hashes: dict[str, list[Candidate]] = {}
        self._seeds: dict[str, str] = {}

    def check(self, item: Item) -> None:
        """Raises Refused (near duplicate, duplicate seed) naming the earlier clip; else keeps it."""
        if item.seed:
            if item.seed in self._seeds:
                raise Refused("duplicate seed", f"the same as {self._seeds[item.seed]}")
            self._seeds[item.seed] = item.id
            return
        hashes = [
            FrameHash(ms / 1000, fingerprint.FULL, bytes.fromhex(value), 100)
            for ms, value in item.fingerprint
        ]
        near = set[str]().union(*(self._bands.get(b, set()) for h in hashes for b in h.bands))
        for name in sorted(near):
            matches = fingerprint.match_clips(
                hashes, self._hashes[name], radius=fingerprint.RADIUS_KNOWN, min_frames=2
            )
            if matches and matches[0].share >= self._share:
                raise Refused("near duplicate", f"{matches[0].share:.0%} of it is in {name}")
        self._hashes[item.id] = [Candidate(item.id, h.seconds, h.hash) for h in hashes]
        for each in hashes:
            for band in each.bands:
                self._bands[band].add(item.id)
