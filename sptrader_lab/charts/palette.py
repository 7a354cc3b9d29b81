"""Colours: one light and one dark set of roles, and the table that swaps one for the other in the page.

Every colour of both sets differs from every other, so a page can repaint a finished figure by replacing values
(`recolour.js`) without knowing what each of them was for, and replacing twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from sptrader_lab.errors import InputError, unknown

Theme = Literal["auto", "light", "dark"]
THEMES: Final[tuple[str, ...]] = get_args(Theme)
_STEPS: Final = 12
_LIGHTEST: Final = 0.5  # text stays readable on the strongest cell


@dataclass(frozen=True)
class Palette:
    """Colours by role, as `#rrggbb`.

    Attributes
    ----------
    paper, ink, muted, grid, line : str
        Background, text, quieter text, grid lines, outlines.
    rising, falling : str
        Candles.
    profit, loss : str
        Trades, and everything that is gained or lost.
    target, stop : str
        Levels over a trade's life.
    warning : str
        What deserves a second look: ambiguous trades, the starting capital.
    series : tuple of str
        Lines of indicators, and of equity (the first); none of them reads as profit or loss.
    middle : str
        The heatmap's colour of zero.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    line: str
    rising: str
    falling: str
    profit: str
    loss: str
    target: str
    stop: str
    warning: str
    series: tuple[str, ...]
    middle: str

    @property
    def diverging(self) -> list[str]:
        """Twenty-five colours from loss over `middle` to profit."""
        shares = [_LIGHTEST + (1 - _LIGHTEST) * step / _STEPS for step in range(_STEPS)]
        low = [_mix(self.loss, self.middle, share) for share in shares]
        high = [_mix(self.profit, self.middle, share) for share in shares]
        return [*low, self.middle, *reversed(high)]

    def colours(self) -> list[str]:
        """Return every colour, always in the same order."""
        plain: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            plain.extend([value] if isinstance(value, str) else value)
        return list(dict.fromkeys([*plain, *self.diverging]))


LIGHT: Final = Palette(
    paper="#ffffff",
    ink="#1c2530",
    muted="#5b6774",
    grid="#e8ebef",
    line="#cdd4db",
    rising="#4fa58f",
    falling="#d4776b",
    profit="#067a5b",
    loss="#c2301f",
    target="#3b9c80",
    stop="#d9624f",
    warning="#b86e00",
    series=("#2563c9", "#d97f0e", "#8448c4", "#1793b8", "#c04488", "#7a6a58"),
    middle="#f3f4f6",
)
DARK: Final = Palette(
    paper="#111111",
    ink="#e3e7ec",
    muted="#9ba6b2",
    grid="#24292f",
    line="#3c444d",
    rising="#3a8f7c",
    falling="#b9594e",
    profit="#2fd0a2",
    loss="#ff7b68",
    target="#57b89d",
    stop="#e88979",
    warning="#f2a93b",
    series=("#6ea4ff", "#ffb454", "#b98af2", "#4cc3e4", "#ee82ba", "#b7a58f"),
    middle="#262b31",
)


def palette(theme: str) -> Palette:
    """Return the colours to draw in; `auto` draws light, and the page swaps when its own theme is dark.

    Raises
    ------
    InputError
        When `theme` is none of auto, light, dark.
    """
    if theme not in THEMES:
        raise InputError(unknown("theme", theme, THEMES))
    return DARK if theme == "dark" else LIGHT


def strategy_colour(colours: Palette, strategy: int) -> str:
    """Return a strategy's colour by its position in the run: from the far end of the series, which few indicators reach."""
    return colours.series[-1 - strategy % len(colours.series)]


def swaps() -> list[tuple[str, str]]:
    """Return (light, dark) for every role: what `recolour.js` replaces."""
    return list(zip(LIGHT.colours(), DARK.colours(), strict=True))


def _mix(colour: str, other: str, share: float) -> str:
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
