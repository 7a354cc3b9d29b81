"""Template: a new component with a test beside it, both of which run as they are written."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from sptrader_lab.components.library import component_files, standard_folders
from sptrader_lab.components.native import CANDLE_COLUMNS
from sptrader_lab.components.spec import ComponentKind
from sptrader_lab.errors import InputError, unknown

#: What a template's own words are; a component of such a name would hide them.
_TAKEN: Final = ("where_defined", "rolling_mean", "crossing", "annotated", "bounds", "column", "labels", "requires")
_INDICATOR: Final = '''\
"""{title}: say here what it measures."""

from __future__ import annotations

from typing import Annotated

from sptrader_lab.components import Bounds, Column, where_defined
from sptrader_lab.kernel.rolling import rolling_mean


def {name}({arguments}, *, period: Annotated[int, Bounds(1, 500)] = 20) -> Column:
    """Mean of the last `period` values of {words}, in their unit.

    Parameters
    ----------
    period : int
        Bars in the mean, this one included.

    Returns
    -------
    numpy.ndarray of float64, shape (bars,)
        NaN for the first `period` - 1 bars. Value i uses bars 0..i only.
    """
    (line,) = where_defined(lambda part: rolling_mean(part, period), {value})
    return line
'''

_SIGNAL: Final = '''\
"""{title}: say here what it tells."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from sptrader_lab.components import Bounds, Column, Labels, Requires
from sptrader_lab.components.crossing import crossing


class {camel}(NamedTuple):
    """What happened at a bar, and how strongly: 0 to 1, 0 where nothing did."""

    cross_type: Annotated[Column, Labels("none", "up", "down")]
    signal_strength: Column


def {name}(
    {arguments},
    average: Annotated[Column, Requires("sma", period=20)],
    *,
    min_separation: Annotated[float, Bounds(0.0, 1.0)] = 0.0,
    confirmation_bars: Annotated[int, Bounds(1, 100)] = 1,
) -> {camel}:
    """Tell when {words} crosses its average.

    Parameters
    ----------
    min_separation : float
        Smallest distance from the average on the event's bar, as a fraction of it.
    confirmation_bars : int
        Bars in a row on the new side, the crossing bar being the first.
    """
    return {camel}(*crossing({value}, average, confirmation_bars, min_separation))
'''

_TEST: Final = '''\
"""What {name} gives, and that it keeps the rules of components."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sptrader_lab.components.exam import exam_candles, examine
from sptrader_lab.components.library import scan, standard_folders
from sptrader_lab.components.run import run

FILE = Path(__file__).resolve().parent.parent / "{place}"
LIBRARY = scan(*standard_folders(FILE))
SPEC = LIBRARY.find(str(FILE))


def test_it_passes_the_exam() -> None:
    """Shape, the same bits twice, no look-ahead; an indicator begins after its warm-up, a signal with its first bar."""
    exam = examine(SPEC, exam_candles(), library=LIBRARY)
    assert exam.passed, str(exam)
    assert exam.warmup == {warmup}


def test_a_case_worked_out_by_hand() -> None:
{golden}'''

_GOLDEN_INDICATOR: Final = """\
    value = np.array([1.0, 2.0, 4.0, 8.0])
    (line,) = run(SPEC, [value{more}], SPEC.resolve({{"period": 2}}))
    np.testing.assert_allclose(line, [np.nan, 1.5, 3.0, 6.0])
"""
_GOLDEN_SIGNAL: Final = """\
    value, average = np.array([1.0, 3.0, 3.0, 1.0]), np.array([2.0, 2.0, 2.0, 2.0])
    cross_type, _ = run(SPEC, [value{more}, average], SPEC.resolve({{}}))
    assert cross_type.tolist() == [0.0, 1.0, 0.0, 2.0]  # none, up, none, down
