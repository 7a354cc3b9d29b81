"""Look-ahead of components of the older styles (S2): caught as native ones are, named with what makes them, and gone on with if asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sptrader_lab as lab
from sptrader_lab.backtesting.lookahead import check, prefix_lengths
from sptrader_lab.cli.main import main
from sptrader_lab.components.library import Library, own_library, scan
from sptrader_lab.components.spec import Input, Output, Spec
from sptrader_lab.errors import InputError, LookaheadError
from sptrader_lab.strategy.load import load_strategy
from sptrader_lab.strategy.plan import make_plan
from sptrader_lab.types.candles import Candles
from sptrader_lab.types.instants import parse_time
from tests.older_files import RSI_OVERSOLD, write, write_workspace

CONFIRMED = """\
name: confirmed
signal_config: {ma_crossover: {parameters: {confirmation_bars: BARS, min_separation: 0.00001}}}
entry: {when: [{signal: ma_crossover, outputs: {crossover_type: golden_cross}}], size: 0.1}
exit: {max_holding_period: 5}
"""
OVERSOLD = """\
name: oversold
dependencies: {indicators: [core.indicators.momentum.simple_rsi]}
signal_config: {rsi_oversold: {parameters: {min_bars: BARS}}}
entry: {when: [{signal: rsi_oversold}], size: 0.1}
exit: {max_holding_period: 5}
"""
SAID = re.compile(
    r"(?P<who>\w+)\(.*\) looks ahead: output '(?P<output>\w+)' at bar (?P<bar>\d+) \((?P<when>\S+) UTC\) is (?P<full>\S+) when bars "
    r"(?P<first>[\d,]+) to (?P<stop>[\d,]+) are known, but (?P<part>\S+) when only those up to (?P<last>[\d,]+) are \(S2\)\. "
    r"See (?P<file>\S+);.*?(Responsible is (?P<parameter>\w+)=(?P<now>\S+): with \w+=(?P<other>\S+)(?P<default> \(its default\))? no value moves\.)?( To run it all the same: .*)?$"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return write_workspace(tmp_path / "old")


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Candles:
    """The sample candles that every installation has."""
    return lab.CandleStore(tmp_path_factory.mktemp("data")).candles("EURUSD", "1h")


def strategy(folder: Path, text: str, bars: int) -> Path:
    return write(folder / "strategies" / "x.yaml", text.replace("BARS", str(bars)))


def accused(path: Path, candles: Candles) -> re.Match[str]:
    with pytest.raises(LookaheadError) as caught:
        lab.backtest(path, candles)
    said = SAID.search(str(caught.value))
    assert said, str(caught.value)
    return said


@pytest.mark.parametrize("bars", [2, 3, 5])
def test_a_confirmation_by_later_bars_is_caught_and_its_parameter_named(
    workspace: Path, hours: Candles, bars: int
) -> None:
    said = accused(strategy(workspace, CONFIRMED, bars), hours)
    assert (said["who"], said["parameter"], said["now"]) == ("ma_crossover", "confirmation_bars", str(bars))
    assert (said["other"], said["default"]) == ("1", " (its default)")
    assert said["file"].endswith("ma_crossover.py")
    assert parse_time(said["when"]) == hours.time[int(said["bar"])]
    assert said["full"] != said["part"]
    last = int(said["last"].replace(",", ""))
    assert last - bars < int(said["bar"]) <= last


def test_without_the_confirmation_nothing_is_suspected(workspace: Path, hours: Candles) -> None:
    result = lab.backtest(strategy(workspace, CONFIRMED, 1), hours)
    assert "no value moved" in result.lookahead
    assert not any("LOOKS AHEAD" in one for one in result.warnings)


def test_a_peek_that_is_there_by_default_is_caught_with_a_value_that_stops_it(workspace: Path, hours: Candles) -> None:
    said = accused(strategy(workspace, OVERSOLD, 2), hours)
    assert (said["who"], said["parameter"], said["now"], said["other"]) == ("rsi_oversold", "min_bars", "2", "1")
    assert said["default"] is None
    assert "no value moved" in lab.backtest(strategy(workspace, OVERSOLD, 1), hours).lookahead


@pytest.mark.parametrize(("text", "bars"), [(CONFIRMED, 2), (OVERSOLD, 2)])
def test_they_are_caught_on_real_candles(workspace: Path, eurusd_1h: Candles, text: str, bars: int) -> None:
    assert accused(strategy(workspace, text, bars), eurusd_1h)["parameter"] in ("confirmation_bars", "min_bars")


def test_a_component_that_peeks_whatever_its_parameters_blames_none(workspace: Path, hours: Candles) -> None:
    """A silent component proves nothing: with oversold_threshold=0 this one says nothing at all."""
    always = RSI_OVERSOLD.replace(
        "return held & ~low.shift(-1, fill_value=False)", "return low.shift(-2, fill_value=False)"
    )
    always = always.replace("return low & ~low.shift(1, fill_value=True)", "return low.shift(-1, fill_value=False)")
    write(workspace / "core/signals/rsi_oversold.py", always)
    assert accused(strategy(workspace, OVERSOLD, 2), hours)["parameter"] is None


def test_an_answer_in_words_is_told_in_words(workspace: Path, hours: Candles) -> None:
    source = (workspace / "core/signals/ma_crossover.py").read_text()
    late = source.replace('"signal": up | down', '"signal": pd.Series(1.0, index=data.index)')
    write(workspace / "core/signals/ma_crossover.py", late)
    said = accused(strategy(workspace, CONFIRMED, 3), hours)
    assert said["output"] == "crossover_type"
    assert {said["full"], said["part"]} <= {"'none'", "'golden_cross'", "'death_cross'"}


HOURLY = """
__metadata__ = {"name": "hourly", "outputs": ["hourly"], "parameters": {"hour": {"type": "int", "default": 9, "min": 0, "max": 23}}}


