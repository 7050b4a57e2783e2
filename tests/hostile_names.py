"""Names of strangers that a terminal, a log, a spreadsheet, a browser or a parser would obey, or would lose."""

from __future__ import annotations

import os

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http:∕∕evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x07bell\x08\x7fdelete",
    "\x9b31mC1\x85next",
    "new\nline",
    "carriage\rreturn",
    "tab\tform\x0cfeed\x0b",
    "separator\u2028and\u2029more",
    "left\u202eright\u2066isolate\u2069",
    "zero\u200bwidth\ufeff\u00ad",
    "tag\U000e0041\U000e007f",
    os.fsdecode(b"caf\xe9\xff"),
    "##[error]no",
    "##vso[task.setvariable variable=x]y",
    "x ##[add-mask]y ##teamcity[message text='z']",
    "::error::no",
    "  ::add-mask::no",
    "::error file=a,line=1::no",
    "new\n::set-output name=x::y",
    "=cmd|' ∕C calc'!A0",
    "@SUM(1+1)*cmd|' ∕C calc'!A0",
    "+1+2",
    "-2+3",
    "a;=1+1",
    "\t=1+1",
    r"back\x1bslash \n \\ \u0041",
    "\"double\", 'single'",
    "![x](http:∕∕evil.example∕x.png)",
    "[link](javascript:alert(1)) <javascript:x>",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)<∕script>",
    "| cell | `code` *b* _i_ ~~s~~ |",
    "# heading",
    "1. item",
    "www.evil.example and me@evil.example and @everyone #1",
    "a & b &lt; &amp; &#27;",
    "]]> --> <!--",
    "{{ 7*7 }}{% raw %}${7*7} {0} %s %(x)s",
)

# Text that no file name can be, since it has slashes: names of channels, groups, layers.
WITH_SLASHES = (
    *HOSTILE,
    "![x](http://evil.example/x.png)",
    "[x][y]",
    "[y]: http://evil.example",
    "https://evil.example/?q=1",
    "</script></pre><svg onload=alert(1)>",
)
