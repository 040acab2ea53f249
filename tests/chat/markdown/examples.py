"""Example texts of models, with which both Markdown renderers are tested and compared."""

ORDINARY = [
    "# Title\n\nText with **bold**, *italics*, ~~no~~ and `code`.\n\n### Skipped a level\n\n## Back\n\n#### Deep\n",
    "line one\nline two\n\nafter a gap",
    "- [ ] [link](https://example.com) and **bold**\n  - [X] nested\n\n1. [x]\n2. [ ] loose\n\n   more",
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
# Text with bold parts → those parts. https://github.com/tats-u/markdown-cjk-friendly has the rule and more of these.
BOLD = {
    "**历经10年发展，**a": ["历经10年发展，"],
    "GPT**（新）**和": ["（新）"],
    "**推荐几个框架：**React、Vue等前端框架。": ["推荐几个框架："],
    "税込**¥10,000**で入手できます。": ["¥10,000"],
    '太郎は**"Hello"**といった': ['"Hello"'],
    "**C#**や**F#**は**「.NET」**という": ["C#", "F#", "「.NET」"],
    "先頭の**`コード`も注意。**です": ["コードも注意。"],
    "这是**[链接](https://example.com)**的话": ["链接"],
    "𰻞𰻞**（ビャンビャン）**麺": ["（ビャンビャン）"],
    "葛\U000e0100**(こちらが正式表記)**城市": ["(こちらが正式表記)"],
    "**“\ufe01Git”\ufe01**Hub": ["“\ufe01Git”\ufe01"],
    "**이 [링크](https://example.com)**만을": ["이 링크"],
    "a**〽**a": ["〽"],
    "**真…**她 **真—**她 **真·**她": ["真…", "真—", "真·"],
    "中文*（斜体）*中文**不闭合": [],
    "a**«a**a": [],
    "a**😀a**a": [],
    "snake__（不）__case": [],
    "**注意** __：__ **完**": ["注意", "：", "完"],
}
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
# Text → the formulas in it.
FORMULAS_IN = {
    "$5 and `x$y`": [],
    "It costs $5 or `$6`, and `a` costs 7$.": [],
    "a$b$c, x$y and 3$4": [],
    "$5 and x$y, $x$y": [],
    "Between $5 and 6$.": [],
    "It costs $1,000.50 per unit$ or so": [],
    "US$7 to US$8, $HOME/bin:$PATH, ${a}$b": [],
    "the $n$th, the $i$-th and two $x$s": ["n", "i", "x"],
    "$5x + 3$ and $2 \\pi r$": ["5x + 3", "2 \\pi r"],
    "函数$f(x)$的值，以及$5$": ["f(x)", "5"],
    "\\(a `b\\)` c\\) and \\(d\\)": ["d"],
    "\\[a\\] `\\[b\\]` \\[c": ["a"],
    "$$a `$$` b": [],
    "$a ` b$ and $c$": ["a ` b", "c"],
    "[$c$](https://example.com) and **$d$**": ["c", "d"],
    "\\$a$ b$ and $\\$c$": ["\\$c"],
    "$$\n```\n$$\n```\n\n$$\nd\n$$": ["d"],
    "- \\[\n  a\n\\]\n\n\\[\nb\n\\]": ["a", "b"],
    "> $$\n> a\n> $$\n>\n> $$ b\nc $$": ["a", "b\nc"],
}
ADDRESSES = [
    f"https://example.com/{'a' * 1_900} https://example.com/{'b' * 2_100} [x](https://example.com/{'c' * 2_100})",
    "(https://example.com/x) [https://example.com/y] **https://example.com/z** xhttps://example.com x://example.com",
    "[https://example.com/[https://example.com/[ ftp://example.com/a mailto:a@example.com",
]
FOOTNOTES = [
    "Water boils at 100 °C[^1], salt water later.[^salt]\n\n[^1]: At sea level.\n[^salt]: By **little**.\n",
    "Later first[^b], then[^a], and again[^b].\n\n[^a]: A\n[^b]: B [link](https://example.com) and `code`\n",
    "Long[^l].\n\n[^l]: One paragraph,\n    that goes on.\n\n    - a list\n    - in it\n\n        code\n\nAfter it.",
    "[^first]: Above its reference.\n\nText[^first]; unknown[^none]; [^ no], [^], `[^first]`, \\[^first].",
    "A paragraph\n[^n]: ends here.\nlazy\n\n- a list[^n]\n[^m]: and here, with nothing that refers to it",
    "> quoted[^q]\n> [^q]: none in here\n[^q]: but here\n\n- in a list\n  [^z]: neither\n",
    "[a link[^1]](https://example.com)[^1](https://example.com)\n\n| a[^1] |\n|--|\n| b |\n\n[^1]:\n[^1]: twice\n",
    "# Title[^中文]\n\n[^中文]: 注释，参见[^2]。\n[^2]: ```\n    code\n    ```\n",
]
PICTURES = [
    "![own](/api/v1/files/0b3e/content 'Title') ![inline](data:image/png;base64,iVBORw0KGgo=)",
    "![remote **alt**](https://evil.example/x.png) ![](//evil.example/y.png) ![x](http://evil.example)",
    "[![badge](https://evil.example/b.svg)](https://example.com)",
]
# Thoughts whose steps have titles, of two kinds.
STEPS = [
    "**Reading the question**\n\nIt asks for **two** things.\n\n**Comparing**\nand more\n\n**Writing** it **down**",
    "# Plan\n\n1. **one**\n2. two\n\n## Check\n\nText.\n\n- **loose**\n\n- item\n\n***all***\n\n**`code`**",
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
ALL = [*ORDINARY, *CHINESE, *BOLD, *FORMULAS, *FORMULAS_IN, *FOOTNOTES, *PICTURES, *HOSTILE, *ADDRESSES]
