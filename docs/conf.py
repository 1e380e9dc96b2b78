"""The site: sphinx-build -W docs build/site

Pages are Markdown that reads well without the site; this file holds all that only the site needs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "pipekit"
author = "the authors of pipekit"
version = release = PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["_build"]
language = "en"

# -- pages

# What stands in the sidebar. Pages hold no directives, so that they read well without the site;
# a page of a folder stands in the folder's index.
CONTENTS = {
    "Begin": ["quickstart", "concepts", "documents", "attributes", "training"],
    "Use": [
        "many-documents",
        "jobs",
        "rules",
        "tables",
        "rendering",
        "only-what-you-need",
        "command-line",
    ],
    "Build": [
        "components/index",
        "encoders/index",
        "recipes",
        "pretraining",
        "published-networks",
        "generation",
        "plugins",
        "contracts",
        "promises",
    ],
    "Come from": ["from-*", "spacy-names"],
    "Trust": ["measured", "figures", "reliability"],
    "Look up": ["api/index"],
    "По-русски": ["ru/index", "ru/quickstart", "ru/training", "ru/plugins"],
}

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline", "attrs_block"]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto"]
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "text"

# -- the look

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"pipekit {release}"
html_static_path = ["_static"]
html_css_files = ["pipekit.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
templates_path: list[str] = []
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b5c6b",
        "color-brand-content": "#0b5c6b",
        "color-brand-visited": "#5b4a8a",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fd0df",
        "color-brand-content": "#7fd0df",
        "color-brand-visited": "#b9a8e6",
    },
}

# -- the reference

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
toc_object_entries_show_parents = "hide"
autodoc_preserve_defaults = True
autodoc_use_type_comments = False
python_maximum_signature_line_length = 80
python_display_short_literal_types = True
add_module_names = False
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

_OUTSIDE = re.compile(r"\]\((?:\.\./)+([^)\s]+)\)")
_NAME = re.compile(r"^#+ `(pipekit[\w.]*)`$", re.MULTILINE)
_CODE = re.compile(r"(?<![`\\])(`+)(?!`)([^`]+)\1(?!`)")
_SECTION = re.compile(r"(Args|Attributes|Returns|Settings of a recipe alone):$")
_INDENT = 4


def outside_links(
    app: Any,
    docname: str,
    content: list[str],
) -> None:
    """Links to files outside of docs/ lead to the repository, where it has an address.

    The site holds pages alone. Where `project.urls` names no address, the name of the file stands.
    """
    folder = (ROOT / "docs" / docname).parent
    repository = PROJECT.get("urls", {}).get("Source", "")

    def replaced(link: re.Match[str]) -> str:
        target = link[0][2:-1].partition("#")[0]
        path = (folder / target).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return link[0]
        place = path.relative_to(ROOT).as_posix()
        if repository and "example.org" not in repository:
            return f"]({repository}/blob/main/{place})"
        return f']{{title="{place}"}}'

    content[0] = _OUTSIDE.sub(replaced, content[0])


def contents(
    app: Any,
    docname: str,
    content: list[str],
) -> None:
    """The tables of contents, which Sphinx wants within pages."""
    if docname == "index":
        for caption, pages in CONTENTS.items():
            content[0] += toctree(caption, pages)
    elif docname in ("components/index", "encoders/index", "api/index"):
        content[0] += toctree("", ["*"])


def docstrings(
    app: Any,
    docname: str,
    content: list[str],
) -> None:
    """A heading that is a dotted name gets the docstrings of what it names."""
    if docname.startswith("api/"):
        content[0] = _NAME.sub(lambda name: f"{name[0]}\n\n{reference(name[1])}", content[0])


def reference(name: str) -> str:
    """The directive that shows the docstrings of an object."""
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
    except (AttributeError, ValueError):
        found = import_module(name)
    options = ["   :members:"]
    if isinstance(found, ModuleType):
        directive, options = "automodule", ["   :members:"]
    elif isinstance(found, type) and issubclass(found, Exception):
        directive, options = "autoexception", ["   :show-inheritance:"]
    elif isinstance(found, type):
        directive = "autoclass"
    elif callable(found):
        directive, options = "autofunction", []
    else:
        directive, options = "autodata", []
    return "\n".join(["```{eval-rst}", f".. {directive}:: {name}", *options, "```"])


def toctree(
    caption: str,
    pages: list[str],
) -> str:
    """A hidden table of contents, which the sidebar shows."""
    lines = ["", "```{toctree}", ":hidden:", ":glob:", f":caption: {caption}", "", *pages, "```"]
    return "\n".join(line for line in lines if line != ":caption: ") + "\n"


def markdown_docstring(
    app: Any,
    what: str,
    name: str,
    found: object,
    options: object,
    lines: list[str],
) -> None:
    """Docstrings are Markdown with the sections of napoleon: make reStructuredText of them.

    Code stands in backquotes, blocks of code and diagrams are indented by four columns. The lines
    of a section are indented too, and stay as they are.
    """
    source = list(lines)
    lines.clear()
    within = False  # a section
    block = False  # code
    for row, line in enumerate(source):
        indent = len(line) - len(line.lstrip())
        if _SECTION.match(line):
            within = True
            line = line.replace("Settings of a recipe alone", "Other Parameters")
        elif line and not indent:
            within = False
        base = _INDENT * (2 if within else 0) + (0 if within else _INDENT)
        starts = indent >= base and (not row or not source[row - 1].strip())
        if line.strip() and indent < base:
            block = False
        elif line.strip() and starts and not block:
            margin = " " * (base - _INDENT)
            lines += (
                ["", f"{margin}.. code-block:: text", ""]
                if is_drawing(source, row)
                else [
                    "",
                    f"{margin}.. code-block:: python",
                    "",
                ]
            )
            block = True
        lines.append(line if block else _CODE.sub(r"``\2``", line))


def is_drawing(
    lines: list[str],
    row: int,
) -> bool:
    """Whether a block is a diagram or a table, and no Python."""
    block = []
    for line in lines[row:]:
        if line.strip() and not line.startswith(" " * _INDENT):
            break
        block.append(line)
    text = "\n".join(line[_INDENT:] for line in block)
    try:
        compile(text, "docstring", "exec")
    except SyntaxError:
        return True
    return False


def visit_math(
    writer: Any,
    node: Any,
) -> None:
    """A formula within a line, as MathML: no script, and nothing from another site."""
    writer.body.append(convert(node.astext()))
    raise SkipNode


def visit_math_block(
    writer: Any,
    node: Any,
) -> None:
    """A formula of its own, which scrolls where it is wider than the page."""
    writer.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app: Any) -> None:
    """Hooks of the site."""
    app.connect("source-read", outside_links)
    app.connect("source-read", contents)
    app.connect("source-read", docstrings)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("autodoc-process-docstring", markdown_docstring, priority=100)
