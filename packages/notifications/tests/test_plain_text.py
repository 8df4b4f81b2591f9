from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.plain_text import html_to_text
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<b>bold</b> and <i>italic</i>", "bold and italic"),
        ("a  \n <b> b</b>", "a b"),
        ("1 &lt; 2 &amp; 3 &#x263a; &hearts;&copy", "1 < 2 & 3 ☺ ♥©"),
        ("no&nbsp;&nbsp;break, soft&shy;hyphen", "no  break, softhyphen"),
        ("<h1>Title</h1><p>One.</p><p>Two.</p>", "Title\n\nOne.\n\nTwo."),
        ("one<br>two<br/>three<br><br>four", "one\ntwo\nthree\n\nfour"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<p>one</p><hr><p>two</p>", "one\n\n---\n\ntwo"),
        ("<blockquote>said</blockquote>after", "said\n\nafter"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<img src="x.png" alt="a chart">', "a chart"),
        ("<script>var x = '<p>';</script>seen<!-- unseen -->", "seen"),
        ("<noscript>without scripts</noscript>", "without scripts"),
        ('<p hidden>no</p><p style="DISPLAY : none">no</p><p style="color: red">yes', "yes"),
        ("", ""),
    ],
)
def test_visible_text_is_kept(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>one<li>two</ul>after", "- one\n- two\nafter"),
        ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
        ('<ol start="7"><li>one<li>two</ol>', "7. one\n8. two"),
        ("<ul><li>one<ul><li>deep</ul><li>two</ul>", "- one\n  - deep\n- two"),
        ("<ul><li><p>one</p><p>more</p><li>two</ul>", "- one\n\nmore\n\n- two"),
        ("<dl><dt>term<dd>meaning</dl>", "term\nmeaning"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<table><tr><th>step<th>state<tr><td>1<td>failed</table>", "step state\n1 failed"),
        ("<table><tr><td><p>one</p></td><td>two</td></tr></table>", "one\n\ntwo"),
    ],
)
def test_lists_and_tables_are_laid_out_in_lines(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://x.org/r">report</a>', "report (https://x.org/r)"),
        ('see <a href="https://x.org/r">the report</a>.', "see the report (https://x.org/r)."),
        ('<a href="https://x.org">https://x.org</a>', "https://x.org"),
        ('<a href="mailto:a@x.org">a@x.org</a>', "a@x.org"),
        ('<a href="mailto:a@x.org">Ann</a>', "Ann (a@x.org)"),
        ('<a href="tel:+15555550100">call</a>', "call (+15555550100)"),
        ('<a href="#top">up</a>', "up"),
        ('<a href="javascript:go()">go</a>', "go"),
        ('<a href="https://x.org"><img src="x.png"></a>', "https://x.org"),
        ("<a>no link</a>", "no link"),
    ],
)
def test_links_are_followed_by_their_urls(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<!doctype html><html><head><title>T</title></head><body><p>seen</p></body></html>",
        "<!doctype html><html><head><title>T</title><body><p>seen</p>",
        "<!doctype html><head><meta charset=utf-8><title>T</title><p>seen",
        "<title>T</title><style>p {}</style><p>seen",
        "<p>seen<table></table>",
        "<body><p>seen</body></html>",
        "<p>s<b>ee<i>n</b></i>",
    ],
)
def test_optional_tags_can_be_omitted(html):
    assert html_to_text(html) == "seen"


@given(st.text(alphabet="<>/abiplutrd &;\"'=-!\n "))
def test_malformed_html_is_accepted(html):
    html_to_text(html)


@pytest.mark.parametrize("html", ["<div>" * 50_000, "<ul><li>" * 1_000, "<b><p>" * 1_000])
def test_html_can_be_nested_to_any_depth(html):
    assert html_to_text(f"{html}seen").endswith("seen")


@given(st.lists(st.from_regex(r"[a-zäöü0-9.,]{1,8}", fullmatch=True), min_size=1))
def test_no_word_is_lost(words):
    html = "<p>" + "</p><p><b>".join(words) + "</b></p>"

    assert html_to_text(html).split() == words
