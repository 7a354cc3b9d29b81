"""Reference: every key of a strategy as one page, made from the models that read them."""

from __future__ import annotations

from typing import Final

from sptrader_lab.strategy.describe import SECTIONS, keys
from sptrader_lab.strategy.examples import EXAMPLES
from sptrader_lab.strategy.legacy import MEANINGLESS
from sptrader_lab.strategy.schema.section import Section
from sptrader_lab.strategy.schema.sections import SignalConfig
from sptrader_lab.strategy.strategy import Strategy
from sptrader_lab.strategy.unavailable import KEYS

_HEAD: Final = """\
# Every key of a strategy

Made by `make reference` from the models that read the file; how things work together is told in [strategies](strategy.md),
rules such as S10 in [what a run means](semantics.md).

`parameters.NAME` may stand wherever a value may. A `-` under default means that the key may be left out and then has no effect.

Editors complete and check these keys from `sptrader_lab/strategy/schema/strategy.schema.json` (`sptrader-lab strategy schema`
prints it). In VS Code with the YAML extension, put this on the first line of a strategy, with the path as seen from the file:

```yaml
# yaml-language-server: $schema=../sptrader_lab/strategy/schema/strategy.schema.json
```

What a schema cannot know (components, names in expressions, sizes beside an account's leverage) `sptrader-lab strategy check` says.
"""


def reference() -> str:
    """Return the reference page, Markdown."""
    parts = [_HEAD, *(_section(heading, model) for heading, model in SECTIONS.items()), _without_effect(), _later()]
    return "\n".join(parts)


def _section(heading: str, model: type[Section]) -> str:
    about = "What a file holds." if model is Strategy else (model.__doc__ or "").strip().splitlines()[0]
    short = ""
    if model.short_shape is not None:
        short = f"\nOne value may stand instead of the mapping: {model.short_shape.words}.\n"
    if model is SignalConfig:
        short = "\nParameters of the signal may stand beside these keys.\n"
    rows = "".join(
        f"| `{key.name}` | {key.shape.words} | {key.default} | {key.rule} | {key.meaning} |\n" for key in keys(model)
    )
    examples = "".join(f"\n```yaml\n{example}```\n" for example in EXAMPLES[heading])
    table = f"\n| key | type | default | rule | meaning |\n|---|---|---|---|---|\n{rows}"
    return f"## {heading}\n\n{about}\n{short}{table}{examples}"


def _without_effect() -> str:
    rows = "".join(f"| `{section}.{key}` | {why} |\n" for (section, key), why in MEANINGLESS.items())
    return (
        "## Accepted without effect\n\nKeys of older files that mean nothing any more, or not yet; each is reported as a warning "
        f"(`strategy.warnings`).\n\n| key | why |\n|---|---|\n{rows}"
    )


def _later() -> str:
    rows = "".join(f"| `{key}` | {asked} |\n" for key, asked in sorted(KEYS.items()))
    return (
        "## Not available in this version\n\nA file that asks for one of these is refused with that reason, never run as something "
        f"else.\n\n| key | what it asks for |\n|---|---|\n{rows}"
    )