class Hourly:
    def __init__(self, hour=9):
        self.hour = hour

    def calculate(self, data):
        line = data["close"].shift(1)
        where = WHERE
        line[where] = data["close"].shift(-1)[where]
        return line
"""


@pytest.mark.parametrize("where", ["data.index.hour == self.hour", "data.index.dayofweek == 4"])
def test_a_class_can_tell_the_hour_so_peeks_in_one_are_looked_for(workspace: Path, hours: Candles, where: str) -> None:
    """Once a day, one day a week."""
    write(workspace / "core/indicators/hourly.py", HOURLY.replace("WHERE", where))
    text = "name: x\nentry: {when: hourly > close, size: 0.1}\nexit: {max_holding_period: 2}\n"
    said = accused(strategy(workspace, text, 0), hours)
    assert said["who"] == "hourly"
    opened = pd.Timestamp(said["when"])
    assert opened.hour == 9 if "hour" in where else opened.day_of_week == 4


# Going on


def test_a_default_that_peeks_too_does_not_hide_the_parameter(workspace: Path, hours: Candles) -> None:
    """With the default nothing is proved; with the least value it is."""
    path = workspace / "core/signals/ma_crossover.py"
    honest = '"confirmation_bars": {"type": "int", "default": 1, "min": 1, "max": 5}'
    text = path.read_text()
    assert honest in text
    text = text.replace(honest, honest.replace('"default": 1', '"default": 2'))
    write(path, text.replace("confirmation_bars=1)", "confirmation_bars=2)"))
    with pytest.raises(LookaheadError) as raised:
        lab.backtest(strategy(workspace, CONFIRMED, 3), hours)
    assert "Responsible is confirmation_bars=3: with confirmation_bars=1 no value moves." in str(raised.value)
    assert str(raised.value).endswith('To run it all the same: on_lookahead="warn", --on-lookahead warn.')


def test_a_run_may_go_on_and_then_says_so_everywhere(workspace: Path, hours: Candles, tmp_path: Path) -> None:
    path = strategy(workspace, CONFIRMED, 3)
    result = lab.backtest(path, hours, on_lookahead="warn")
    assert result.warnings[0].startswith("LOOKS AHEAD: ma_crossover(")
    assert "Responsible is confirmation_bars=3" in result.warnings[0]
    assert result.lookahead.startswith("LOOKS AHEAD: ma_crossover(")
    assert "values of 1 of 3 moved" in result.lookahead
    assert "LOOKS AHEAD: ma_crossover(" in result.describe()
    assert result.manifest["on_lookahead"] == "warn"
    assert len(result.trades) > 20
    assert result.digest == lab.backtest(path, hours, lookahead="off").digest
    again = lab.rerun(result.save(tmp_path / "runs"), tmp_path / "runs")
    assert again.same
    assert again.result.lookahead.startswith("LOOKS AHEAD")


def test_every_component_is_reported_once(workspace: Path, hours: Candles) -> None:
    text = OVERSOLD.replace(
        "{signal: rsi_oversold}", "{any: [{signal: rsi_oversold}, {signal: ma_crossover}]}"
    ).replace(
        "rsi_oversold: {parameters", "ma_crossover: {parameters: {confirmation_bars: 2}}, rsi_oversold: {parameters"
    )
    other = Candles(
        "GBPUSD", "1h", hours.time, *(getattr(hours, name) for name in ("open", "high", "low", "close", "volume"))
    )
    result = lab.backtest(strategy(workspace, text, 2), [hours, other], on_lookahead="warn")
    found = [one for one in result.warnings if one.startswith("LOOKS AHEAD")]
    assert sorted(one.split("(")[0] for one in found) == ["LOOKS AHEAD: ma_crossover", "LOOKS AHEAD: rsi_oversold"]


def test_exhaustive_and_off_know_the_choice_too(workspace: Path, hours: Candles) -> None:
    path = strategy(workspace, OVERSOLD, 2)
    few = hours.rows(0, 1500)
    found = lab.backtest(path, few, lookahead="exhaustive", on_lookahead="warn")
    assert found.lookahead.startswith("LOOKS AHEAD")
    assert "switched off" in lab.backtest(path, few, lookahead="off", on_lookahead="warn").lookahead
    with pytest.raises(InputError, match=r"unknown on_lookahead 'warm'.*'warn'"):
        lab.backtest(path, few, on_lookahead="warm")  # type: ignore[arg-type]


def test_the_command_line_goes_on_when_asked(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(strategy(workspace, CONFIRMED, 3))
    options = [
        "backtest",
        path,
        "--symbol",
        "EURUSD",
        "--data",
        str(tmp_path / "data"),
        "--from",
        "2025-01-01",
        "--json",
    ]
    assert main(options) == 2 or "looks ahead" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*options, "--on-lookahead", "warn"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["lookahead"].startswith("LOOKS AHEAD")
    assert told["warnings"][0].startswith("LOOKS AHEAD")


# What can't be checked

REFUSING = """
import pandas as pd

