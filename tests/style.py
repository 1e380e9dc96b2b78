"""How dense the lines of the package are, and which names are used for too much.

python -m tests.style                 figures of the package beside their goals
python -m tests.style FILE_OR_FOLDER  figures of a part of it, and its densest lines
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "pipekit"
WIDTH = 100
DENSE = 30  # syntax nodes that no line may have more of
VAGUE = {"found", "one", "given", "said", "told", "made", "chosen", "kept", "known"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
GOALS = {
    "syntax nodes in a line of code": 8.0,
    f"lines of more than {DENSE} nodes": 0,
    f"lines wider than {WIDTH} columns": 0,
    "nested comprehensions in 100 lines": 0.1,
    "conditional expressions in 100 lines": 1.4,
    "functions with a vague name in them, percent": 1.1,
}


@dataclass
class Style:
    """What is counted in some files; `dense` are places with their number of nodes."""

    nodes: int = 0
    lines: int = 0
    nested: int = 0
    conditional: int = 0
    functions: int = 0
    vague: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    dense: list[tuple[int, str]] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Each figure by its name, as in `GOALS`."""
        values = (
            self.nodes / max(self.lines, 1),
            len([nodes for nodes, _ in self.dense if nodes > DENSE]),
            len(self.wide),
            100 * self.nested / max(self.lines, 1),
            100 * self.conditional / max(self.lines, 1),
            100 * len(self.vague) / max(self.functions, 1),
        )
        return dict(zip(GOALS, values, strict=True))


def style_of(paths: Iterable[Path]) -> Style:
    """The style of some files together."""
    style = Style()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        tree = ast.parse(text)
        documented = _docstring_lines(tree)
        for number, line in enumerate(lines, 1):
            if len(line) > WIDTH:
                style.wide.append(f"{path}:{number}")
            is_code = line.strip() and not line.strip().startswith("#")
            style.lines += bool(is_code and number not in documented)
        _count_nodes(style, path, tree)
    return style


def _count_nodes(style: Style, path: Path, tree: ast.Module) -> None:
    by_line: Counter[int] = Counter()
    for node in ast.walk(tree):
        style.nodes += 1
        if hasattr(node, "lineno"):
            by_line[node.lineno] += 1
        style.conditional += isinstance(node, ast.IfExp)
        style.nested += isinstance(node, COMPREHENSIONS) and _is_nested(node)
        if isinstance(node, FUNCTIONS):
            style.functions += 1
            if VAGUE & set(_bound_names(node)):
                style.vague.append(f"{path}:{node.lineno}")
    style.dense += [(nodes, f"{path}:{line}") for line, nodes in by_line.items()]


def _is_nested(node: COMPREHENSIONS) -> bool:
    inner = [child for child in ast.walk(node) if isinstance(child, COMPREHENSIONS)]
    return len(node.generators) > 1 or len(inner) > 1


def _bound_names(function: FUNCTIONS) -> Iterator[str]:
    """The names that a function binds: its arguments and what it assigns, but not attributes."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _docstring_lines(tree: ast.Module) -> set[int]:
    """The lines of strings that stand as statements of their own."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            continue
        if isinstance(node.value.value, str):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def public_names(paths: Iterable[Path]) -> dict[str, list[str]]:
    """Where each public class, function and constant is defined."""
    places: dict[str, list[str]] = {}
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in _defined_names(node):
                if not name.startswith("_"):
                    places.setdefault(name, []).append(f"{path}:{node.lineno}")
    return places


def _defined_names(node: ast.stmt) -> list[str]:
    if isinstance(node, FUNCTIONS | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign) and not _is_type_variable(node.value):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _is_type_variable(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar"


def main(arguments: list[str]) -> int:
    """Print the figures; 1 where one of the package misses its goal."""
    place = Path(arguments[0]) if arguments else PACKAGE
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    style = style_of(paths)
    missed = 0
    for name, figure in style.figures().items():
        goal = GOALS[name]
        missed += figure > goal
        print(f"{name:50} {figure:8.2f}   goal {goal:5.1f} {'MISSED' if figure > goal else ''}")
    if arguments:
        for nodes, where in sorted(style.dense, reverse=True)[:10]:
            print(f"{nodes:4} nodes  {where}")
        for where in style.vague:
            print(f"vague name  {where}")
        for where in style.wide[:20]:
            print(f"wide        {where}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
