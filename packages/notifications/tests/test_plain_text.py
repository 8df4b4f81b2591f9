from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.plain_text import text_of_html
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<b>bold</b> and <i>italic</i>", "bold and italic"),
        ("a  \n <b> b</b>", "a b"),
        ("1 &lt; 2 &amp; 3 &#x263a;", "1 < 2 & 3 ☺"),
        ("<h1>Title</h1><p>One.</p><p>Two.</p>", "Title\n\nOne.\n\nTwo."),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<ul><li>one<li>two</ul>after", "- one\n- two\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<a href="https://x.org/r">report</a>', "report (https://x.org/r)"),
        ('<a href="https://x.org">https://x.org</a>', "https://x.org"),
        ('<a href="mailto:a@x.org">a@x.org</a>', "a@x.org"),
        ('<a href="#top">up</a>', "up"),
        ('<img src="x.png" alt="a chart">', "a chart"),
        ("<head><title>t</title><style>p {}</style></head><body>seen</body>", "seen"),
        ("<script>var x = '<p>';</script>seen<!-- unseen -->", "seen"),
        ("<p>not <b>closed", "not closed"),
        ("", ""),
    ],
)
def test_visible_text_is_kept(html, text):
    assert text_of_html(html) == text


@given(st.text(alphabet="<>/abip &;\"'=-!\n "))
def test_malformed_html_is_accepted(html):
    text = text_of_html(html)

    assert "\n\n\n" not in text


@given(st.lists(st.from_regex(r"[a-zäöü0-9.,]{1,8}", fullmatch=True), min_size=1))
def test_no_word_is_lost(words):
    html = "<p>" + "</p><p><b>".join(words) + "</b></p>"

    assert text_of_html(html).split() == words
