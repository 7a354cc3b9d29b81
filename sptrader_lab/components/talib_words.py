"""What TA-Lib's parameters mean; the library itself tells their names and defaults only."""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "acceleration": "Step by which the stop speeds up.",
    "accelerationinitlong": "First step of the stop of a long trade.",
    "accelerationinitshort": "First step of the stop of a short trade.",
    "accelerationlong": "Step by which the stop of a long trade speeds up.",
    "accelerationmaxlong": "Largest step of the stop of a long trade.",
    "accelerationmaxshort": "Largest step of the stop of a short trade.",
    "accelerationshort": "Step by which the stop of a short trade speeds up.",
    "atrperiod": "Bars in the average true range.",
    "fastlimit": "Fastest smoothing that it adapts to, as a fraction.",
    "leftbars": "Bars before the pivot.",
    "matype": "Kind of moving average.",
    "maximum": "Largest step of the stop.",
    "maxperiod": "Longest period that `periods` may ask for.",
    "minperiod": "Shortest period that `periods` may ask for.",
    "multiplier": "Distance, in multiples of the range.",
    "nbdev": "Distance, in standard deviations.",
    "nbdevdn": "Distance of the lower band, in standard deviations.",
    "nbdevup": "Distance of the upper band, in standard deviations.",
    "offsetonreverse": "Fraction added to the stop when it reverses.",
    "penetration": "How far one body must reach into another, as a fraction of it.",
    "percentile": "Percentile, 0 to 100.",
    "rightbars": "Bars after the pivot.",
    "slowlimit": "Slowest smoothing that it adapts to, as a fraction.",
    "startvalue": "First stop: above 0 a long trade, below 0 a short one, 0 by itself.",
    "timeperiod": "Bars it looks back over.",
    "vfactor": "Volume factor, 0 to 1.",
}
_STEMS: Final = {
    "fast": "faster line",
    "slow": "slower line",
    "signal": "signal line",
    "fastk": "raw %K line",
    "fastd": "fast %D line",
    "slowk": "smoothed %K line",
    "slowd": "slow %D line",
    "first": "first average",
    "second": "second average",
    "stddev": "standard deviation",
    "roc": "rate of change",
    "roc1": "first rate of change",
    "roc2": "second rate of change",
    "wma": "weighted average",
    "timeperiod1": "shortest window",
    "timeperiod2": "middle window",
    "timeperiod3": "longest window",
}


def describe(name: str) -> str:
    """Return one sentence on TA-Lib's parameter `name`; '' for one that a later version adds."""
    if name in _WORDS:
        return _WORDS[name]
    stem = name.replace("_", "").removesuffix("matype").removesuffix("period")
    line = _STEMS.get(stem, "")
    if not line:
        return ""
    return f"Kind of moving average of the {line}." if name.endswith("matype") else f"Bars in the {line}."
