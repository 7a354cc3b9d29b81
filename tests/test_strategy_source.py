"""YAML source: lines, texts, duplicates, limits."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader_lab.strategy.source import Listed, Mapped, Problems, Scalar, line_at, read


def tree_of(text: str) -> Mapped:
    problems = Problems("s.yaml")
    tree = read(text, problems)
    assert not problems, problems.found
    assert isinstance(tree, Mapped)
    return tree


def problem_of(text: str) -> str:
    problems = Problems("s.yaml")
    read(text, problems)
    assert len(problems.found) == 1, problems.found
    return str(problems.found[0])


@pytest.mark.parametrize("text", ["1:30", "on", "00:00-23:59", "010", "1_000", "2025-01-01", "yes", "0x10", ".5"])
def test_a_scalar_keeps_the_text_that_stands_in_the_file(text):
    assert tree_of(f"key: {text}")["key"] == text


def test_a_key_called_on_stays_a_word():
    assert list(tree_of("on: 1\nyes: 2\n1: 3")) == ["on", "yes", "1"]


def test_nothing_after_a_colon_is_no_value():
    assert tree_of("a:\nb: ~\nc: null\nd: ''") == {"a": None, "b": None, "c": None, "d": ""}


def test_a_duplicate_key_is_refused_with_both_lines():
    assert problem_of("a: 1\nb: 2\na: 3") == "s.yaml:3: key 'a' stands twice; it was already given on line 1"


def test_a_duplicate_inside_a_flow_mapping_is_refused_too():
    assert "'x' stands twice" in problem_of("a: {x: 1, x: 2}")


def test_every_value_knows_its_line():
    tree = tree_of("a: 1\nb:\n  - c: 2\n  - d: {e: 3,\n        f: 4}\n")
    assert line_at(tree, ("b", 0, "c")) == 3
    assert line_at(tree, ("b", 1, "d", "f")) == 5
    assert line_at(tree, ("b", 1, "d", "missing")) == 4
    assert line_at(tree, ("missing",)) == 1


def test_anchors_and_merge_keys_work_and_the_mapping_itself_wins():
    tree = tree_of("base: &b {x: 1, y: 2}\nother: {<<: *b, y: 3}\nlist: [*b, *b]")
    assert tree["other"] == {"x": "1", "y": "3"}
    assert tree["list"] == [{"x": "1", "y": "2"}] * 2


def test_a_tab_is_refused_with_its_line_and_what_to_do():
    assert problem_of("a:\n\t- b").startswith("s.yaml:2: not valid YAML")
    assert "indent with spaces" in problem_of("a:\n\t- b")


def test_an_unclosed_quote_is_refused_with_its_line():
    found = problem_of("a: 1\nb: 'text\n")
    assert found.startswith("s.yaml:")
    assert "quote" in found


def test_an_alias_bomb_is_refused_at_once():
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
    started = time.perf_counter()
    assert "20,000 values" in problem_of("\n".join(lines))
    assert time.perf_counter() - started < 5


def test_an_alias_of_itself_is_refused():
    assert "nested more than" in problem_of("a: &a [*a]")


@pytest.mark.parametrize(
    "text", ["", "# only a comment", "a: 1\n---\nb: 2", "a: [1, 2", "a: !!python/object:os.x 1", "\0", "[" * 600]
)
def test_text_that_is_no_plain_document_is_one_problem(text):
    assert problem_of(text).startswith("s.yaml:")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_tree_or_problems_and_never_raises(text):
    problems = Problems("s.yaml")
    assert isinstance(read(text, problems), (Scalar, Listed, Mapped, type(None)))
    assert all(1 <= problem.line <= len(text.splitlines()) + 1 for problem in problems.found)


def test_scalars_survive_pickling_with_line_and_origin():
    again = pickle.loads(pickle.dumps(Scalar("5", 7, "parameters.fast")))
    assert (str(again), again.line, again.origin) == ("5", 7, "parameters.fast")
