"""Template: a strategy bound once, and numbers put into it for every combination of values that a sweep tries.

A plan is flattened into its *shape* (which components, conditions and levels there are, and how they hang together) and its
*numbers* (everything else, in one row). Which numbers a swept value moves is found by binding the strategy with that value and
looking; what cannot be seen that way (values that change the shape, that move the same number, that are refused) is bound in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sptrader_lab.components.spec import Spec
from sptrader_lab.strategy.binder import Call
from sptrader_lab.strategy.parameters import plain_text, typed
from sptrader_lab.strategy.plan import Plan
from sptrader_lab.strategy.tree import (
    All,
    Arithmetic,
    Compare,
    Cross,
    Either,
    Fires,
    Held,
    Name,
    Not,
    Number,
    Rolling,
    Shift,
    Silent,
)
from sptrader_lab.types.records import RULES, TARGET

#: What a plan decides on every candle: its name in the plan and the column of `Decisions` that it becomes.
ROOTS: Final = {
    "entry_long": "entry_long",
    "entry_short": "entry_short",
    "exit_long": "exit_long",
    "exit_short": "exit_short",
    "stop": "stop_atr",
    "target": "target_atr",
    "trail": "trail_atr",
    "size": "size_atr",
    "even": "even_atr",
    "long_price": "long_price",
    "short_price": "short_price",
    "long_limit": "long_limit",
    "short_limit": "short_limit",
}
#: Numbers of one name that are bound each; every further one between them must be passed on as it is.
BOUND_EACH: Final = 8

Shape = tuple[Any, ...]


class Root(NamedTuple):
    """One condition, level or ATR of a plan: its shape, and where its numbers stand."""

    shape: Shape
    first: int
    last: int


class Flat(NamedTuple):
    """A plan as shape and numbers.

    Attributes
    ----------
    shape : tuple
        Equal for plans that differ in numbers only.
    numbers : tuple
        Fields of the rules, then of the targets, then of the roots, then whatever the caller adds.
    roots : dict of str to Root
    specs : dict
        Component by its identity in shapes.
    """

    shape: Shape
    numbers: tuple[Any, ...]
    roots: dict[str, Root]
    specs: dict[Shape, Spec]


class Needed(NamedTuple):
    """One component to run: over columns of the candles or of other needed components, by their keys."""

    spec: Spec
    inputs: tuple[str, ...]
    parameters: dict[str, Any]


def flatten(plan: Plan) -> Flat:
    """Return a plan as its shape and its numbers; equal shapes and numbers decide the same on the same candles."""
    flattener = _Flattener(plan.calls)
    flattener.numbers += [plan.rules[0][name].item() for name in RULES.names or ()]
    flattener.numbers += [target[name].item() for target in plan.targets for name in TARGET.names or ()]
    distances = {name: Name(column) for name, column in plan.bound.distances.items()}
    trees: dict[str, Any] = {**plan.bound.rules, **distances, **plan.bound.prices}
    roots = {}
    for name in ROOTS:
        if name in trees:
            first = len(flattener.numbers)
            roots[name] = Root(flattener.shape(trees[name]), first, len(flattener.numbers))
    strategy = plan.strategy
    besides = strategy.filters, strategy.session, strategy.order.type
    shape = (len(plan.targets), repr(besides), tuple((name, root.shape) for name, root in roots.items()))
    return Flat(shape, tuple(flattener.numbers), roots, flattener.specs)


class _Flattener:
    """Takes trees apart; a column that a component makes becomes that component, with everything it is made of."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.made = {call.column(output.name): (call, output.name) for call in calls for output in call.spec.outputs}
        self.numbers: list[Any] = []
        self.specs: dict[Shape, Spec] = {}

    def shape(self, node: Any) -> Shape:
        """Return the shape of a condition or a value; its numbers are noted on the way."""
        if isinstance(node, Name):
            return self.column(node.text)
        if isinstance(node, Number):
            self.numbers.append(node.value)
            return (Number,)
        if isinstance(node, (All, Either)):
            return (type(node), *map(self.shape, node.items))
        if isinstance(node, Not):
            return (Not, self.shape(node.item))
        if isinstance(node, Held):
            self.numbers.append(node.bars)
            return (Held, self.shape(node.item))
        if isinstance(node, Fires):
            return (Fires, self.shape(node.event))
        if isinstance(node, Silent):
            return (Silent, self.shape(node.event), self.shape(node.kind), self.shape(node.nothing))
        if isinstance(node, Cross):
            return (Cross, node.above, self.shape(node.left), self.shape(node.right))
        if isinstance(node, Compare):
            return (Compare, node.operator, self.shape(node.left), self.shape(node.right))
        if isinstance(node, Shift):
            self.numbers.append(node.bars)
            return (Shift, self.shape(node.operand))
        if isinstance(node, Rolling):
            self.numbers.append(node.window)
            return (Rolling, node.kind, self.shape(node.operand))
        assert isinstance(node, Arithmetic), node
        return (Arithmetic, node.operator, *map(self.shape, node.operands))

    def column(self, text: str) -> Shape:
        """Return the shape of a column: a candle's own, or a component's output."""
        if text not in self.made:
            return (Name, text)
        call, output = self.made[text]
        spec = call.spec
        outputs = tuple(each.name for each in spec.outputs)
        identity = spec.name, spec.path, spec.sha256, outputs, tuple(each.name for each in spec.inputs)
        self.specs.setdefault(identity, spec)
        inputs = tuple(self.column(each) for each in call.inputs)
        self.numbers += call.parameters.values()
        return (Call, identity, output, inputs, tuple(call.parameters))