__metadata__ = {"name": "refusing", "outputs": ["refusing"]}


class Refusing:
    def calculate(self, data):
        if len(data) < LEAST:
            raise ValueError("too short")
        return pd.DataFrame({"refusing": data["close"].shift(-1)})
"""
REFUSED = "name: x\nentry: {when: refusing > close, size: 0.1}\nexit: {max_holding_period: 1}\n"


def test_what_fails_on_all_fewer_candles_is_not_called_honest(workspace: Path, hours: Candles, tmp_path: Path) -> None:
    """Nothing was compared, so nothing is known: the run ends, or goes on and says so everywhere."""
    write(workspace / "core/indicators/refusing.py", REFUSING.replace("LEAST", "300"))
    path, few = strategy(workspace, REFUSED, 0), hours.rows(0, 300)
    with pytest.raises(
        LookaheadError, match=r"(?s)refusing\(\) could not be checked.*on_lookahead=\"warn\".*lookahead=\"off\""
    ):
        lab.backtest(path, few)
    names = ("open", "high", "low", "close", "volume")
    more = [Candles(name, "1h", few.time, *(getattr(few, each) for each in names)) for name in ("GBPUSD", "AUDUSD")]
    for given in (few, [few, *more]):
        result = lab.backtest(path, given, on_lookahead="warn")
        assert [one.split("(")[0] for one in result.warnings if "NOT CHECKED" in one] == [
            "NOT CHECKED FOR LOOK-AHEAD: refusing"
        ]
        assert result.lookahead.startswith("NOT CHECKED FOR LOOK-AHEAD: refusing()")
        assert "no value moved" not in result.lookahead
        assert "look-ahead: NOT CHECKED" in result.describe()
        assert len(result.trades) > 20
    assert "switched off" in lab.backtest(path, few, lookahead="off").lookahead
    assert lab.rerun(lab.backtest(path, few, on_lookahead="warn").save(tmp_path), tmp_path).same


def test_what_fails_on_short_parts_is_asked_on_long_ones(workspace: Path, hours: Candles) -> None:
    """Every usual part of 12,456 candles is shorter than 9,000."""
    write(workspace / "core/indicators/refusing.py", REFUSING.replace("LEAST", "9000"))
    assert accused(strategy(workspace, REFUSED, 0), hours)["who"] == "refusing"
    honest = REFUSING.replace("LEAST", "9000").replace("shift(-1)", "shift(1)")
    write(workspace / "core/indicators/refusing.py", honest)
    assert "no value moved" in lab.backtest(strategy(workspace, REFUSED, 0), hours).lookahead


# Scripts


class Counted:
    """A stand-in for the function of a script: it has the same attribute, and counts how often it is asked."""

    def __init__(self, *, batch: bool, later: bool) -> None:
        self.batch, self.later, self.asked = batch, later, 0

    def __call__(self, _market: object, *columns: np.ndarray, **_parameters: object) -> np.ndarray:
        self.asked += 1
        close = columns[4]
        return np.append(close[1:], close[-1:]) if self.later else close * 1.0


def script(function: Counted) -> Spec:
    inputs = tuple(map(Input, ("time", "open", "high", "low", "close", "volume")))
    return Spec("told", "indicator", "", inputs, (), (Output("told"),), function, "/told.py", "0" * 64, "script")


def checked(function: Counted, candles: Candles, text: str = "told > 1"):
    library = Library((), (script(function), *scan(own_library()).entries))
    made = make_plan(load_strategy(f"name: x\nentry: {{when: {text}, size: 0.1}}\n", library=library), library)
    return check(made, candles, made.compute(candles), prefix_lengths(len(candles), "seed"))


def test_a_script_asked_candle_by_candle_is_not_run_again(hours: Candles) -> None:
    alone, beside = (Counted(batch=False, later=False) for _ in range(2))
    assert (
        "nothing to check; 1 ran candle by candle and had nothing later, by construction"
        in checked(alone, hours).covered
    )
    said = checked(beside, hours, "told > sma").covered
    assert "no value moved" in said
    assert "(1 on " in said
    assert "1 ran candle by candle" in said
    assert alone.asked == beside.asked == 1


def test_a_script_over_all_candles_is_checked_like_any_other(hours: Candles) -> None:
    honest = Counted(batch=True, later=False)
    assert "no value moved" in checked(honest, hours).covered
    assert honest.asked > 20
    with pytest.raises(LookaheadError, match=r"told\(\) looks ahead"):
        checked(Counted(batch=True, later=True), hours)
