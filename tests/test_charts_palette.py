"""Colours that can be read, told apart and swapped."""

from __future__ import annotations

import pytest

from sptrader_lab.charts.palette import DARK, LIGHT, Palette, palette, swaps
from sptrader_lab.errors import InputError


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_no_colour_of_either_theme_is_used_twice_so_that_swapping_twice_changes_nothing() -> None:
    every = [colour for pair in swaps() for colour in pair]
    assert len(set(every)) == len(every)
    assert all(len(colour) == 7 and colour[0] == "#" for colour in every)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_and_marks_stand_out_from_the_paper(colours: Palette) -> None:
    assert contrast(colours.ink, colours.paper) > 10
    assert contrast(colours.muted, colours.paper) > 4.5
    for mark in (colours.profit, colours.loss):
        assert contrast(mark, colours.paper) > 4.5
    for line in (*colours.series, colours.warning, colours.target, colours.stop):
        assert contrast(line, colours.paper) > 2.5


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_is_readable_on_every_cell_of_the_heatmap(colours: Palette) -> None:
    assert all(contrast(colours.ink, cell) > 3.5 for cell in colours.diverging)
    assert len(colours.diverging) == 25
    assert colours.diverging[12] == colours.middle


def test_an_unknown_theme_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'drak'.*'dark'"):
        palette("drak")
    assert palette("auto") is palette("light") is LIGHT
    assert palette("dark") is DARK
