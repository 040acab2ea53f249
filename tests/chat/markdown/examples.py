"""Texts as models write them: both renderers are held to these, one by one and side by side."""

ORDINARY = [
    "# Title\n\nText with **bold**, *italics*, ~~no~~ and `code`.\n\n### Skipped a level\n\n## Back\n\n#### Deep\n",
    "line one\nline two\n\nafter a gap",
    "- [ ] open\n- [x] done **now**\n  1. nested\n  2. [x] not a task list bullet\n\n* [X] other\n",
    "| a | b | c |\n|:--|:-:|--:|\n| 1 | `x|y` | 3 |\n| <br> | two<br>lines | |\n",
    "```python\ndef f(x):\n    return x < 1 & 2\n```\n\n~~~\nplain\n~~~\n\n    indented <b>\n",
    "```unknown-language\n<script>\n```\n```PYTHON title=x\npass\n```",
    "> quote\n> - with a list\n>\n> $$\n> a\n> $$\n",
    "3. three\n4. four\n\n---\n\n[ref] and [text][ref]\n\n[ref]: https://example.com 'Title'\n",
    "Go to https://example.com/a?b=1&c=2, or http://example.org. Not main.py, not example.com, not me@example.com.",
    'See [a link](https://example.com "it\'s") and <https://example.com/x> and [mail](mailto:a@example.com).',
    "H<sub>2</sub>O, x<sup>2</sup>, <kbd>Ctrl</kbd>, a<br>b<br/>c, <mark>m</mark>, unclosed <sub>text\n\nnext",
    "An unclosed **bold and `code and [link](https://exa",
    "```js\nstill open",
    "&amp; &lt; &copy; \\* \\[ \\$ \\\\",
    "* a\n\n  second paragraph\n\n  ```sh\n  ls\n  ```\n* b",
    "Term: x_y_z and snake_case_name, 2*3*4, **a**b**c**",
]
CHINESE = [
    "**注意（必读）**后面还有字。这是**“引用”**的话，以及**重点。**",
    "看https://example.com/路径。谢谢！再看（https://example.com/b）。",
    "函数$f(x)$的值是$y$，价格$5和$6。",
    "- **第一点：**说明\n- **第二点**：说明\n",
    "한국어**강조(참고)**입니다. これは**「強調」**です。",
]
FORMULAS = [
    "Inline $x^2$, $$y$$, \\(a<b\\) and \\[c_1\\] in a line.",
    "$$\n\\int_0^1 x\\,dx\n$$\n",
    "The formula:\n$$E = mc^2$$\nand on.",
    "\\[\n\\begin{aligned}\na &= b \\\\[4pt]\n&= c\n\\end{aligned}\n\\]\n",
    "It costs $5 to $10, or US$7, or 3$ each; $ alone, and \\$x\\$.",
    "1. Step\n\n   $$\n   a\n   $$\n2. Next \\(b\\)\n",
    "`$x$` and\n\n```\n$$y$$\n```\n\n    $$z$$\n",
    "$$\nnever closed\n\nparagraph",
    "$$ $$ and $$\n\n$$\n\n$$ empty",
    "[$a$](https://example.com) **$b$** | $|c|$",
    "$\\text{a \\$ b}$ and $a\n+ b$",
]
PICTURES = [
    "![own](/api/v1/files/0b3e/content 'Title') ![inline](data:image/png;base64,iVBORw0KGgo=)",
    "![remote **alt**](https://evil.example/x.png) ![](//evil.example/y.png) ![x](http://evil.example)",
    "[![badge](https://evil.example/b.svg)](https://example.com)",
]
# Nothing of these may run, load, or leave the page.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "text <b onmouseover=alert(1)>b</b> <svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](&#106;avascript:alert(1)) [w](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=) ![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '<javascript:alert(1)> <https://example.com/"onclick=alert(1)>',
    '[x](https://example.com/"onmouseover="alert(1)) [y](https://example.com \'" onclick="alert(1)\')',
    '![" onerror="alert(1)](/api/v1/files/x) ![x](/api/v1/files/"onerror="alert(1))',
    '```"><script>alert(1)</script>\ncode\n```',
    "```html\n<img src=x onerror=alert(1)>\n```",
    "$\\href{javascript:alert(1)}{x}$ $<img src=x onerror=alert(1)>$",
    "$$\n</div><script>alert(1)</script>\n$$",
    "<style>body{display:none}</style><link rel=stylesheet href=//evil.example>",
    "<br onclick=alert(1)> <sub style=color:red>x</sub> <mark/onclick=alert(1)>",
    '<a href="javascript:alert(1)">x</a> <form action=//evil.example><input name=q></form>',
    "<!-- --><script>alert(1)</script> <![CDATA[ <img src=x> ]]> <?php ?>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "|<img src=x onerror=alert(1)>|\n|--|\n|[x](javascript:alert(1))|",
    "[a]: javascript:alert(1)\n\n[a] [text][a]",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    "![x](/api/v1/files/../../accounts/logout/) ![x](/accounts/logout/) ![x](\\\\evil.example\\x)",
]
ALL = [*ORDINARY, *CHINESE, *FORMULAS, *PICTURES, *HOSTILE]
