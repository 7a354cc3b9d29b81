"""TA-Lib: every function as a component called `talib.NAME`, described by what the library says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from sptrader_lab.components.defined import where_defined
from sptrader_lab.components.spec import Input, Output, Parameter, Spec, Value
from sptrader_lab.components.talib_words import describe
from sptrader_lab.components.words import Column
from sptrader_lab.errors import ComponentError, unknown

#: Moving averages in the order of TA-Lib's own numbers; None is no average of its own.
_AVERAGES: Final = (
    *("SMA", "EMA", "WMA", "DEMA", "TEMA", "TRIMA", "KAMA", "MAMA", "T3", "HMA"),
    *(None, None, "ZLEMA", "RMA"),
)
# TA-Lib's wrapper does not tell the bounds of its parameters, so the widest accepted ones of these are taken.
_INT_LOWS: Final = (0, 1, 2, 3, 4, 5)
_INT_HIGHS: Final = (100_000, 10_000, 1_000, 200, 100)
_FLOAT_LOWS: Final = (-1e6, 0.0, 0.01, 0.1, 1.0)
_FLOAT_HIGHS: Final = (1e6, 1e5, 1e3, 100.0, 1.0, 0.99)
_INDEXES: Final = ("MAXINDEX", "MININDEX", "MINMAXINDEX")


@lru_cache(maxsize=1)
def _talib() -> Any:
    """Load TA-Lib when it is first used; it takes pandas along."""
    import talib.abstract

    return talib


def talib_names() -> tuple[str, ...]:
    """Return the names of all of TA-Lib's functions, such as `talib.RSI`, sorted."""
    return tuple(f"talib.{name}" for name in sorted(_talib().get_functions()))


@lru_cache(maxsize=512)
def talib_spec(name: str) -> Spec:
    """Describe one of TA-Lib's functions.

    Parameters
    ----------
    name : str
        Such as `talib.RSI`; any case.

    Raises
    ------
    ComponentError
        When TA-Lib has no such function; the nearest name is given.
    """
    talib = _talib()
    short = name.partition(".")[2].upper()
    if f"talib.{short}" not in talib_names():
        raise ComponentError(unknown("TA-Lib function", f"talib.{short}", talib_names()))
    info = talib.abstract.Function(short).info
    inputs = _inputs(info["input_names"])
    call = getattr(talib, short)
    defaults = info["parameters"]
    parameters = tuple(_parameter(call, len(inputs), key, defaults) for key in defaults)
    outputs = tuple(Output(output) for output in info["output_names"])
    function = _component(short, call, parameters, len(outputs))
    digest = hashlib.sha256(f"{short} {talib.__version__} {talib.__ta_version__!r}".encode()).hexdigest()
    text = f"{info['display_name']} (TA-Lib, {info['group']})."
    return Spec(
        f"talib.{short}", "indicator", text, tuple(map(Input, inputs)), parameters, outputs, function, "talib", digest
    )


def _inputs(names: dict[str, Any]) -> list[str]:
    """Return the candle columns TA-Lib asks for; only MAVP's `periods` is none of them."""
    columns: list[str] = []
    for columns_or_column in names.values():
        columns += [columns_or_column] if isinstance(columns_or_column, str) else columns_or_column
    return columns


def _parameter(call: Callable[..., Any], inputs: int, name: str, defaults: dict[str, Any]) -> Parameter:
    """Describe one parameter; its bounds are found by asking the function itself."""
    sample = [_SAMPLE] * inputs
    default = defaults[name]

    def accepted(value: float) -> bool:
        # `minperiod` would else seem bounded by the default of `maxperiod`.
        given = {name: value, "maxperiod": max(value, 2)} if name == "minperiod" else {name: value}
        try:
            call(*sample, **given)
        except Exception as error:  # TA-Lib raises nothing narrower
            if "BAD_PARAM" in str(error):
                return False
            raise
        return True

    text = describe(name)
    if name.endswith("matype"):
        words = tuple(word for code, word in enumerate(_AVERAGES) if word and accepted(code))
        return Parameter(name, "str", _AVERAGES[int(default)] or words[0], choices=words, description=text)
    whole = isinstance(default, int)
    lows, highs = (_INT_LOWS, _INT_HIGHS) if whole else (_FLOAT_LOWS, _FLOAT_HIGHS)
    low = next((value for value in lows if accepted(value)), default)
    high = next((value for value in highs if accepted(value)), default)
    return Parameter(name, "int" if whole else "float", default, low, high, description=text)


def _component(
    name: str, call: Callable[..., Any], parameters: tuple[Parameter, ...], outputs: int
) -> Callable[..., tuple[Column, ...]]:
    """Return a function of columns and keywords that bears undefined inputs and gives float64."""
    averages = [parameter.name for parameter in parameters if parameter.choices]

    def component(*columns: Column, **given: Value) -> tuple[Column, ...]:
        translated = {**given, **{key: _AVERAGES.index(str(given[key])) for key in averages if key in given}}
        bars = np.arange(len(columns[0]), dtype=np.float64)

        def stretch(*parts: Column) -> tuple[Column, ...]:
            result = call(*parts[:-1], **translated)
            results = result if isinstance(result, tuple) else (result,)
            return tuple(_as_float(name, part, parts[-1], translated) for part in results)

        return where_defined(stretch, *columns, bars, outputs=outputs)

    component.__name__ = name
    return component


def _as_float(name: str, values: Any, bars: Column, parameters: dict[str, Value]) -> Column:
    """Turn whole numbers into floats; their warm-up, which TA-Lib fills with zeros, becomes NaN."""
    if values.dtype == np.float64:
        floats: Column = values
        return floats
    floats = values.astype(np.float64)
    if name in _INDEXES and len(bars):  # positions count from the stretch's first bar
        floats += bars[0]
    floats[: _talib().abstract.Function(name, **parameters).lookback] = np.nan
    return floats


_SAMPLE: Final = np.linspace(2.0, 3.0, 50)
