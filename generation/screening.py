"""Screening as this site is set up: thresholds, providers and lists from the settings."""

from __future__ import annotations

from collections.abc import Iterable
