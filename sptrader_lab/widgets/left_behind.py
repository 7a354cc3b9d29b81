"""What a saved notebook shows where a widget was, once the kernel that drew it is gone.

JupyterLab prefers a widget over anything else that the same output carries, and where its model is missing it says
"Error displaying widget: model not found" instead of falling back. So the fallback is an output of its own, just before
the widget's: `left_behind.css` hides it while the widget is there, and hides JupyterLab's error when it is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from IPython import get_ipython

#: CSS class of a widget that this module stands in for.
LIVE: Final = "spt-live"
_STYLE: Final = (Path(__file__).parent / "left_behind.css").read_text(encoding="utf-8")


def leave_behind(content: str) -> bool:
    """Publish HTML that shows only without the widget that the caller displays next; False when no notebook listens."""
    shell: Any = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    shell.display_pub.publish({"text/html": f'<style>{_STYLE}</style><div class="spt-left-behind">{content}</div>'})
    return True
