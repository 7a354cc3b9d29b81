"""Notes: what a reader must know beside the numbers, what is worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sptrader_lab.types.reasons import PLAIN, REASONS

if TYPE_CHECKING:
    from sptrader_lab.results.result import Result

#: How a note begins that makes every other number doubtful.
ALARM: Final = "LOOKS AHEAD"
_NOTHING_MOVED: Final = "no value moved"
_NOT_CHECKED: Final = "NOT CHECKED"
#: How remarks on a file's keys end that do nothing, and how many of them stand in full.
_IDLE: Final = (" has no effect", " have no effect")
_MOST_IDLE: Final = 3
_EXPLAINED: Final = {word: PLAIN.get(code, "") for code, word in enumerate(REASONS)}


def notes(result: Result) -> list[str]:
    """Return alarms, then what failed, ambiguity, refusals, open positions, checks, and what is without effect."""
    alarms = [text for text in result.warnings if text.startswith(ALARM)]
    idle = [text for text in result.warnings if text not in alarms and _idle_key(text)]
    others = [text for text in result.warnings if text not in alarms and text not in idle]
    return [
        *alarms,
        *(f"warning: {text}" for text in others),
        *_beside_the_numbers(result),
        *(f"warning: {text}" for text in _shortened(idle)),
    ]


def _beside_the_numbers(result: Result) -> list[str]:
    found = []
    if result.outcome.path_mattered and result.profit_band_known:
        low, high = (f"{value:,.2f}" for value in result.profit_band)
        count = result.ambiguous_trades
        doubt = f"ambiguous trades: {count}" if count else "what came first inside a bar has mattered"
        found.append(f"{doubt}, the profit lies between {low} and {high}")
    elif result.ambiguous_trades:
        found.append(
            f"ambiguous trades: {result.ambiguous_trades}; what they could change was not kept, a new run says it"
        )
    if result.refusal_counts:
        counts = (f"{reason} {count:,} ({_EXPLAINED[reason]})" for reason, count in result.refusal_counts.items())
        found.append(f"refused entries: {', '.join(counts)}")
    if len(result.outcome.positions):
        found.append(f"positions open at the end: {len(result.outcome.positions)}, marked at the last close")
    if result.lookahead and not result.lookahead.startswith(ALARM):
        found.append(f"look-ahead: {_checked(result.lookahead)}")
    if result.logs:
        found.append(
            f"components that printed something: {len(result.logs)}; `result.logs` has it, and --logs on the command line"
        )
    return found


def _checked(lookahead: str) -> str:
    """Return what the look-ahead check covered; of several strategies and symbols in one sentence."""
    parts = lookahead.count(_NOTHING_MOVED)
    if parts < 2 or lookahead.startswith(_NOT_CHECKED):
        return lookahead
    return f"{_NOTHING_MOVED} in any of {parts} parts, one per strategy and symbol; `result.lookahead` says how much was run again"


def _idle_key(text: str) -> str:
    """Return the key that a remark calls idle, "" for another remark."""
    head = next((text.partition(words)[0] for words in _IDLE if words in text), "")
    return head.rpartition(": ")[2]


def _shortened(idle: list[str]) -> list[str]:
    """Return a few remarks as they are, many in one line: files of the older system have many such keys."""
    if len(idle) <= _MOST_IDLE:
        return idle
    keys = ", ".join(_idle_key(text) for text in idle)
    return [f"{len(idle)} keys have no effect: {keys}; `result.warnings` and `sptrader-lab strategy check` say why"]
