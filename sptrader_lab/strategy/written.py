"""Written: conditions and values of the tree as text again, such as an expression would write them."""

from __future__ import annotations

from sptrader_lab.strategy.tree import Arithmetic, Compare, Cross, Name, Number, Rolling, Shift, Value


def condition_text(node: Compare | Cross) -> str:
    """Return a comparison or a crossing as an expression would write it."""
    left, right = value_text(node.left), value_text(node.right)
    if isinstance(node, Compare):
        return f"{left} {node.operator} {right}"
    return f"crosses_{'above' if node.above else 'below'}({left}, {right})"


def value_text(node: Value) -> str:
    """Return a value as an expression would write it."""
    if isinstance(node, Number):
        return node.text or f"{node.value:.12g}"
    if isinstance(node, Name):
        return node.text
    if isinstance(node, Shift):
        return f"shift({value_text(node.operand)}, {node.bars})"
    if isinstance(node, Rolling):
        return f"{_bracketed(node.operand)}.rolling({node.window}).{node.kind}()"
    if node.operator not in "+-*/":
        return f"{node.operator}({', '.join(map(value_text, node.operands))})"
    left, right = map(_bracketed, node.operands)
    negative = node.operator == "-" and node.operands[0] == Number(0.0)  # that is how `-x` is read
    return f"-{right}" if negative else f"{left} {node.operator} {right}"


def _bracketed(node: Value) -> str:
    """Return the text of an operand, in brackets where it is a sum or a product itself."""
    inner = value_text(node)
    return f"({inner})" if isinstance(node, Arithmetic) and node.operator in "+-*/" else inner