"""


class Written(NamedTuple):
    """The two files of a new component."""

    component: Path
    test: Path


def write_new(name: str, kind: ComponentKind, folder: Path, columns: Sequence[str]) -> Written:
    """Write a native component and a test of it; nothing is written unless both can be.

    Parameters
    ----------
    name : str
        What the component, its function and its file are called.
    folder : Path
        Which holds `indicators/` and `signals/`, such as `components`; the test goes to `tests/` beside it.
    columns : sequence of str
        Candle columns that it looks at; of several, their mean.

    Raises
    ------
    InputError
        When the name can't be one (with one that can), another component has it, a column is unknown, or a file of that name is there.
    """
    _check_name(name)
    for column in columns:
        if column not in CANDLE_COLUMNS:
            raise InputError(unknown("column", column, CANDLE_COLUMNS))
    if len(set(columns)) < len(columns):
        raise InputError(f"--input {' '.join(columns)} names a column twice; give each once")
    _check_free(name, folder)
    files = Written(folder / f"{kind}s" / f"{name}.py", folder.parent / "tests" / f"test_{name}.py")
    for path in files:
        if path.exists():
            raise InputError(f"{path} is there already{_what_is_there(path)}; nothing was written. Take another name.")
    component, test = _texts(name, kind, files, columns)
    for path, text in zip(files, (component, test), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return files


def _check_name(name: str) -> None:
    rule = "a component's name is a Python name in lower case, such as range_share"
    near = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    near = f"of_{near}" if not near.isidentifier() or keyword.iskeyword(near) or near in CANDLE_COLUMNS else near
    if name in CANDLE_COLUMNS:
        raise InputError(f"{name!r} is a column of candles; a component of that name could not be told from it")
    if not name.isidentifier() or keyword.iskeyword(name) or name != name.lower() or name.startswith("_"):
        hint = f" (did you mean {near!r}?)" if near.isidentifier() and near != "of_" else ""
        raise InputError(f"{name!r} can't name a component{hint}; {rule}")
    if name.startswith("test_") or name == "talib" or name in _TAKEN:
        why = "files called test_... are tests" if name.startswith("test_") else "the laboratory itself has that name"
        raise InputError(f"{name!r} can't name a component: {why}")


def _check_free(name: str, folder: Path) -> None:
    """Refuse a name that another component has: the new one would stand in its place in every strategy of the workspace."""
    own = [(folder / f"{kind}s" / f"{name}.py").resolve() for kind in ("indicator", "signal")]
    taken = {path.stem: path for place in standard_folders(folder) for path in component_files(place)}
    if name not in taken or taken[name] in own:  # what is in its own place is told apart below
        return
    free = next(each for number in count(1) if (each := f"my_{name}" + f"_{number}" * (number > 1)) not in taken)
    why = f"a strategy that says {name} would mean the new one"
    raise InputError(
        f"{name!r} is taken by {taken[name]}, and {why}; nothing was written. Take another name, such as {free!r}."
    )


def _what_is_there(path: Path) -> str:
    """Return the first line of a file that says something, for a message."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    said = next((line.strip().strip('"').strip() for line in lines if line.strip().strip('"')), "")
    return f" ({said:.80})" if said else ""


def _texts(name: str, kind: ComponentKind, files: Written, columns: Sequence[str]) -> tuple[str, str]:
    camel = "".join(part.capitalize() for part in name.split("_"))
    value = columns[0] if len(columns) == 1 else f"({' + '.join(columns)}) / {len(columns)}"
    words = columns[0] if len(columns) == 1 else f"the mean of {', '.join(columns[:-1])} and {columns[-1]}"
    arguments = f",{' ' if kind == 'indicator' else chr(10) + '    '}".join(f"{column}: Column" for column in columns)
    title = name.replace("_", " ").capitalize()
    template = _INDICATOR if kind == "indicator" else _SIGNAL
    component = template.format(name=name, camel=camel, title=title, value=value, words=words, arguments=arguments)
    golden = (_GOLDEN_INDICATOR if kind == "indicator" else _GOLDEN_SIGNAL).format(more=", value" * (len(columns) - 1))
    warmup = f'{{"{name}": 19}}' if kind == "indicator" else '{"cross_type": 0, "signal_strength": 0}'
    place = files.component.relative_to(files.component.parents[2]).as_posix()
    return component, _TEST.format(name=name, place=place, warmup=warmup, golden=golden)
