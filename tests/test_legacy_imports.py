"""Modules that old files import: found for the component that asks, and for nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import numpy as np
import pytest

from sptrader_lab.components.exam import exam_candles, gather
from sptrader_lab.components.legacy import provided
from sptrader_lab.components.library import Library
from sptrader_lab.components.reading import read
from sptrader_lab.components.run import ask
from sptrader_lab.components.spec import Spec
from sptrader_lab.errors import ComponentError, ComponentFailed
from sptrader_lab.types import publishing

CANDLES = exam_candles(20)
ROOT = Path(__file__).resolve().parent.parent


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def component(folder: Path, head: str, value: str = "FACTOR", name: str = "core/indicators/trend/times.py") -> Path:
    """Write a component that multiplies the close by `value`."""
    text = f"{dedent(head)}\n__metadata__ = {{'outputs': ['out']}}\nclass Times:\n    def calculate(self, data):\n        return data['close'] * {value}\n"
    return write(folder, name, text)


def factor(spec: Spec) -> float:
    return round(float(ask(spec, gather(spec, CANDLES, Library((), ())), {}).columns[0][0] / CANDLES.close[0]), 9)


@pytest.fixture(autouse=True)
def _nothing_leaks():
    path, names = list(sys.path), {name for name in sys.modules if name.split(".")[0] == "core"}
    yield
    assert sys.path == path
    assert {name for name in sys.modules if name.split(".")[0] == "core"} == names == set()


def test_a_helper_of_the_workspace_is_its_own_file(tmp_path):
    write(tmp_path, "core/utils/scale.py", "from core.utils.deep import one as base\nFACTOR = 2.0 + base\n")
    write(tmp_path, "core/utils/deep.py", "one = 1.0\n")
    heads = (
        "from core.utils.scale import FACTOR",
        "import core.utils.scale\nFACTOR = core.utils.scale.FACTOR",
        "import core.utils.scale as scale\nFACTOR = scale.FACTOR",
        "from core.utils import scale\nFACTOR = scale.FACTOR",
        "from core import utils\nimport core.utils.scale\nFACTOR = utils.scale.FACTOR",
        "from core.utils.scale import *",
    )
    for number, head in enumerate(heads):
        spec = read(component(tmp_path, head, name=f"core/indicators/times{number}.py"))
        assert factor(spec) == 3.0, head


def test_two_workspaces_do_not_take_each_others(tmp_path):
    specs = []
    for number, name in enumerate(("one", "other"), start=1):
        write(tmp_path / name, "core/utils/scale.py", f"FACTOR = {number}.0\n")
        specs.append(read(component(tmp_path / name, "from core.utils.scale import FACTOR")))
    assert [factor(spec) for spec in specs] == [1.0, 2.0]


def test_imports_inside_a_method_find_the_same(tmp_path):
    write(tmp_path, "core/utils/scale.py", "FACTOR = 4.0\n")
    spec = read(
        component(tmp_path, "def late():\n    from core.utils.scale import FACTOR\n    return FACTOR", "late()")
    )
    assert factor(spec) == 4.0


def test_a_changed_helper_changes_the_component(tmp_path):
    helper = write(tmp_path, "core/utils/scale.py", "FACTOR = 2.0\n")
    outer = write(tmp_path, "core/utils/outer.py", "from core.utils.scale import FACTOR\n")
    path = component(tmp_path, "from core.utils.outer import FACTOR")
    first = read(path)
    assert read(path) is first
    helper.write_text("FACTOR = 5.0\n")
    assert factor(read(path)) == 5.0
    assert read(path).sha256 == first.sha256
    outer.unlink()
    with pytest.raises(
        ComponentError, match=r"No module named 'core.utils.outer': the workspace .* has no core/utils/outer.py"
    ):
        read(path)


def test_an_unchanged_helper_runs_once_for_all_components(tmp_path):
    count = tmp_path / "count"
    write(
        tmp_path, "core/utils/scale.py", f"FACTOR = 2.0\nwith open({str(count)!r}, 'a') as file:\n    file.write('x')\n"
    )
    for name in ("a", "b"):
        read(component(tmp_path, "from core.utils.scale import FACTOR", name=f"core/indicators/{name}.py"))
    assert count.read_text() == "x"


def test_packages_run_their_init_and_relative_imports_hold_inside(tmp_path):
    write(tmp_path, "core/__init__.py", "")
    write(tmp_path, "core/utils/__init__.py", "from .scale import scale\nfrom . import more\nTWO = 2.0\n")
    write(tmp_path, "core/utils/scale.py", "from ..base_number import ONE\ndef scale():\n    return 6.0 * ONE\n")
    write(tmp_path, "core/utils/more.py", "MORE = 0.5\n")
    write(tmp_path, "core/base_number.py", "ONE = 1.0\n")
    head = "from core.utils import scale, TWO, more\nFACTOR = scale() * TWO * more.MORE"
    for name in ("a", "b"):  # the package gives its name `scale` to the function, also when asked again
        assert factor(read(component(tmp_path, head, name=f"core/indicators/{name}.py"))) == 6.0


def test_helpers_that_import_each_other_are_as_python_has_them(tmp_path):
    write(tmp_path, "core/utils/a.py", "ONE = 1.0\nfrom core.utils.b import TWO\n")
    write(tmp_path, "core/utils/b.py", "import core.utils.a\nfrom core.utils.a import ONE\nTWO = ONE * 2\n")
    assert factor(read(component(tmp_path, "from core.utils.a import TWO as FACTOR"))) == 2.0


def test_dataclasses_of_a_helper_work(tmp_path):
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Scale:\n    by: float = 7.0\n"
    write(tmp_path, "core/utils/scale.py", text)
    assert factor(read(component(tmp_path, "from core.utils.scale import Scale\nFACTOR = Scale().by"))) == 7.0


def test_base_classes_are_there_without_a_workspace_of_their_own(tmp_path):
    head = "from core.base.indicator import Indicator\nfrom core.base.signal import Signal\nFACTOR = 1.0"
    text = component(tmp_path, head).read_text().replace("class Times:", "class Times(Indicator):")
    path = write(
        tmp_path,
        "core/indicators/based.py",
        text.replace("def calc", "def __init__(self):\n        super().__init__()\n    def calc"),
    )
    assert factor(read(path)) == 1.0
    lone = write(tmp_path / "elsewhere", "lone.py", text)
    assert provided.workspace_of(lone) == tmp_path
    assert factor(read(lone)) == 1.0


def test_the_workspaces_own_base_classes_win_and_what_they_leave_open_is_no_obstacle(tmp_path):
    base = """
        from abc import ABC, abstractmethod
        class Indicator(ABC):
            FACTOR = 9.0
            @property
            @abstractmethod
            def metadata(self): ...
            @abstractmethod
            def calculate(self, data): ...
    """
    write(tmp_path, "core/base/indicator.py", base)
    path = component(tmp_path, "from core.base.indicator import Indicator", "self.FACTOR")
    path.write_text(path.read_text().replace("class Times:", "class Times(Indicator):"))
    assert factor(read(path)) == 9.0
    path.write_text(path.read_text().replace("def calculate", "def compute"))
    with pytest.raises(ComponentError):
        read(path)


def test_the_loader_and_the_publisher_are_the_laboratorys_even_where_the_workspace_has_files_of_that_name(tmp_path):
    write(tmp_path, "core/data/loader.py", "raise RuntimeError('the old loader')\n")
    write(tmp_path, "core/data/export_utils.py", "FACTOR = 1.5\n")
    head = """
        from core.data.loader import load_data_from_env
        from core.data.export_utils import FACTOR
        import core.data.loader as loader
        assert loader.load_data_from_env is load_data_from_env
        assert load_data_from_env.__module__.startswith("sptrader_lab.candles.")
    """
    assert factor(read(component(tmp_path, head))) == 1.5


def test_what_is_nowhere_is_named_with_what_there_is(tmp_path):
    path = component(tmp_path, "\nfrom core.base.order import Order")
    with pytest.raises(ComponentError) as caught:
        read(path)
    assert str(caught.value).startswith(
        f"{path}:2: raises while loading: ModuleNotFoundError: No module named 'core.base.order'"
    )
    assert f"the workspace {tmp_path} has no core/base/order.py; given to every component are core.data.loader" in str(
        caught.value
    )
    path = component(tmp_path, "def late():\n    import core.missing", "late()")
    with pytest.raises(ComponentFailed, match=r"raised ModuleNotFoundError: No module named 'core\.missing'"):
        factor(read(path))
    write(tmp_path, "core/utils/needy.py", "import no_such_library_at_all\n")
    with pytest.raises(ComponentError, match="No module named 'no_such_library_at_all'"):
        read(component(tmp_path, "from core.utils import needy"))


def test_a_helper_that_raises_leaves_nothing_half_made(tmp_path):
    helper = write(tmp_path, "core/utils/scale.py", "FACTOR = 1 / 0\n")
    path = component(tmp_path, "from core.utils.scale import FACTOR")
    for _ in range(2):
        with pytest.raises(ComponentError, match=rf"{path}:1: raises while loading: ZeroDivisionError"):
            read(path)
    helper.write_text("FACTOR = 3.0\n")
    assert factor(read(path)) == 3.0


def test_a_file_may_append_to_the_path_for_itself_only(tmp_path):
    write(tmp_path, "lib/my_old_helpers.py", "FACTOR = 8.0\n")
    write(tmp_path / "second", "core/x.py", "")
    write(tmp_path / "second", "lib/my_old_helpers.py", "FACTOR = 11.0\n")
    head = """
        import os, sys
        here = os.path.abspath(__file__)
        sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(here)))), 'lib'))
        from my_old_helpers import FACTOR
    """
    assert factor(read(component(tmp_path, head))) == 8.0
    assert factor(read(component(tmp_path / "second", head))) == 11.0
    assert "my_old_helpers" not in sys.modules


def test_other_imports_are_pythons_own(tmp_path):
    head = """
        import os.path, importlib, numpy.linalg as linalg
        from collections import OrderedDict
        assert importlib.import_module('json') is __import__('json')
        FACTOR = 1.0
    """
    assert factor(read(component(tmp_path, head))) == 1.0
    path = component(tmp_path, "from ..base import indicator")
    with pytest.raises(ComponentError, match=r":1: raises while loading: .* has no core/indicators/base.py"):
        read(path)
    path = component(tmp_path, "from ......base import indicator")
    with pytest.raises(ComponentError, match=r":1: raises while loading: ImportError: attempted relative import"):
        read(path)


@pytest.mark.parametrize("root", ["core", "components"])
def test_what_begins_with_a_dot_stands_beside_the_component(tmp_path, root):
    write(tmp_path, f"{root}/indicators/trend/helper.py", "from ..more import MORE\nFACTOR = 2.0 * MORE\n")
    more = write(tmp_path, f"{root}/indicators/more.py", "MORE = 1.5\n")
    path = component(tmp_path, "from .helper import FACTOR", name=f"{root}/indicators/trend/times.py")
    assert factor(read(path)) == 3.0
    more.write_text("MORE = 2.0\n")
    assert factor(read(path)) == 4.0


def test_import_module_gives_what_the_statement_gives(tmp_path):
    write(tmp_path, "core/utils/scale.py", "FACTOR = 2.5\n")
    write(tmp_path, "lib/plain.py", "import core.utils.scale\nFACTOR = core.utils.scale.FACTOR\n")
    head = """
        import importlib, os, sys
        from core.utils import scale
        assert importlib.import_module("core.utils.scale") is scale
        from core.data import loader
        assert importlib.import_module("core.data.loader") is loader
        assert loader.__spec__.name == "sptrader_lab.candles.environment"
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "lib"))
        from plain import FACTOR
    """
    value = "importlib.import_module('core.utils.scale').FACTOR * FACTOR"
    assert factor(read(component(tmp_path, head, value))) == 6.25
    path = component(tmp_path, "import importlib\nimportlib.import_module('core.nowhere')")
    with pytest.raises(ComponentError, match=r":2: raises while loading: .* has no core/nowhere.py"):
        read(path)


def test_modules_called_core_of_the_process_itself_stay_its_own(tmp_path, monkeypatch):
    own = ModuleType("core")
    monkeypatch.setitem(sys.modules, "core", own)
    write(tmp_path, "core/scale.py", "FACTOR = 2.5\n")
    path = component(tmp_path, "import importlib\nFACTOR = importlib.import_module('core.scale').FACTOR")
    assert factor(read(path)) == 2.5
    assert sys.modules.pop("core") is own
    assert "core.scale" not in sys.modules


BY_PATH = """
    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "lib"))
