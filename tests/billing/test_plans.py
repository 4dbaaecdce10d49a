"""The price table and the plans."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import NotPriced, UnknownPlan
from billing.plans import FREE, PLANS, PRICES, PRO, get_plan, price_in_credits


@pytest.mark.parametrize(
    ("width", "height", "seconds", "credits"),
    [
        (480, 480, 5, 20),
        (854, 480, 5, 25),
        (480, 854, 5, 25),
        (854, 480, 10, 50),
        (720, 720, 15, 150),
        (1280, 720, 20, 540),
        (1080, 1080, 10, 300),
        (1920, 1080, 20, 2_000),
        (1920, 1088, 20, 2_000),
        (256, 144, 5, 10),
    ],
)
def test_the_published_cells_are_charged_as_published(width, height, seconds, credits):
    assert price_in_credits(width, height, seconds) == credits


def test_a_length_between_two_columns_costs_the_line_between_them():
    assert price_in_credits(854, 480, 7) == 35
    assert price_in_credits(1280, 720, 12) == 252


def test_a_short_clip_costs_its_share_and_at_least_one_credit():
    assert price_in_credits(854, 480, 2) == 10
    assert price_in_credits(64, 64, 0.1) == 1


def test_variations_multiply_the_price():
    assert price_in_credits(854, 480, 5, variations=4) == 100


@pytest.mark.parametrize(
    ("width", "height", "seconds", "variations"),
    [(0, 480, 5, 1), (854, 480, 0, 1), (854, 480, 21, 1), (854, 480, 5, 0), (3840, 2160, 5, 1)],
)
def test_what_is_beyond_the_table_has_no_price(width, height, seconds, variations):
    with pytest.raises(NotPriced):
        price_in_credits(width, height, seconds, variations)


@given(
    width=st.integers(64, 1920),
    height=st.integers(64, 1080),
    seconds=st.floats(0.1, 20),
    longer=st.floats(0, 5),
)
def test_a_longer_clip_never_costs_less(width, height, seconds, longer):
    price = price_in_credits(width, height, seconds)
    assert price_in_credits(width, height, min(20, seconds + longer)) >= price


@given(side=st.sampled_from([(16, 9), (9, 16), (1, 1)]), scale=st.integers(8, 119))
def test_a_larger_frame_of_the_same_shape_never_costs_less(side, scale):
    width, height = side[0] * scale, side[1] * scale
    smaller = price_in_credits(width, height, 5)
    assert price_in_credits(side[0] * (scale + 1), side[1] * (scale + 1), 5) >= smaller


def test_every_plan_can_afford_a_video_from_its_own_starting_credits():
    for plan in PLANS.values():
        assert plan.start_grant >= price_in_credits(854, 480, 5)


def test_plans_bound_the_frame():
    assert FREE.allows_size(854, 480)
    assert not FREE.allows_size(1280, 720)
    assert PRO.allows_size(1920, 1080)


def test_an_unknown_plan_is_named_in_the_refusal():
    with pytest.raises(UnknownPlan, match="gold"):
        get_plan("gold")


def test_the_page_about_billing_says_what_the_code_does():
    page = (Path(__file__).resolve().parents[2] / "docs" / "billing.md").read_text()
    for (side, shape), row in PRICES.items():
        assert f"| {side} {shape} | " + " | ".join(f"{price:,}" for price in row) + " |" in page
    for plan in PLANS.values():
        clean = "yes" if plan.clean_download else "no"
        start = next(line for line in page.splitlines() if line.startswith(f"| `{plan.code}` |"))
        assert f"{plan.max_pixels:,} pixels" in start
        assert start.endswith(
            f"| {plan.max_seconds} s | {plan.concurrency} | {clean} | "
            f"{plan.start_grant:,} | {plan.weight} |"
        )
