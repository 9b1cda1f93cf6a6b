"""A study in which everything that a model, a pack, a judge or a person can write is hostile to the page that shows it."""

import json
from pathlib import Path
from unittest import mock

from db import transaction
from tests.support import synthetic_study
from tests.support.synthetic_study import build_study

# Each is to end as text. What would run sets `window.taken`, asks for a file elsewhere, or opens a dialog.
_RUNS = "window.taken=1;alert(1)"
HOSTILE = (
    f"<script>{_RUNS}</script>",
    f"</script><script>{_RUNS}</script>",
    f"<!--<script>{_RUNS}</script>-->",
    f"--><script>{_RUNS}</script>",
    f"]]><script>{_RUNS}</script>",
    f"</style><script>{_RUNS}</script>",
    f"</title><script>{_RUNS}</script>",
    f"</textarea><script>{_RUNS}</script>",
    f"</noscript><script>{_RUNS}</script>",
    f"<img src=x onerror={_RUNS}>",
    f'"><img src=x onerror="{_RUNS}">',
    f"'><img src=x onerror='{_RUNS}'>",
    f'" onmouseover="{_RUNS}" x="',
    f"' onfocus='{_RUNS}' autofocus='",
    f"<svg onload={_RUNS}>",
    f"<svg><script>{_RUNS}</script></svg>",
    f"<svg><animate onbegin={_RUNS} attributeName=x dur=1s>",
    f"<math><mtext><table><mglyph><style><img src onerror={_RUNS}>",
    f"<details open ontoggle={_RUNS}>",
    f"<video><source onerror={_RUNS}></video>",
    f"<body onload={_RUNS}>",
    f"<iframe srcdoc='<script>parent.{_RUNS}</script>'></iframe>",
    f"<a href='javascript:{_RUNS}'>click</a>",
    f"[click](javascript:{_RUNS})",
    "<iframe src='http://elsewhere.example/'></iframe>",
    "<object data='http://elsewhere.example/x.swf'></object>",
    "<embed src='http://elsewhere.example/x'>",
    "<link rel=stylesheet href='http://elsewhere.example/x.css'>",
    "<base href='http://elsewhere.example/'>",
    "<meta http-equiv=refresh content='0;url=http://elsewhere.example/'>",
    "<form action='http://elsewhere.example/'><button>go</button></form>",
    "<style>*{display:none}@import 'http://elsewhere.example/x.css'</style>",
    "background:url(http://elsewhere.example/x.png)",
    "![image](http://elsewhere.example/x.png)",
    "</div></div></td></tr></table></section></main><h1>Taken over</h1>",
    "{{ 7*7 }} {% for x in ().__class__.__bases__ %}{{ x }}{% endfor %} ${7*7} #{7*7}",
    "%{x} %{customdata} <extra>more</extra> <br> <b>bold</b> <sup>up</sup>",
    "$\\unicode{<script>}$ $$x^2$$ \\(y\\)",
    "&lt;script&gt; &amp;lt; &#60;b&#62; &nbsp; &quot;",
    "\\u003cscript\\u003e \\x3cscript\\x3e %3Cscript%3E",
    "before\x00after \x1b[31mred\x1b[0m \x07 \x7f \x9b",
    "left \u202eright\u202c \u2066isolated\u2069 \u200bzero\u200d \ufeff",
    "one\u2028two\u2029three\r\nfour\tfive\x0bsix",
    "שלום עולם مرحبا بالعالم",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031ea\u0369\u0308l\u0363\u0364g\u0308o",
    "😀 👩\u200d👩\u200d👧\u200d👦 🇨🇭 𝕏 \U0010ffff",
    "x" * 3_000,
    "__proto__",
    "constructor.prototype | a | b | `code` ~~struck~~ # title",
    "=cmd|' /C calc'!A0  +1 -1 @SUM(1)",
    ":red[**red**] :blue-background[ground] :material/skull: :skull: :small[small] :streamlit:",
    "[elsewhere](http://elsewhere.example/) <http://elsewhere.example/> http://elsewhere.example/ www.elsewhere.example",
)


def build_hostile_study(folder: Path) -> Path:
    """A study with a concept for each hostile string, and hostile strings in every other field."""
    about = tuple(
        (term, HOSTILE[-1 - i], 1 + 9 * (i // 2 % 2), 1 + 19 * (i % 2), "ABDC"[i % 4]) for i, term in enumerate(HOSTILE)
    )
    outputs = iter(HOSTILE * 20)

    def write(concept: str, definition: str, good: float, rng: object) -> str:
        text = next(outputs)
        # Half of them are long enough to be in good form.
        return (
            f"{text} {concept} was seen here by all who came, and it is told of in more than one old book."
            if good
            else text
        )

    with (
        mock.patch.object(synthetic_study, "ABOUT", about),
        mock.patch.object(synthetic_study, "write_text", write),
        mock.patch.object(synthetic_study, "_explain", lambda concept, rating: f"{HOSTILE[rating]} {concept}"),
    ):
        build_study(folder, n_concepts=len(HOSTILE), n_pairs=6, n_between=1, baseline=False)
    with transaction(folder) as cursor:
        for statement, values in _STATEMENTS:
            cursor.execute(statement, values)
    return folder


_CONFIG = json.dumps({"model": HOSTILE[1], "pack": HOSTILE[10], HOSTILE[12]: HOSTILE[13], "stop": [HOSTILE[0]]})
_STATEMENTS = (
    ("update runs set name = $a, model = $b, template_set = $c", {"a": HOSTILE[0], "b": HOSTILE[10], "c": HOSTILE[12]}),
    ("update runs set config = $a, versions = $b", {"a": _CONFIG, "b": json.dumps({HOSTILE[1]: HOSTILE[9]})}),
    (
        "update packs set name = $a, version = $b, senses_mean = $c",
        {"a": HOSTILE[2], "b": HOSTILE[11], "c": HOSTILE[4]},
    ),
    ("update judges set backend = $a, model = $b, rubric = $a", {"a": HOSTILE[3], "b": HOSTILE[14]}),
    ("update run_concepts set quadrant_reason = $a where quadrant is null", {"a": HOSTILE[1]}),
    ("update judgments set unscored_reason = $a where rating is null", {"a": HOSTILE[9]}),
)
