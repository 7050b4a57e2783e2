"""What Markdown sees of names and numbers."""

from __future__ import annotations

from bnstat.renderers.markdown import escaped, finding, table


def test_a_table_has_its_first_columns_to_the_left():
    assert table(("a", "b"), [("x ", " 1")], left=1) == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_names_are_never_markup_a_link_or_control_characters():
    assert escaped("a*b_c|d<e>`f`") == r"a\*b\_c\|d\<e\>\`f\`"
    assert escaped("[x](http://y)") == r"\[x]\(http:\//y)"
    assert escaped("\x1b[31m") == r"\\x1b[31m"


def test_no_break_spaces_of_a_message_stay():
    assert finding("error BN101", "1\u00a0% of *x*") == "- **error BN101**: 1\u00a0% of \\*x\\*"