class Built(NamedTuple):
    """A root with its numbers: the condition or value over columns, and the components that make these."""

    tree: Any
    needed: dict[str, Needed]


def build(root: Root, numbers: Sequence[Any], specs: Mapping[Shape, Spec]) -> Built:
    """Put numbers into a root; components come after what they need."""
    builder = _Builder(iter(numbers[root.first : root.last]), specs)
    return Built(builder.node(root.shape), builder.needed)


class _Builder:
    """Puts trees together again, taking the numbers in the order in which they were noted."""

    def __init__(self, numbers: Any, specs: Mapping[Shape, Spec]) -> None:
        self.numbers = numbers
        self.specs = specs
        self.needed: dict[str, Needed] = {}

    def node(self, shape: Shape) -> Any:
        kind, *rest = shape
        if kind in (Name, Call):
            return Name(self.column(shape))
        if kind is Number:
            return Number(next(self.numbers))
        if kind in (All, Either):
            return kind(tuple(map(self.node, rest)))
        if kind in (Not, Fires):
            return kind(self.node(rest[0]))
        if kind is Silent:
            return Silent(*map(self.node, rest))
        if kind in (Held, Shift):  # their number stands before what is inside
            number = next(self.numbers)
            return kind(self.node(rest[0]), number)
        if kind is Rolling:
            window = next(self.numbers)
            return Rolling(rest[0], self.node(rest[1]), window)
        if kind is Arithmetic:
            return Arithmetic(rest[0], tuple(map(self.node, rest[1:])))
        left = self.node(rest[1])
        return kind(rest[0], left, self.node(rest[2]))

    def column(self, shape: Shape) -> str:
        if shape[0] is Name:
            return str(shape[1])
        _, identity, output, inputs, names = shape
        columns = tuple(self.column(each) for each in inputs)
        values = [next(self.numbers) for _ in names]
        name, _, sha256, outputs, _ = identity
        key = f"{name}({', '.join(columns)}; {values}) {sha256[:12]} {len(outputs)}"
        if key not in self.needed:
            self.needed[key] = Needed(self.specs[identity], columns, dict(zip(names, values, strict=True)))
        return f"{key}.{output}"


