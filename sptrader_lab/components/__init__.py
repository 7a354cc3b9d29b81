"""Components: find, describe, run and examine indicators and signals.

The words that a component file needs are exported here; everything else lives in its module.
"""

from sptrader_lab.components.defined import where_defined
from sptrader_lab.components.scripts.speak import run_as_script
from sptrader_lab.components.words import Bounds, Choices, Column, Labels, Requires

__all__ = ["Bounds", "Choices", "Column", "Labels", "Requires", "run_as_script", "where_defined"]
