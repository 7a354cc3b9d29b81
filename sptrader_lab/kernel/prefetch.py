"""Prefetch: ask the processor for memory that will be needed soon. It changes no value anywhere.

Quiet bars read little, so the prices of the rare eventful bar used to come from main memory, one miss after the other:
a third of all time. Asking for them some bars earlier costs next to nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numba
from llvmlite import ir
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from sptrader_lab.kernel.compile import inlined
from sptrader_lab.kernel.state import Market

#: How many bars ahead to look: some 100 ns of quiet bars, as long as main memory takes.
AHEAD: Final = 32

_settings: Any = numba.config
cgutils: Any = _cgutils  # untyped
_COMPILING: Final = not _settings.DISABLE_JIT


def _emit(_context: Any, array: Any, index: Any) -> Any:
    """Emit one prefetch instruction for `array[index]`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = cgutils.get_item_pointer(
            context, builder, signature.args[0], values, [arguments[1]], wraparound=False
        )
        number = ir.IntType(32)
        byte = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [byte, number(0), number(3), number(1)])  # to read, keep it, data
        return context.get_dummy_value()

    return numba.types.void(array, index), generate


_touch: Any = intrinsic(_emit)


@inlined
def expect(market: Market, row: int) -> None:
    """Ask for the candle at `row`, which need not exist; interpreted code has no use for it and does nothing."""
    if _COMPILING and row < len(market.open):
        _touch(market.time, row)
        _touch(market.open, row)
        _touch(market.high, row)
        _touch(market.low, row)
        _touch(market.close, row)