"""


def test_a_changed_helper_on_the_path_changes_the_component(tmp_path):
    helper = write(tmp_path, "lib/scales.py", "from deeper import FACTOR\n")
    deeper = write(tmp_path, "lib/deeper.py", "FACTOR = 2.0\n")
    path = component(tmp_path, f"{dedent(BY_PATH)}from scales import FACTOR")
    first = read(path)
    assert read(path) is first
    assert first.function.file.used.keys() == {str(helper), str(deeper)}
    deeper.write_text("FACTOR = 5.0\n")  # as long as before, and in the same second
    assert factor(read(path)) == 5.0
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_helper_on_the_path_behind_a_shared_one_changes_both_components(tmp_path):
    write(tmp_path, "core/utils.py", "from scales import FACTOR\n")
    helper = write(tmp_path, "lib/scales.py", "FACTOR = 2.0\n")
    head = f"{dedent(BY_PATH)}from core.utils import FACTOR"
    paths = [component(tmp_path, head, name=f"core/indicators/trend/{name}.py") for name in ("a", "b")]
    assert [factor(read(path)) for path in paths] == [2.0, 2.0]
    helper.write_text("FACTOR = 3.0\n")
    assert [factor(read(path)) for path in paths] == [3.0, 3.0]


def test_installed_packages_stay_loaded_where_the_workspace_holds_them(tmp_path, monkeypatch):
    place = tmp_path / "venv" / "site"
    write(place, "installed_here.py", "FACTOR = 2.0\n")
    monkeypatch.setattr(provided, "_INSTALLED", (place,))
    monkeypatch.syspath_prepend(str(place))
    spec = read(component(tmp_path, "from installed_here import FACTOR"))
    assert factor(spec) == 2.0
    assert spec.function.file.used == {}
    monkeypatch.delitem(sys.modules, "installed_here")  # which is there


def test_what_a_component_changes_of_the_process_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("TO_GO", "1")
    head = """
        import os
        import numpy as np
        def change():
            np.seterr(all="raise")
            os.chdir("/")
            os.environ["MINE"] = os.environ["NEW"] = "2"
            os.environ.pop("TO_GO", None)
            return 1.0
        change()
    """
    before = dict(os.environ), Path.cwd(), np.geterr()
    assert factor(read(component(tmp_path, head, "change()"))) == 1.0
    assert (dict(os.environ), Path.cwd(), np.geterr()) == before


HIDDEN = {"PUBLISH_LIVE": "true", "DATA_SOURCE": "x", "TEST_DATASET": "x", "LIVE_URL": "x", "REALTIME_X": "x"}


def test_variables_that_choose_other_data_are_hidden(tmp_path, monkeypatch):
    for name, value in HIDDEN.items():
        monkeypatch.setenv(name, value)
    head = (
        f"import os\ndef seen():\n    return 1.0 + sum(name in os.environ for name in {list(HIDDEN)})\nFACTOR = seen()"
    )
    assert factor(read(component(tmp_path, head, "FACTOR * seen()"))) == 1.0
    assert HIDDEN.items() <= os.environ.items()


def test_nothing_is_published_while_a_class_is_loaded_or_asked(tmp_path, monkeypatch):
    door = socket.create_server(("127.0.0.1", 0))
    door.settimeout(0.2)
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{door.getsockname()[1]}")
    head = """
        import subprocess, sys, threading
        from core.data.signal_publisher import SignalPublisher
        publisher = SignalPublisher()
        def tell():
            told = [publisher.publish_signal("x", "up", 1.0), SignalPublisher().publish_price_update({"EURUSD": 1.0})]
            other = threading.Thread(target=lambda: told.append(publisher.publish_signal("x", "up", 1.0)))
            other.start()
            other.join()
            code = "from sptrader_lab.streams.publisher import SignalPublisher as P; print(P().publish_signal('x', 'up', 1.0))"
            told.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout != "False\\n")
            return 1.0 + sum(told)
        FACTOR = tell()
    """
    spec = read(component(tmp_path, head, "FACTOR * tell()"))
    answer = ask(spec, gather(spec, CANDLES, Library((), ())), {})
    assert factor(spec) == 1.0
    assert "not published: this is a backtest" in answer.log
    with pytest.raises(TimeoutError), door:  # nobody has even knocked
        door.accept()
    assert not publishing.publishing_is_off()


def test_the_workspace_is_the_nearest_folder_that_holds_core_or_components(tmp_path):
    inner = write(tmp_path, "outer/components/signals/deep/x.py", "")
    (tmp_path / "core").mkdir()
    assert provided.workspace_of(inner) == tmp_path / "outer"
    assert provided.workspace_of(tmp_path / "strategies" / "x.py") == tmp_path
    assert provided.workspace_of(ROOT / "sptrader_lab" / "components" / "spec.py") == ROOT


CHILD = """
import sys
from pathlib import Path
from sptrader_lab.components.legacy import provided
provided.install(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
"""


def child(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD + dedent(code), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_child_process_finds_the_same_modules(tmp_path):
    write(tmp_path, "core/utils/scale.py", "from .deep import ONE\nFACTOR = 2.0\n")
    write(tmp_path, "core/utils/deep.py", "ONE = 1\n")
    write(tmp_path, "core/data/loader.py", "raise RuntimeError('the old loader')\n")
    write(tmp_path, "core/base/signal.py", "class Signal:\n    own = True\n")
    done = child(
        """
        import importlib
        import core.utils.scale
        from core.base.indicator import Indicator
        from core.base.signal import Signal
        from core.data.loader import load_data_from_env
        from core.data import loader
        print(core.utils.scale.FACTOR, Signal.own, Indicator.__module__, loader.load_data_from_env is load_data_from_env)
        try:
            importlib.import_module("core.orders.market")
        except ModuleNotFoundError as error:
            print(error)
        """,
        str(tmp_path),
    )
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "2.0 True sptrader_lab.components.legacy.indicator True"
    assert second.startswith(f"No module named 'core.orders': the workspace {tmp_path} has no core/orders.py")


def test_a_child_process_without_a_workspace_has_what_is_given():
    done = child("from core.base.signal import Signal\nimport core.data.loader\nprint(Signal.__name__)\n")
    assert (done.stdout, done.stderr) == ("Signal\n", "")
