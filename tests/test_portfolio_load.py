"""A portfolio's YAML: what it may say, and every way of getting it wrong, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

import sptrader_lab as lab
from sptrader_lab.errors import InputError, StrategyError
from sptrader_lab.strategy.portfolio import is_portfolio
from sptrader_lab.strategy.schema.portfolio import Limits, Period, PortfolioAccount, Share
from sptrader_lab.strategy.schema.section import Section
from tests.conftest import ROOT

SHIPPED = ROOT / "portfolios" / "two_trends.yaml"
HEAD = "name: trial\n"
ONE = "strategies:\n  - {strategy: strategies/ma_crossover.yaml, symbols: [EURUSD]}\n"


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def problems(text: str) -> list[str]:
    with pytest.raises(StrategyError) as caught:
        lab.load_portfolio(text)
    return [f"{problem.line}: {problem.what}; {problem.rule}; {problem.nearest}" for problem in caught.value.problems]


def test_the_portfolio_that_comes_along_loads_and_says_what_it_is() -> None:
    portfolio = lab.load_portfolio(SHIPPED)
    first, second = portfolio.strategies
    assert (first.name, first.symbols, first.timeframe, first.allocation) == (
        "averages",
        ("EURUSD", "GBPUSD"),
        "1h",
        0.5,
    )
    assert portfolio.loaded[0].parameters["ma_fast_period"] == 8
    assert portfolio.loaded[1].name == "donchian_breakout"
    assert second.trade_on is None
    assert (portfolio.account.currency, portfolio.account.leverage, portfolio.account.maintenance) == (
        "EUR",
        20.0,
        0.025,
    )
    assert (portfolio.limits.correlation.limit, portfolio.limits.correlation.window) == (0.9, 100)
    assert "two_trends" in repr(portfolio)
    assert "averages: EURUSD, GBPUSD, allocation 0.5" in portfolio._repr_html_()


def test_what_is_not_said_has_defaults() -> None:
    portfolio = lab.load_portfolio(HEAD + ONE)
    assert portfolio.account == PortfolioAccount()
    assert portfolio.limits == Limits()
    assert portfolio.strategies[0].allocation == 1.0
    assert lab.load_portfolio(HEAD + "limits: {correlation: 0.8}\n" + ONE).limits.correlation.window == 100


def test_strategies_are_looked_up_from_the_portfolios_folder_then_from_here(tmp_path: Path) -> None:
    near = tmp_path / "own.yaml"
    near.write_text((ROOT / "strategies" / "ma_crossover.yaml").read_text().replace("ma_crossover\nver", "mine\nver"))
    path = tmp_path / "both.yaml"
    path.write_text(HEAD + ONE + "  - {strategy: own.yaml, symbols: [GBPUSD]}\n")
    assert [one.name for one in lab.load_portfolio(path).loaded] == ["ma_crossover", "mine"]


def test_portfolios_are_told_from_strategies(tmp_path: Path) -> None:
    assert is_portfolio(SHIPPED)
    assert is_portfolio(str(SHIPPED))
    assert not is_portfolio(ROOT / "strategies" / "ma_crossover.yaml")
    assert not is_portfolio(tmp_path / "nowhere.yaml")
    assert not is_portfolio(None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "limits: {max_drawdwn: 0.2}\n" + ONE, "2: unknown key in limits 'max_drawdwn'; known: correlation, "),
        (HEAD + "account:\n  capital: -5\n" + ONE, "3: account.capital: '-5'; must be above 0; "),
        (HEAD + "account: {type: margin}\n" + ONE, "a margin account says how much: leverage: 30"),
        (HEAD + "account: {leverage: 5}\n" + ONE, "a cash account has no leverage"),
        (
            HEAD + "limits: {correlation: {limit: 80}}\n" + ONE,
            "limits.correlation.limit: '80'; must be a fraction up to 1",
        ),
        (HEAD + "backtest: {start_date: soon}\n" + ONE, "2: backtest.start_date: 'soon'; 'soon' is not a date or time"),
        (HEAD + "alocation: 1\n" + ONE, "unknown key in the portfolio 'alocation'; known: account, backtest"),
        (HEAD, "'strategies' is missing; it is required"),
        (HEAD + "strategies: []\n", "2: strategies: a list; name at least one"),
        (HEAD + "strategies: {a: 1}\n", "2: strategies: a mapping; must be a list"),
        (HEAD + "strategies: [ma_crossover.yaml]\n", "strategies.0: 'ma_crossover.yaml'; must be a mapping of keys"),
        (HEAD + ONE + "  - {symbols: [GBPUSD]}\n", "4: 'strategies.1.strategy' is missing"),
        (HEAD + ONE.replace("EURUSD", ""), "3: strategies.0.symbols: a list; must name at least one symbol"),
        (HEAD + ONE.replace("EURUSD", "EURUSD, EURUSD"), "must name at least one symbol, and each once"),
        (HEAD + ONE.replace("]}", "], timefrme: 1h}"), "3: unknown key in strategies 'timefrme'; known: allocation"),
        (HEAD + ONE.replace("]}", "], timeframe: 7h}"), "timeframe '7h' does not divide a day evenly"),
        (HEAD + ONE.replace("]}", "], allocation: 50}"), "strategies.0.allocation: '50'; must be a fraction up to 1"),
        (
            HEAD + ONE.replace("]}", "], parameters: {fast: 1}}"),
            "3: strategies/ma_crossover.yaml: strategy 'ma_crossover': unknown",
        ),
        (HEAD + ONE.replace("ma_", "mad_"), "3: no strategy file 'strategies/mad_crossover.yaml'"),
        ("- a\n- b\n", "a portfolio is a mapping"),
        (ONE + "name: [a\n", "not valid YAML"),
    ],
)
def test_every_slip_is_answered_with_its_line_and_the_rule(text: str, said: str) -> None:
    assert any(said in line for line in problems(text)), problems(text)


def test_problems_of_strategies_are_told_beside_those_of_the_portfolio(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nentry: {when: ['close > smaa(10)']}\nexit: {stop_loss: -1}\n")
    path = tmp_path / "all.yaml"
    path.write_text(
        HEAD + "limits: {max_positions: none}\nstrategies:\n  - {strategy: wrong.yaml, symbols: [EURUSD]}\n"
    )
    with pytest.raises(StrategyError) as caught:
        lab.load_portfolio(path)
    places = {(Path(problem.file).name, problem.line) for problem in caught.value.problems}
    assert places == {("all.yaml", 2), ("wrong.yaml", 2), ("wrong.yaml", 3)}


def test_no_file_is_an_error_and_a_folder_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no strategy file"):
        lab.load_portfolio(tmp_path / "gone.yaml")
    with pytest.raises(InputError, match="is no strategy"):
        lab.load_portfolio(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("section", [PortfolioAccount, Limits, Period, Share])
def test_every_key_stands_on_the_page(section: type[Section]) -> None:
    page = (ROOT / "docs" / "portfolio.md").read_text(encoding="utf-8")
    for name in section.model_fields:
        assert f"`{name}`" in page, f"{section.__name__}.{name} is not explained in docs/portfolio.md"


BOLD = "name: bold\nentry: {when: close > sma, size: 1.5}\nexit: {when: close < sma}\n"
HOLDING = (
    "name: held\naccount: {type: margin, leverage: LEVERAGE}\nstrategies: [{strategy: bold.yaml, symbols: [EURUSD]}]\n"
)


def test_sizes_go_up_to_the_leverage_of_the_portfolio_that_holds_the_strategy(tmp_path):
    (tmp_path / "bold.yaml").write_text(BOLD)
    (path := tmp_path / "held.yaml").write_text(HOLDING.replace("LEVERAGE", "2"))
    (bold,) = lab.load_portfolio(path).loaded
    assert bold.size.value == 1.5
    assert bold.with_parameters({}).size.value == 1.5
    path.write_text(HOLDING.replace("LEVERAGE", "1.2"))
    with pytest.raises(StrategyError, match=r"must be at most the portfolio's leverage, 1.2 \(.*held.yaml:2\)"):
        lab.load_portfolio(path)
    path.write_text(HOLDING.replace("{type: margin, leverage: LEVERAGE}", "{type: cash}"))
    with pytest.raises(StrategyError, match=r"more needs type: margin in the portfolio \(.*held.yaml:2\)"):
        lab.load_portfolio(path)
