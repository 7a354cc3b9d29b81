"""An explanation as HTML for a notebook cell; it takes the page's own colours, light or dark."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from sptrader_lab.results.explanation import MARKS, Explanation, Part
from sptrader_lab.results.explanation_text import facts, numbers, place

if TYPE_CHECKING:
    from sptrader_lab.strategy.explain import Judged

_SIGNS: Final = {True: "\N{CHECK MARK}", False: "\N{MULTIPLICATION X}", None: "?"}
_STYLE: Final = """
.spt-explain { color: var(--jp-ui-font-color1, inherit); max-width: 1060px;
  font: 13px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.spt-explain section { border: 1px solid var(--jp-border-color2, #8885); border-radius: 8px; padding: 10px 14px; margin: 0 0 10px; }
.spt-explain header { opacity: .72; font-size: 12px; }
.spt-explain .spt-headline { font-size: 15px; font-weight: 600; line-height: 1.4; margin: 2px 0 8px; overflow-wrap: anywhere; }
.spt-explain dl { display: grid; grid-template-columns: max-content 1fr; gap: 1px 14px; margin: 0; }
.spt-explain dt { opacity: .65; font-weight: 400; }
.spt-explain dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.spt-explain .spt-rules { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 8px 22px;
  margin-top: 10px; padding-top: 8px; border-top: 1px solid var(--jp-border-color2, #8885); }
.spt-explain ul { list-style: none; margin: 0; padding: 0; }
.spt-explain li { margin: 1px 0; padding-left: 18px; text-indent: -18px; overflow-wrap: anywhere; }
.spt-explain code { font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; background: none; padding: 0; color: inherit; }
.spt-explain li small { opacity: .72; font-size: 12px; font-variant-numeric: tabular-nums; }
.spt-explain i { display: inline-block; width: 18px; text-indent: 0; font-style: normal; font-weight: 700; }
.spt-explain .spt-true > i { color: #0b8a68; } .spt-explain .spt-false > i { color: #d64533; }
.spt-explain .spt-undefined > i { color: #b86e00; }
body[data-jp-theme-light="false"] .spt-explain .spt-true > i { color: #2fd0a2; }
body[data-jp-theme-light="false"] .spt-explain .spt-false > i { color: #ff7b68; }
body[data-jp-theme-light="false"] .spt-explain .spt-undefined > i { color: #f2a93b; }
"""


def to_html(explanation: Explanation) -> str:
    """Return the explanation as HTML with its own style."""
    notes = "".join(f"<div>{html.escape(note)}</div>" for note in explanation.notes)
    parts = "".join(map(_part, explanation.parts))
    return f'<style>{_STYLE}</style><div class="spt-explain">{notes}{parts}</div>'


def _part(part: Part) -> str:
    rows = "".join(f"<dt>{label}</dt><dd>{'<br>'.join(map(html.escape, lines))}</dd>" for label, lines in facts(part))
    rules = part.reasons.rules if part.reasons else {}
    trees = "".join(f"<ul>{_rule(name, rule)}</ul>" for name, rule in rules.items())
    below = f'<div class="spt-rules">{trees}</div>' if trees else ""
    return (
        f"<section><header>{html.escape(part.title)}</header>"
        f'<div class="spt-headline">{html.escape(part.headline)}</div><dl>{rows}</dl>{below}</section>'
    )


def _rule(name: str, judged: Judged) -> str:
    word = MARKS[judged.truth]
    return (
        f'<li class="spt-{word}"><i>{_SIGNS[judged.truth]}</i><b>{name}</b> is {word}<ul>{_condition(judged)}</ul></li>'
    )


def _condition(judged: Judged) -> str:
    said = html.escape(" \N{MIDDLE DOT} ".join(filter(None, (numbers(judged), "" if judged.parts else place(judged)))))
    inner = "".join(map(_condition, judged.parts))
    text, word = html.escape(judged.text), MARKS[judged.truth]
    shown = text if judged.parts else f"<code>{text}</code>"
    shown += (f" <small>{said}</small>" if said else "") + (f"<ul>{inner}</ul>" if inner else "")
    return f'<li class="spt-{word}"><i title="{word}">{_SIGNS[judged.truth]}</i>{shown}</li>'
