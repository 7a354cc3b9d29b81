"""Frames: columns as the pandas objects that old classes take, and what they return as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sptrader_lab.components import vocabulary
from sptrader_lab.components.words import Column
from sptrader_lab.errors import InputError

if TYPE_CHECKING:
    _Series = pd.Series[Any]
else:
    _Series = pd.Series
_DUPLICATES: Final = "more than one value for the candle of"


class Unusable(ValueError):
    """What came back is no answer; says why."""


class OldSeries(_Series):
    """A Series that keeps two habits of pandas before 3, which old files count on.

    `flags.shift(1).fillna(False)` holds flags again, not objects, and `~` of objects that are all flags negates them.
    """

    @property
    def _constructor(self) -> type[OldSeries]:
        return OldSeries

    @property
    def _constructor_expanddim(self) -> type[OldFrame]:
        return OldFrame

    def fillna(self, *args: Any, **kwargs: Any) -> Any:
        """Fill, and find the dtype that the values now have."""
        filled = super().fillna(*args, **kwargs)
        return filled.infer_objects() if isinstance(filled, pd.Series) and not kwargs.get("inplace") else filled

    def __invert__(self) -> Any:  # type: ignore[misc]
        return pd.Series.__invert__(self.infer_objects() if self.dtype == object else self)


class OldFrame(pd.DataFrame):
    """A DataFrame whose columns are `OldSeries`."""

    @property
    def _constructor(self) -> type[OldFrame]:
        return OldFrame

    @property
    def _constructor_sliced(self) -> type[OldSeries]:
        return OldSeries

    def fillna(self, *args: Any, **kwargs: Any) -> Any:
        """Fill, and find the dtypes that the values now have."""
        filled = super().fillna(*args, **kwargs)
        return filled.infer_objects() if isinstance(filled, pd.DataFrame) and not kwargs.get("inplace") else filled


def candle_frame(time: Column, columns: Mapping[str, Column]) -> OldFrame:
    """Return candles as old classes know them: copies, on the opening instants.

    Parameters
    ----------
    time : numpy.ndarray of float64, shape (bars,)
        Opening instants in seconds since 1970, UTC.
    columns : mapping of str to numpy.ndarray of float64, shape (bars,)

    Returns
    -------
    pandas.DataFrame
        Its index, called `time`, is a DatetimeIndex in UTC without a zone, in nanoseconds, as code expects that divides
        by them.
    """
    micros = np.rint(time * 1e6).astype(np.int64)  # a float holds seconds of our days to a quarter of a microsecond
    index = pd.DatetimeIndex(micros.view("datetime64[us]").astype("datetime64[ns]"), name="time")
    return OldFrame({name: column.copy() for name, column in columns.items()}, index=index, copy=False)


def series(column: Column, index: pd.Index[Any], name: str) -> OldSeries:
    """Return a copy of one column on the candles' index."""
    return OldSeries(column.copy(), index=index, name=name, copy=False)


def returned_columns(result: object, index: pd.Index[Any]) -> dict[str, _Series]:
    """Return what a class answered, by column, each on the candles' index; one answer without a name is called "".

    Parameters
    ----------
    result : object
        A DataFrame, a Series, a numpy array or a list.

    Raises
    ------
    Unusable
        When it is something else, has a column twice, or is not on the candles that it was asked about.
    """
    if isinstance(result, pd.DataFrame):
        names = [str(name) for name in result.columns]
        twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
        if twice is not None:
            raise Unusable(f"returned column {twice!r} twice")
        aligned = _aligned(result, index)
        return {name: aligned.iloc[:, place] for place, name in enumerate(names)}
    if isinstance(result, pd.Series):
        return {"": _aligned(result, index)}
    if isinstance(result, (np.ndarray, list)):
        values = result if isinstance(result, np.ndarray) else np.array(result, dtype=object)
        if values.ndim != 1:
            raise Unusable(f"returned values of shape {values.shape}; one per candle is {(len(index),)}")
        _same_length(len(values), index)
        return {"": pd.Series(values, index=index)}
    raise Unusable(f"returned {_article(type(result).__name__)}, not a DataFrame or a Series")


def _article(name: str) -> str:
    return "nothing (None)" if name == "NoneType" else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _same_length(length: int, index: pd.Index[Any]) -> None:
    if length != len(index):
        raise Unusable(f"returned {length:,} values for {len(index):,} candles")


def _aligned(result: Any, index: pd.Index[Any]) -> Any:
    """Return a result on the candles' index; rows that it left out are undefined."""
    own = result.index
    if own.equals(index):
        return result
    if isinstance(own, pd.RangeIndex) and own.start == 0 and own.step == 1 and len(own) == len(index):
        return result.set_axis(index)  # made of plain arrays, so in the candles' order
    if not isinstance(own, pd.DatetimeIndex):
        _same_length(len(own), index)
        raise Unusable(f"returned rows on {_article(type(own).__name__)} that is not the candles'")
    strange = own[~own.isin(index)]
    if len(strange):
        raise Unusable(
            f"returned {len(own):,} rows for {len(index):,} candles, among them {strange[0]}, which is no candle"
        )
    if own.has_duplicates:
        raise Unusable(f"returned {_DUPLICATES} {own[own.duplicated()][0]}")
    return result.reindex(index)


def numbers(values: _Series, *, words: bool) -> Column:
    """Return a column as float64: flags as 0 and 1, what is missing as NaN.

    Parameters
    ----------
    words : bool
        Whether texts stand for themselves, as `vocabulary.code` numbers them; "" is missing.

    Raises
    ------
    Unusable
        When it holds something else, with the first of it and its candle.
    """
    if values.dtype.kind in "biuf":  # pandas' own nullable kinds too
        found: Column = values.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        return found
    places, distinct = _distinct(values)
    codes = np.empty(len(distinct) + 1)
    codes[-1] = np.nan  # factorize gives -1 to what is missing
    for number, value in enumerate(distinct):
        try:
            codes[number] = _number(value, words=words)
        except (Unusable, InputError) as error:
            bar = int(np.flatnonzero(places == number)[0])
            raise Unusable(f"{error} at {values.index[bar]}") from None
    column: Column = codes[places]
    return column


def _distinct(values: _Series) -> tuple[Any, Sequence[Any]]:
    try:
        places, distinct = pd.factorize(values, use_na_sentinel=True)
    except TypeError:
        for value in values:
            try:
                hash(value)
            except TypeError:
                raise Unusable(f"holds {_article(type(value).__name__)}, not a number") from None
        raise Unusable("holds values that are no numbers") from None
    return places, list(distinct)


def _number(value: object, *, words: bool) -> float:
    if isinstance(value, str):
        if words:
            return vocabulary.code(value)
        raise Unusable(f"holds the text {value!r}, not a number")
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        try:
            return float(value)
        except OverflowError:
            raise Unusable(f"holds {str(value)[:20]}..., too large for a number") from None
    raise Unusable(f"holds {value!r}, {_article(type(value).__name__)}, not a number")