class Template:
    """One bound combination, and what every value of every swept name changes in its numbers.

    Not for several threads at a time.

    Parameters
    ----------
    bind : callable
        Binds a combination in full.
    base : mapping
        A combination that binds.
    refused : type
        What `bind` raises for a combination that breaks a rule.

    Attributes
    ----------
    flat : Flat
        The base, bound.
    structural : set of str
        Names that change more than numbers, or a number that another name changes too.
    """

    def __init__(
        self, bind: Callable[[Mapping[str, object]], Flat], base: Mapping[str, object], refused: type[Exception]
    ) -> None:
        self.bind = bind
        self.base = dict(base)
        self.refused = refused
        self.flat = bind(base)
        self.structural: set[str] = set()
        self.moved: dict[str, tuple[int, ...]] = dict.fromkeys(base, ())
        self.tables: dict[str, dict[str, tuple[Any, ...] | None]] = {name: {} for name in base}
        self.ends: dict[str, tuple[float, float]] = {}
        self.passing: dict[str, tuple[tuple[type, int], ...] | None] = {}

    def numbers(self, combination: Mapping[str, object]) -> list[Any] | None:
        """Return the numbers of a combination, None where it has to be bound in full.

        Raises
        ------
        KeyError
            With a name that turns out to change more than numbers; it is among `structural` from then on.
        """
        found = list(self.flat.numbers)
        for name, value in combination.items():
            moved = self._moved(name, plain_text(name, value))
            if moved is None:
                return None
            for place, number in zip(self.moved[name], moved, strict=True):
                found[place] = number
        return found

    def study(self, name: str, values: Sequence[object]) -> None:
        """Bind some of a name's values before any is asked for: of numbers the ends and others evenly between them.

        Raises
        ------
        KeyError
            As `numbers` does.
        """
        texts = list(dict.fromkeys(plain_text(name, value) for value in values))
        numeric = sorted((value, text) for text in texts if not isinstance(value := typed(text), (bool, str)))
        step = max(1.0, (len(numeric) - 1) / (BOUND_EACH - 1))
        chosen = {numeric[round(place * step)][1] for place in range(min(len(numeric), BOUND_EACH))}
        for text in texts:
            if text in chosen:
                self._moved(name, text)

    def _moved(self, name: str, text: str) -> tuple[Any, ...] | None:
        """Return the numbers that a value moves, None where it has to be bound in full."""
        table = self.tables[name]
        if text not in table:
            if len(table) >= BOUND_EACH and self._lies_between(name, text):
                return self._passed_on(name, text)
            self._learn(name, text)
        return table[text]

    def _learn(self, name: str, text: str) -> None:
        """Bind one value, all others as in the base, and note what it moves."""
        table = self.tables[name]
        try:
            flat = self.bind({**self.base, name: text})
        except self.refused:
            table[text] = None
            return
        moved = _differences(self.flat.numbers, flat.numbers)
        others = {place for other in self.moved if other != name for place in self.moved[other]}
        if flat.shape != self.flat.shape or others & set(moved):
            self.structural.add(name)
            raise KeyError(name)
        places = tuple(sorted({*self.moved[name], *moved}))
        if places != self.moved[name]:
            self._widen(name, places)
        table[text] = tuple(flat.numbers[place] for place in places)
        self.passing.pop(name, None)
        value = typed(text)
        if not isinstance(value, (bool, str)):
            low, high = self.ends.get(name, (value, value))
            self.ends[name] = min(low, value), max(high, value)

    def _widen(self, name: str, places: tuple[int, ...]) -> None:
        """Give the values known so far the base's number where only this one was seen to move it."""
        before = self.moved[name]
        for text, row in self.tables[name].items():
            if row is not None:
                known = dict(zip(before, row, strict=True))
                self.tables[name][text] = tuple(known.get(place, self.flat.numbers[place]) for place in places)
        self.moved[name] = places

    def _lies_between(self, name: str, text: str) -> bool:
        """Say whether a value is a number between some that have been bound; a new end is always bound itself."""
        value = typed(text)
        if isinstance(value, (bool, str)) or name not in self.ends:
            return False
        low, high = self.ends[name]
        return low <= value <= high

    def _passed_on(self, name: str, text: str) -> tuple[Any, ...] | None:
        """Return what a further number moves, if all values bound so far were passed on as they are, or with the sign turned."""
        if name not in self.passing:
            self.passing[name] = self._ways(name)
        ways, value = self.passing[name], typed(text)
        if ways is None or isinstance(value, (bool, str)) or any(kind(value) != value for kind, _ in ways):
            return None
        return tuple(kind(sign * value) for kind, sign in ways)

    def _ways(self, name: str) -> tuple[tuple[type, int], ...] | None:
        """Return the type and the sign in which each moved number follows the value, None where one does not."""
        rows = [(typed(text), row) for text, row in self.tables[name].items()]
        found = []
        for column, place in enumerate(self.moved[name]):
            kind = type(self.flat.numbers[place])
            for sign in (1, -1):
                if all(
                    row is not None and not isinstance(value, (bool, str)) and row[column] == sign * value
                    for value, row in rows
                ):
                    found.append((kind, sign))
                    break
            else:
                return None
        return tuple(found)


def _differences(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, ...]:
    pairs = enumerate(zip(before, after, strict=False))
    return tuple(place for place, (a, b) in pairs if a != b or type(a) is not type(b))
